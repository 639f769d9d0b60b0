[[ -x configure ]] || autoreconf -fi
./configure --build="$HOST_TRIPLE" --host="$TARGET_TRIPLE" --disable-shared --enable-static --with-pic --disable-docs --disable-multi-os-directory --prefix="$OUT"
make -s -j"$JOBS"
make -s install
