# The distributions without extension modules, by their wheels.
for name in $PURE; do
    grep -A 500 -i "^$name==" "$CHECKOUT/build/lock/run.txt" | awk 'NR > 1 && /^[a-zA-Z]/ { exit } { print }'
done >requirements.txt
"$PYTHON" -m pip install -q --target "$OUT/site" --only-binary=:all: --no-deps --require-hashes -r requirements.txt
