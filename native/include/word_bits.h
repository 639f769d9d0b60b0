/* The words of a text as bits of a signature. Specification: src/fairlead/_native/signature_pure.py. */
#ifndef FAIRLEAD_WORD_BITS_H
#define FAIRLEAD_WORD_BITS_H

#include "blocks.h"

/* Bits of a signature, and how many of them a word sets. */
#define FAIRLEAD_SIGNATURE_BITS 15872
#define FAIRLEAD_SIGNATURE_WORDS (FAIRLEAD_SIGNATURE_BITS / 64)
#define FAIRLEAD_WORD_PLACES 6

/* Where the bits of a word are: eight bytes a step, letters in lower case (bit 0x20 of any byte is set), then places by double hashing. */
FAIRLEAD_INLINE void fairlead_word_places(const unsigned char *at, size_t size, const unsigned char *readable, uint32_t *places) {
    uint64_t hash = size;
    for (;;) {
        const size_t bytes = size < 8 ? size : 8;
        uint64_t part = 0;
        if (FAIRLEAD_LIKELY(readable - at >= 8))
            memcpy(&part, at, 8);
        else
            memcpy(&part, at, bytes);
        part = fairlead_little_endian(part) | 0x2020202020202020ULL;
        if (bytes < 8)
            part &= ((uint64_t)1 << 8 * bytes) - 1;
        hash = (hash ^ part) * 0x9e3779b97f4a7c15ULL;
        hash ^= hash >> 32;
        if (size <= 8)
            break;
        at += 8;
        size -= 8;
    }
    hash *= 0xd6e8feb86659fd93ULL;
    uint32_t place = (uint32_t)hash;
    const uint32_t step = (uint32_t)(hash >> 32) | 1;
    for (int i = 0; i < FAIRLEAD_WORD_PLACES; i++, place += step)
        places[i] = (uint32_t)((uint64_t)place * FAIRLEAD_SIGNATURE_BITS >> 32);
}

/* Sets the bits of a word; returns how many were not set yet. */
FAIRLEAD_INLINE size_t fairlead_sign_word(uint64_t *bits, const unsigned char *at, const unsigned char *end,
                                          const unsigned char *readable) {
    uint32_t places[FAIRLEAD_WORD_PLACES];
    size_t added = 0;
    fairlead_word_places(at, (size_t)(end - at), readable, places);
    for (int i = 0; i < FAIRLEAD_WORD_PLACES; i++) {
        const uint64_t word = bits[places[i] >> 6], bit = (uint64_t)1 << (places[i] & 63);
        added += !(word & bit);
        bits[places[i] >> 6] = word | bit;
    }
    return added;
}

/* Sets the bits of a text's words: runs of ASCII letters and digits and of bytes beyond ASCII. Returns how many were not set yet. */
static size_t fairlead_sign(uint64_t *bits, const unsigned char *text, size_t size) {
    const unsigned char *const end = text + size, *begin = NULL;
    size_t added = 0;
    for (const unsigned char *at = text; at < end; at += 64) {
        const size_t bytes = end - at < 64 ? (size_t)(end - at) : 64;
        const unsigned char *from = at;
        unsigned char copy[64];
        if (bytes < 64) {
            memset(copy, 0, sizeof copy);
            from = memcpy(copy, at, bytes);
        }
        const FAIRLEAD_BASELINE(fairlead_block) block = FAIRLEAD_BASELINE(fairlead_load)(from);
        const uint64_t words = FAIRLEAD_BASELINE(fairlead_bits)(FAIRLEAD_BASELINE(fairlead_either)(
            FAIRLEAD_BASELINE(fairlead_either)(block, FAIRLEAD_BASELINE(fairlead_between)(block, '0', '9')),
            FAIRLEAD_BASELINE(fairlead_either)(FAIRLEAD_BASELINE(fairlead_between)(block, 'A', 'Z'),
                                            FAIRLEAD_BASELINE(fairlead_between)(block, 'a', 'z'))));
        /* Where words begin and end, in turn. */
        for (uint64_t edges = words ^ (words << 1 | (begin != NULL)); edges; edges &= edges - 1) {
            const unsigned char *edge = at + __builtin_ctzll(edges);
            if (begin) {
                added += fairlead_sign_word(bits, begin, edge, end);
                begin = NULL;
            } else
                begin = edge;
        }
    }
    return begin ? added + fairlead_sign_word(bits, begin, end, end) : added;
}

/* Writes a character as UTF-8; returns its end. */
FAIRLEAD_INLINE unsigned char *fairlead_put_utf8(unsigned char *out, uint32_t code) {
    if (code < 0x80) {
        *out++ = (unsigned char)code;
        return out;
    }
    if (code < 0x800) {
        *out++ = (unsigned char)(0xc0 | code >> 6);
    } else {
        if (code < 0x10000) {
            *out++ = (unsigned char)(0xe0 | code >> 12);
        } else {
            *out++ = (unsigned char)(0xf0 | code >> 18);
            *out++ = (unsigned char)(0x80 | (code >> 12 & 0x3f));
        }
        *out++ = (unsigned char)(0x80 | (code >> 6 & 0x3f));
    }
    *out++ = (unsigned char)(0x80 | (code & 0x3f));
    return out;
}

/* Turns `count` signatures (a multiple of 8) into rows: a row for each bit, with a bit for each signature. Lowest bits come first. */
static void fairlead_transpose(const unsigned char *const *signatures, size_t count, unsigned char *rows) {
    for (size_t byte = 0; byte < FAIRLEAD_SIGNATURE_BITS / 8; byte++)
        for (size_t column = 0; column < count; column += 8) {
            uint64_t square = 0, swap;
            for (int i = 0; i < 8; i++)
                square |= (uint64_t)signatures[column + i][byte] << 8 * i;
            swap = (square ^ square >> 7) & 0x00aa00aa00aa00aaULL;
            square ^= swap ^ swap << 7;
            swap = (square ^ square >> 14) & 0x0000cccc0000ccccULL;
            square ^= swap ^ swap << 14;
            swap = (square ^ square >> 28) & 0x00000000f0f0f0f0ULL;
            square ^= swap ^ swap << 28;
            for (int i = 0; i < 8; i++)
                rows[(byte * 8 + i) * (count / 8) + column / 8] = (unsigned char)(square >> 8 * i);
        }
}

#endif
