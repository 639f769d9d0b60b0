# The distributions without extension modules, by their wheels.
"$PYTHON" -m pip download -q --no-deps --only-binary=:all: --require-hashes -d archives -r requirements.txt
(cd archives && sha256sum -- *) >"$OUT/archives.txt"
"$PYTHON" -m pip install -q --target "$OUT/site" --no-deps archives/*.whl
