# A distribution of build/lock/run.txt from its source archive: its extension modules are captured as objects, the rest is unpacked.
export CC="$CAPTURE_CC" CXX="$CAPTURE_CXX" LDSHARED="$CAPTURE_CC -shared" LDCXXSHARED="$CAPTURE_CXX -shared"
export CFLAGS="$CFLAGS -I$TARGET_PYTHON/include/python3.13"
export CARGO=/usr/bin/cargo RUSTC=/usr/bin/rustc CARGO_BUILD_TARGET="$TARGET_RUST" CARGO_PROFILE_RELEASE_DEBUG=0
export RUSTFLAGS="--remap-path-prefix=$PWD=/fairlead"
linker() { echo "CARGO_TARGET_$(tr 'a-z-' 'A-Z_' <<<"$1")_LINKER"; }
if [[ -z $NATIVE ]]; then
    # Rust's standard library is built for the target from its source, and what asks Python how it was built is told of the target's.
    export RUSTC_BOOTSTRAP=1 CARGO_UNSTABLE_BUILD_STD=std,panic_unwind,panic_abort CARGO_UNSTABLE_BUILD_STD_FEATURES='' MATURIN_PEP517_ARGS=--skip-auditwheel
    export RUSTFLAGS="$RUSTFLAGS -C target-feature=-crt-static" "$(linker "$HOST_RUST")=/usr/bin/gcc"
    [[ $TARGET_LIBC != musl ]] || RUSTFLAGS+=" -C link-self-contained=no"
    export PYO3_CROSS_LIB_DIR="$TARGET_PYTHON/sysconfig" PYO3_CROSS_PYTHON_VERSION=3.13 build_alias="$HOST_TRIPLE" host_alias="$TARGET_TRIPLE"
    facts=$(basename "$TARGET_PYTHON"/sysconfig/_sysconfigdata_*.py .py)
    export _PYTHON_SYSCONFIGDATA_NAME=$facts _PYTHON_HOST_PLATFORM="linux-$TARGET_ARCH"
fi
export "$(linker "$TARGET_RUST")=$CAPTURE_RUST"
mkdir cargo
[[ ! -e $HOME/.cargo/config.toml ]] || cp "$HOME/.cargo/config.toml" cargo/
export CARGO_HOME=$PWD/cargo
for need in $NEEDS; do CFLAGS+=" -I$need/include" LDFLAGS+=" -L$need/lib"; done
export CFLAGS LDFLAGS
"$PYTHON" -m pip download -q --no-deps --no-build-isolation --no-binary=:all: --require-hashes -d archives -r requirements.txt
(cd archives && sha256sum -- *) >"$OUT/archives.txt"
mkdir source
tar -xf archives/*.tar.gz -C source --strip-components=1 --no-same-owner
crate() { sed -nE '/^\[package\]/,/^\[[^p]/s/^(name|version) *= *"(.*)"/\2/p' "$1/Cargo.toml" | sort | xargs; }
if [[ -z $NATIVE && -d source/include/cargo ]]; then
    # A distribution that brings its crates along allows no others: those of Rust's standard library go beside them.
    declare -A brought
    for folder in source/include/cargo/*/; do brought[$(crate "$folder")]=1; done
    for folder in /usr/lib/rustlib/src/rust/library/vendor/*/; do
        [[ ${brought[$(crate "$folder")]:-} ]] || cp -r "$folder" "source/include/cargo/std-$(basename "$folder")"
    done
fi
"$PYTHON" -m pip wheel -q --no-cache-dir --no-deps --no-build-isolation -w wheel ./source
"$PYTHON" -m zipfile -e wheel/*.whl "$OUT/site"
find "$OUT/site" -name '*.so' -delete
# The licences of what it brings along (C libraries, Rust crates) are handed on with its own.
mkdir "$OUT/licenses"
find source cargo -type f \( -iname 'licen[cs]e*' -o -iname 'copying*' \) ! -path '*/test*/*' | sort >licenses.txt
while read -r file; do cp "$file" "$OUT/licenses/${file//\//_}"; done <licenses.txt
