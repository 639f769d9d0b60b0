# The library alone, optimised as its authors do. To make, TARGET_ARCH is a compiler option.
CFLAGS="$CFLAGS -O3" make -s -C lib liblz4.a TARGET_ARCH=
mkdir -p "$OUT/lib" "$OUT/include"
cp lib/liblz4.a "$OUT/lib/"
cp lib/lz4.h lib/lz4hc.h lib/lz4frame.h "$OUT/include/"
