/* UTF-8 (RFC 3629): checked, counted in characters, and made valid where it is not. */
#ifndef FAIRLEAD_UTF8_H
#define FAIRLEAD_UTF8_H

#include "blocks.h"

#define FAIRLEAD_CONTINUES(byte) (((byte) & 0xC0) == 0x80)

/* Bytes of the character of two bytes or more that begins at `at`; 0 where none does. */
FAIRLEAD_INLINE size_t fairlead_utf8_bytes(const unsigned char *at, const unsigned char *end) {
    const ptrdiff_t room = end - at;
    const unsigned first = at[0];
    if (first < 0xC2 || room < 2 || !FAIRLEAD_CONTINUES(at[1]))
        return 0;
    if (first < 0xE0)
        return 2;
    if (room < 3 || !FAIRLEAD_CONTINUES(at[2]))
        return 0;
    if (first < 0xF0) /* neither overlong nor a surrogate */
        return (first == 0xE0 && at[1] < 0xA0) || (first == 0xED && at[1] > 0x9F) ? 0 : 3;
    if (room < 4 || !FAIRLEAD_CONTINUES(at[3]) || first > 0xF4)
        return 0;
    return (first == 0xF0 && at[1] < 0x90) || (first == 0xF4 && at[1] > 0x8F) ? 0 : 4;
}

static int fairlead_utf8_is_valid(const unsigned char *at, const unsigned char *end) {
    while (at < end) {
        if (*at < 0x80) {
            uint64_t word;
            at++;
            while (end - at >= 8 && (memcpy(&word, at, 8), !(word & FAIRLEAD_TOPS)))
                at += 8;
        } else {
            const size_t bytes = fairlead_utf8_bytes(at, end);
            if (!bytes)
                return 0;
            at += bytes;
        }
    }
    return 1;
}

/* Where the first `characters` of valid UTF-8 end. */
static const unsigned char *fairlead_utf8_skip(const unsigned char *at, const unsigned char *end, size_t characters) {
    uint64_t word;
    while (characters >= 8 && end - at >= 8) {
        memcpy(&word, at, 8);
        characters -= 8 - (size_t)__builtin_popcountll(word & ~(word << 1) & FAIRLEAD_TOPS);
        at += 8;
    }
    for (; at < end; at++)
        if (!FAIRLEAD_CONTINUES(*at) && characters-- == 0)
            break;
    return at;
}

#define FAIRLEAD_INVALID_UTF8 1u
#define FAIRLEAD_BINARY 2u

/* Writes the text with \xNN for what is no UTF-8 and for NUL: at most four bytes for one. Returns its end and adds to `flags` what was
 * found. */
static unsigned char *fairlead_utf8_mend(unsigned char *out, const unsigned char *at, const unsigned char *end, unsigned *flags) {
    static const char digits[] = "0123456789abcdef";
    while (at < end) {
        size_t bytes;
        uint64_t word;
        while (end - at >= 8 && (memcpy(&word, at, 8), !((word | (word - FAIRLEAD_ONES)) & FAIRLEAD_TOPS))) { /* ASCII, and no NUL */
            memcpy(out, &word, 8);
            out += 8;
            at += 8;
        }
        if (at == end)
            break;
        bytes = *at < 0x80 ? *at != 0 : fairlead_utf8_bytes(at, end);
        if (bytes) {
            while (bytes--)
                *out++ = *at++;
        } else {
            *flags |= *at ? FAIRLEAD_INVALID_UTF8 : FAIRLEAD_BINARY;
            *out++ = '\\';
            *out++ = 'x';
            *out++ = (unsigned char)digits[*at >> 4];
            *out++ = (unsigned char)digits[*at++ & 15];
        }
    }
    return out;
}

#endif
