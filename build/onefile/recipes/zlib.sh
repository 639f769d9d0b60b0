CHOST="$TARGET_TRIPLE" ./configure --static --prefix="$OUT"
make -s -j"$JOBS" libz.a
make -s install
