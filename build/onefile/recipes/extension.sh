# A distribution of build/lock/run.txt from its source archive: its extension modules are captured as objects, the rest is unpacked.
export CC="$CAPTURE_CC" CXX="$CAPTURE_CXX" LDSHARED="$CAPTURE_CC -shared" LDCXXSHARED="$CAPTURE_CXX -shared"
export CARGO=/usr/bin/cargo RUSTC=/usr/bin/rustc CARGO_BUILD_TARGET="$TARGET_RUST" CARGO_PROFILE_RELEASE_DEBUG=0
linker=CARGO_TARGET_$(tr 'a-z-' 'A-Z_' <<<"$TARGET_RUST")_LINKER
export "$linker=$CAPTURE_RUST"
for need in $NEEDS; do CFLAGS+=" -I$need/include" LDFLAGS+=" -L$need/lib"; done
export CFLAGS LDFLAGS
"$PYTHON" -m pip wheel -q --no-cache-dir --no-deps --no-build-isolation --no-binary=:all: --require-hashes -w wheel -r requirements.txt
"$PYTHON" -m zipfile -e wheel/*.whl "$OUT/site"
find "$OUT/site" -name '*.so' -delete
