[[ -x configure ]] || autoreconf -fi
./configure --build="$HOST_TRIPLE" --host="$TARGET_TRIPLE" --disable-shared --disable-xz --disable-xzdec --disable-lzmadec --disable-lzmainfo --disable-scripts \
    --disable-doc --disable-nls --prefix="$OUT"
make -s -j"$JOBS"
make -s install
