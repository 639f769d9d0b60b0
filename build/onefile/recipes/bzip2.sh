make -s -j"$JOBS" libbz2.a CC="$CC" AR="$AR" RANLIB="$RANLIB" CFLAGS="$CFLAGS -D_FILE_OFFSET_BITS=64"
mkdir -p "$OUT/lib" "$OUT/include"
cp libbz2.a "$OUT/lib/"
cp bzlib.h "$OUT/include/"
