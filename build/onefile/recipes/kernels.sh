# Fairlead's own kernels, by the same setup.py as from source. Several use lz4 and zstd: these are linked once, into the file, and here only
# stand-ins for them, which have nothing that could be folded into each kernel.
cp -r "$CHECKOUT/native" "$CHECKOUT/setup.py" .
mkdir stand-ins
for library in lz4 zstd; do "$CC" -shared -x c /dev/null -o "stand-ins/lib$library.so"; done
if [[ -z $NATIVE ]]; then
    facts=$(basename "$TARGET_PYTHON"/sysconfig/_sysconfigdata_*.py .py)
    export _PYTHON_SYSCONFIGDATA_NAME=$facts _PYTHON_HOST_PLATFORM="linux-$TARGET_ARCH"
fi
export CFLAGS="$CFLAGS -I$TARGET_PYTHON/include/python3.13 -I$DEP_LZ4/include -I$DEP_ZSTD/include" LDFLAGS="-L$PWD/stand-ins"
CC="$CAPTURE_CC" LDSHARED="$CAPTURE_CC -shared" "$PYTHON" setup.py -q build_ext --build-lib build/lib.kernels-cpython-313 --build-temp temp --parallel "$JOBS"
