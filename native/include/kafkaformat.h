/* Kafka's record batch, format v2: where the fields of its header begin, and its numbers: big-endian, or varints in zigzag form.
 * https://kafka.apache.org/documentation/#recordbatch */
#ifndef FAIRLEAD_KAFKAFORMAT_H
#define FAIRLEAD_KAFKAFORMAT_H

#include <stddef.h>
#include <stdint.h>

enum {
    FAIRLEAD_BASE_OFFSET = 0,
    FAIRLEAD_LENGTH = 8, /* of what follows it */
    FAIRLEAD_LEADER_EPOCH = 12,
    FAIRLEAD_MAGIC = 16,
    FAIRLEAD_CRC = 17, /* of what follows it */
    FAIRLEAD_ATTRIBUTES = 21,
    FAIRLEAD_LAST_OFFSET_DELTA = 23,
    FAIRLEAD_BASE_TIMESTAMP = 27,
    FAIRLEAD_MAX_TIMESTAMP = 35,
    FAIRLEAD_PRODUCER_ID = 43,
    FAIRLEAD_PRODUCER_EPOCH = 51,
    FAIRLEAD_BASE_SEQUENCE = 53,
    FAIRLEAD_COUNT = 57,
    FAIRLEAD_HEADER = 61,
    FAIRLEAD_SMALLEST_RECORD = 7, /* bytes; nothing in it but seven numbers */
};

enum { FAIRLEAD_NONE = 0, FAIRLEAD_GZIP = 1, FAIRLEAD_SNAPPY = 2, FAIRLEAD_LZ4 = 3, FAIRLEAD_ZSTD = 4 }; /* compression */
enum { FAIRLEAD_CODEC_MASK = 7, FAIRLEAD_LOG_APPEND_TIME = 8, FAIRLEAD_CONTROL = 32 };                  /* attributes */

static inline void fairlead_store(unsigned char *at, int64_t value, int size) {
    uint64_t rest = (uint64_t)value;
    while (size--) {
        at[size] = (unsigned char)rest;
        rest >>= 8;
    }
}

static inline int64_t fairlead_load(const unsigned char *at, int size) {
    uint64_t value = at[0] & 0x80 ? ~0ull : 0;
    while (size--)
        value = value << 8 | *at++;
    return (int64_t)value;
}

/* The zigzag form of a number that is not negative is its double. */
static inline size_t fairlead_varint_size(uint64_t number) {
    return (size_t)(64 - __builtin_clzll(number << 1 | 1) + 6) / 7;
}

static inline unsigned char *fairlead_put_varint(unsigned char *at, uint64_t number) {
    uint64_t zigzag = number << 1;
    for (; zigzag >= 0x80; zigzag >>= 7)
        *at++ = (unsigned char)(zigzag | 0x80);
    *at++ = (unsigned char)zigzag;
    return at;
}

/* Reads from `at` until `end`; what does not fit breaks it, and then it gives no byte more. */
typedef struct {
    const unsigned char *at;
    const unsigned char *end;
    int broken;
} fairlead_cursor;

static inline int64_t fairlead_break(fairlead_cursor *cursor) {
    cursor->broken = 1;
    cursor->at = cursor->end;
    return 0;
}

/* The next number; 0 where it is cut, longer than 64 bits or outside of [least, most]. */
static inline int64_t fairlead_get_varint(fairlead_cursor *cursor, int64_t least, int64_t most) {
    uint64_t zigzag = 0;
    unsigned char byte = 0x80;
    for (int shift = 0; byte & 0x80; shift += 7) {
        if (cursor->at == cursor->end || shift > 63)
            return fairlead_break(cursor);
        byte = *cursor->at++;
        zigzag |= (uint64_t)(byte & 0x7f) << shift;
    }
    int64_t number = (int64_t)(zigzag >> 1 ^ (0 - (zigzag & 1)));
    return least <= number && number <= most ? number : fairlead_break(cursor);
}

/* Where the next `size` bytes begin; a negative size is a null and takes none. */
static inline const unsigned char *fairlead_get_bytes(fairlead_cursor *cursor, int64_t size) {
    const unsigned char *begin = cursor->at;
    if (size > cursor->end - begin)
        fairlead_break(cursor);
    else if (size > 0)
        cursor->at += size;
    return begin;
}

static inline int64_t fairlead_add(fairlead_cursor *cursor, int64_t base, int64_t delta) {
    int64_t sum;
    return __builtin_add_overflow(base, delta, &sum) ? fairlead_break(cursor) : sum;
}

#endif
