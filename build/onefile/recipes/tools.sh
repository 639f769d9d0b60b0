# What builds: zig, Cython, maturin and the build backends, for the interpreter that the part `python` makes.
python3 -m venv pip
pip/bin/pip install -q --target "$OUT" --python-version 3.13 --implementation cp --only-binary=:all: --no-deps --require-hashes \
    -r "$CHECKOUT/build/lock/binary-tools.txt"
