/* Offsets of newlines in a buffer, 64 bytes a step with the widest vectors that the processor has, by memchr where it has none. */
#ifndef FAIRLEAD_NEWLINES_H
#define FAIRLEAD_NEWLINES_H

#include "blocks.h"

/* Writes base + position of each newline in [at, length) to out, at most `room` of them; returns how many. */
static size_t fairlead_newlines_words(const unsigned char *data, size_t at, size_t length, int64_t base, int64_t *out, size_t room) {
    size_t count = 0;
    while (count < room && at < length) {
        const unsigned char *found = (const unsigned char *)memchr(data + at, '\n', length - at);
        if (!found)
            break;
        at = (size_t)(found - data);
        out[count++] = base + (int64_t)at++;
    }
    return count;
}

#define FAIRLEAD_BODY "newlines_body.h"
#define FAIRLEAD_VECTORS_ONLY
#include "each_isa.h"

static size_t fairlead_newlines(const unsigned char *data, size_t at, size_t length, int64_t base, int64_t *out, size_t room) {
    return FAIRLEAD_OF_WIDTH(fairlead_newlines, fairlead_widest())(data, at, length, base, out, room);
}

#endif
