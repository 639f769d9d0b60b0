// The allocator in the place of musl's: the mimalloc that CPython's source brings along, as one object. The linker then takes malloc and its
// kin from here. CPython hooks its free-threaded build in at five places; with the lock of the interpreter they do what upstream does.
#include "mimalloc.h"
#include "mimalloc/internal.h"

static bool _PyMem_mi_page_maybe_free(mi_page_t *page, mi_page_queue_t *queue, bool force) {
    _mi_page_free(page, queue, force);
    return true;
}
static bool _PyMem_mi_page_is_safe_to_free(mi_page_t *page) { return true; }
static void _PyMem_mi_page_clear_qsbr(mi_page_t *page) {}
static void _PyMem_mi_page_reclaimed(mi_page_t *page) {}
static void _PyMem_mi_heap_collect_qsbr(mi_heap_t *heap) {}

#include "static.c"
