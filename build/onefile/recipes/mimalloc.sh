mkdir -p "$OUT/lib"
"$CC" $CFLAGS -O3 -DNDEBUG -DMI_MALLOC_OVERRIDE=1 -fno-builtin-malloc -ftls-model=local-exec -fvisibility=hidden -IObjects/mimalloc \
    -IInclude/internal/mimalloc -IInclude/internal -c "$CHECKOUT/build/onefile/launcher/heap.c" -o "$OUT/lib/mimalloc.o"
