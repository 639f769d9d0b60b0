# The distributions without extension modules, by their wheels.
"$PYTHON" -m pip install -q --target "$OUT/site" --only-binary=:all: --no-deps --require-hashes -r requirements.txt
