# A distribution of build/lock/run.txt from its source archive: its extension modules are captured as objects, the rest is unpacked.
export CC="$CAPTURE_CC" CXX="$CAPTURE_CXX" LDSHARED="$CAPTURE_CC -shared" LDCXXSHARED="$CAPTURE_CXX -shared"
export CARGO=/usr/bin/cargo RUSTC=/usr/bin/rustc CARGO_BUILD_TARGET="$TARGET_RUST" CARGO_PROFILE_RELEASE_DEBUG=0
linker=CARGO_TARGET_$(tr 'a-z-' 'A-Z_' <<<"$TARGET_RUST")_LINKER
export "$linker=$CAPTURE_RUST"
mkdir cargo
[[ ! -e $HOME/.cargo/config.toml ]] || cp "$HOME/.cargo/config.toml" cargo/
export CARGO_HOME=$PWD/cargo
for need in $NEEDS; do CFLAGS+=" -I$need/include" LDFLAGS+=" -L$need/lib"; done
export CFLAGS LDFLAGS
"$PYTHON" -m pip download -q --no-deps --no-build-isolation --no-binary=:all: --require-hashes -d archives -r requirements.txt
(cd archives && sha256sum -- *) >"$OUT/archives.txt"
mkdir source
tar -xf archives/*.tar.gz -C source --strip-components=1 --no-same-owner
"$PYTHON" -m pip wheel -q --no-cache-dir --no-deps --no-build-isolation -w wheel ./source
"$PYTHON" -m zipfile -e wheel/*.whl "$OUT/site"
find "$OUT/site" -name '*.so' -delete
# The licences of what it brings along (C libraries, Rust crates) are handed on with its own.
mkdir "$OUT/licenses"
find source cargo -type f \( -iname 'licen[cs]e*' -o -iname 'copying*' \) ! -path '*/test*/*' | sort >licenses.txt
while read -r file; do cp "$file" "$OUT/licenses/${file//\//_}"; done <licenses.txt
