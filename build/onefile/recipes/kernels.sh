# Fairlead's own kernels, by the same setup.py as from source.
cp -r "$CHECKOUT/native" "$CHECKOUT/setup.py" .
CC="$CAPTURE_CC" LDSHARED="$CAPTURE_CC -shared" "$PYTHON" setup.py -q build_ext --build-lib build/lib.kernels-cpython-313 --build-temp temp --parallel "$JOBS"
