[[ -x configure ]] || ./bootstrap
./configure --build="$HOST_TRIPLE" --host="$TARGET_TRIPLE" --disable-shared --with-pic --prefix="$OUT"
make -s -j"$JOBS" -C src
make -s -C src install
make -s -C include install
