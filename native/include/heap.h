/* What malloc keeps of freed memory. */
#ifndef FAIRLEAD_HEAP_H
#define FAIRLEAD_HEAP_H

#include <limits.h>
#include <stdlib.h>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

/* Has glibc keep `bytes` that were freed at the heap's end, and take blocks up to half of it from the heap; 0 where malloc is another one.
 * On its own it maps blocks of 128 KiB or more, so that the kernel clears each page of each anew: mallopt(3). */
static int fairlead_keep_heap(size_t bytes) {
#if defined(__GLIBC__)
    const int kept = bytes > INT_MAX ? INT_MAX : (int)bytes;
    return mallopt(M_MMAP_THRESHOLD, kept / 2) && mallopt(M_TRIM_THRESHOLD, kept) && mallopt(M_TOP_PAD, kept);
#else
    (void)bytes;
    return 0;
#endif
}

#endif
