mkdir -p "$OUT/lib"
"$CC" $CFLAGS -O3 -DNDEBUG -DMI_MALLOC_OVERRIDE=1 -fno-builtin-malloc -ftls-model=local-exec -fvisibility=hidden -IObjects/mimalloc \
    -IInclude/internal/mimalloc -IInclude/internal -c "$CHECKOUT/build/onefile/launcher/heap.c" -o "$OUT/lib/mimalloc.o"
# CPython has another copy of it inside; of this one only malloc and its kin are to be seen.
"$BINUTILS_OBJCOPY" --wildcard --localize-symbol='*mi_*' --localize-symbol='_Py_*' "$OUT/lib/mimalloc.o"
