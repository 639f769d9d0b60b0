# The library alone, optimised as its authors do: one thread, no dictionary builder, no formats of before 1.0. To make, TARGET_ARCH is a
# compiler option.
CFLAGS="$CFLAGS -O3" make -s -j"$JOBS" -C lib libzstd.a ZSTD_LEGACY_SUPPORT=0 ZSTD_LIB_DICTBUILDER=0 TARGET_ARCH=
mkdir -p "$OUT/lib" "$OUT/include"
cp lib/libzstd.a "$OUT/lib/"
cp lib/zstd.h lib/zstd_errors.h "$OUT/include/"
