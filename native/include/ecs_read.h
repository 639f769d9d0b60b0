/* A line's ECS object as ecs_line.h and `core.record.to_ecs` write it, taken apart. Specification: src/fairlead/_native/decode_pure.py.
 *
 * Anything else is only told to be something else: it is for a parser of JSON.
 */
#ifndef FAIRLEAD_ECS_READ_H
#define FAIRLEAD_ECS_READ_H

#include "ascii.h"
#include "civil.h"

#define FAIRLEAD_TIME_BYTES 27
#define FAIRLEAD_SECONDS_BYTES 19
#define FAIRLEAD_OFFSET_LIMIT (1LL << 62)

typedef struct {
    const unsigned char *at, *end;
} fairlead_span;

/* A record. The three pieces are what its neighbours mostly share: they hold the path, the source, and host and agent. */
typedef struct {
    const unsigned char *written, *created; /* the two times, as text */
    int64_t written_s, time_ns, created_ns, offset, end;
    fairlead_span message; /* still escaped */
    int escaped, high;     /* whether it holds a backslash, or bytes beyond ASCII */
    fairlead_span path_piece, source_piece, origin_piece;
    fairlead_span path, source, host, agent; /* JSON strings with their quotes; told of the first record of a run only */
    fairlead_span level, more;               /* empty where there is none; `more` is the inside of an object */
    int begins;                              /* whether it is of another run than the record before it */
} fairlead_ecs;

/* Where a JSON string's closing quote stands, from behind its opening one; NULL where it has none, or holds a bare control character. */
static const unsigned char *fairlead_string_end(const unsigned char *at, const unsigned char *end, int *escaped, int *high) {
    uint64_t beyond = 0;
    size_t next = 0; /* the first byte of a block that does not belong to an escape */
    for (; at < end; at += 64, next = next > 64 ? next - 64 : 0) {
        const size_t bytes = end - at < 64 ? (size_t)(end - at) : 64;
        const unsigned char *from = at;
        unsigned char copy[64];
        if (bytes < 64) {
            memset(copy, ' ', sizeof copy);
            from = memcpy(copy, at, bytes);
        }
        const FAIRLEAD_BASELINE(fairlead_block) block = FAIRLEAD_BASELINE(fairlead_load)(from);
        const uint64_t quotes = FAIRLEAD_BASELINE(fairlead_bits)(FAIRLEAD_BASELINE(fairlead_equal)(block, '"'));
        const uint64_t backslashes = FAIRLEAD_BASELINE(fairlead_bits)(FAIRLEAD_BASELINE(fairlead_equal)(block, '\\'));
        const uint64_t controls = FAIRLEAD_BASELINE(fairlead_bits)(FAIRLEAD_BASELINE(fairlead_between)(block, 0, 0x1f));
        uint64_t left, before = ~0ULL;
        while ((left = next < 64 ? (quotes | backslashes) & ~0ULL << next : 0)) {
            left &= 0 - left;
            if (left & quotes) {
                before = left - 1;
                break;
            }
            *escaped = 1;
            next = (size_t)__builtin_ctzll(left) + 2;
        }
        if (controls & before)
            return NULL;
        beyond |= FAIRLEAD_BASELINE(fairlead_bits)(block) & before;
        if (left) {
            *high |= beyond != 0;
            return at + __builtin_ctzll(left);
        }
    }
    return NULL;
}

/* Writes a string unescaped, which takes no more room; returns its end, or NULL where an escape is none that ecs_line.h writes. */
static unsigned char *fairlead_unescape(unsigned char *out, const unsigned char *at, const unsigned char *end) {
    static const char letters[] = "\"\\bfnrt", bytes[] = "\"\\\b\f\n\r\t";
    static const char digits[] = "0123456789abcdef";
    for (;;) {
        const unsigned char *backslash = memchr(at, '\\', (size_t)(end - at));
        const size_t before = (size_t)((backslash ? backslash : end) - at);
        memcpy(out, at, before);
        out += before;
        if (!backslash)
            return out;
        at = backslash + 2;
        const char *letter = memchr(letters, backslash[1], sizeof letters - 1);
        if (letter) {
            *out++ = (unsigned char)bytes[letter - letters];
            continue;
        }
        if (backslash[1] != 'u' || end - at < 4 || at[0] != '0' || at[1] != '0' || (at[2] != '0' && at[2] != '1'))
            return NULL;
        const char *digit = memchr(digits, at[3], sizeof digits - 1);
        if (!digit)
            return NULL;
        *out++ = (unsigned char)((at[2] - '0') * 16 + (digit - digits));
        at += 4;
    }
}

/* Steps over a literal; tells whether it is there. */
FAIRLEAD_INLINE int fairlead_step(const unsigned char **at, const unsigned char *end, const char *text, size_t size) {
    if ((size_t)(end - *at) < size || memcmp(*at, text, size) != 0)
        return 0;
    *at += size;
    return 1;
}
#define FAIRLEAD_STEP(at, end, text) fairlead_step(at, end, text, sizeof text - 1)

/* Steps over a string and keeps it with its quotes; the opening one is the byte before `at`. */
static int fairlead_step_string(const unsigned char **at, const unsigned char *end, fairlead_span *string) {
    int ignored;
    const unsigned char *close = fairlead_string_end(*at, end, &ignored, &ignored);
    if (!close)
        return 0;
    string->at = *at - 1;
    *at = string->end = close + 1;
    return 1;
}

/* Steps over a number that is an offset: below FAIRLEAD_OFFSET_LIMIT, as JSON writes it. */
FAIRLEAD_INLINE int fairlead_step_offset(const unsigned char **at, const unsigned char *end, int64_t *number) {
    const unsigned char *digit = *at;
    int64_t value = 0;
    while (digit < end && digit - *at < 19 && fairlead_is_digit(*digit))
        value = value * 10 + (*digit++ - '0');
    if (digit == *at || (**at == '0' && digit - *at > 1) || value >= FAIRLEAD_OFFSET_LIMIT || (digit < end && fairlead_is_digit(*digit)))
        return 0;
    *at = digit;
    *number = value;
    return 1;
}

/* The seconds of a time such as 2026-01-01T12:00:00.000000Z; FAIRLEAD_NEVER where there is no such time, or it is not from 1970 to 2261,
 * which is what nanoseconds in 64 bits hold. */
static int64_t fairlead_read_seconds(const unsigned char *text) {
    static const char form[] = "dddd-dd-ddTdd:dd:dd";
    for (int i = 0; i < FAIRLEAD_SECONDS_BYTES; i++)
        if (form[i] == 'd' ? !fairlead_is_digit(text[i]) : text[i] != (unsigned char)form[i])
            return FAIRLEAD_NEVER;
    const int64_t minute = fairlead_wall(fairlead_four(text), fairlead_two(text + 5), fairlead_two(text + 8), fairlead_two(text + 11),
                                         fairlead_two(text + 14));
    const int year = fairlead_four(text), second = fairlead_two(text + 17);
    return minute == FAIRLEAD_NEVER || year < 1970 || year > 2261 || second > 59 ? FAIRLEAD_NEVER : minute + second;
}

/* The nanoseconds since the epoch of a time whose seconds are known; tells whether it is one. */
FAIRLEAD_INLINE int fairlead_read_time(const unsigned char *text, int64_t seconds, int64_t *time_ns) {
    if (seconds == FAIRLEAD_NEVER || text[19] != '.' || text[26] != 'Z')
        return 0;
    if (!fairlead_are_two(text + 20) || !fairlead_are_two(text + 22) || !fairlead_are_two(text + 24))
        return 0;
    *time_ns = seconds * 1000000000 + (fairlead_four(text + 20) * 100 + fairlead_two(text + 24)) * 1000;
    return 1;
}

FAIRLEAD_INLINE int fairlead_same(fairlead_span piece, const unsigned char **at, const unsigned char *end) {
    return fairlead_step(at, end, (const char *)piece.at, (size_t)(piece.end - piece.at));
}

/* Steps over what lies between a record's numbers, and tells that a run begins with it. */
static int fairlead_step_path(fairlead_ecs *ecs, const unsigned char **at, const unsigned char *end) {
    ecs->begins = 1;
    ecs->path_piece.at = *at;
    if (!FAIRLEAD_STEP(at, end, "\",\"log.file.path\":\"") || !fairlead_step_string(at, end, &ecs->path) ||
        !FAIRLEAD_STEP(at, end, ",\"log.offset\":"))
        return 0;
    ecs->path_piece.end = *at;
    return 1;
}

static int fairlead_step_source(fairlead_ecs *ecs, const unsigned char **at, const unsigned char *end) {
    ecs->begins = 1;
    ecs->source_piece.at = *at;
    if (!FAIRLEAD_STEP(at, end, ",\"fairlead.source\":\"") || !fairlead_step_string(at, end, &ecs->source) ||
        !FAIRLEAD_STEP(at, end, ",\"fairlead.end\":"))
        return 0;
    ecs->source_piece.end = *at;
    return 1;
}

static int fairlead_step_origin(fairlead_ecs *ecs, const unsigned char **at, const unsigned char *end) {
    ecs->begins = 1;
    ecs->origin_piece.at = *at;
    if (!FAIRLEAD_STEP(at, end, ",\"host.name\":\"") || !fairlead_step_string(at, end, &ecs->host) ||
        !FAIRLEAD_STEP(at, end, ",\"agent.id\":\"") || !fairlead_step_string(at, end, &ecs->agent))
        return 0;
    ecs->origin_piece.end = *at;
    return 1;
}

/* The times, and the message up to its closing quote, at which it returns; NULL where these are something else. */
FAIRLEAD_INLINE const unsigned char *fairlead_read_head(fairlead_ecs *ecs, const unsigned char *at, const unsigned char *end, int known) {
    if (!FAIRLEAD_STEP(&at, end, "{\"@timestamp\":\"") || end - at < 2 * FAIRLEAD_TIME_BYTES + 32)
        return NULL;
    const unsigned char *written = at, *created = at + FAIRLEAD_TIME_BYTES + 19;
    at = written + FAIRLEAD_TIME_BYTES;
    if (!FAIRLEAD_STEP(&at, end, "\",\"event.created\":\""))
        return NULL;
    at = created + FAIRLEAD_TIME_BYTES;
    if (!FAIRLEAD_STEP(&at, end, "\",\"message\":\""))
        return NULL;
    if (!known || memcmp(ecs->written, written, FAIRLEAD_SECONDS_BYTES) != 0)
        ecs->written_s = fairlead_read_seconds(written);
    ecs->written = written;
    if (!fairlead_read_time(written, ecs->written_s, &ecs->time_ns))
        return NULL;
    ecs->begins = !known || memcmp(ecs->created, created, FAIRLEAD_TIME_BYTES) != 0;
    if (ecs->begins && !fairlead_read_time(created, fairlead_read_seconds(created), &ecs->created_ns))
        return NULL;
    ecs->created = created;
    ecs->escaped = ecs->high = 0;
    ecs->message.at = at;
    return ecs->message.end = fairlead_string_end(at, end, &ecs->escaped, &ecs->high);
}

/* Takes a record apart; `known`: `ecs` holds the one before it in its run. Tells whether it is one of an agent's lines. */
static int fairlead_read_ecs(fairlead_ecs *ecs, const unsigned char *at, const unsigned char *end, int known) {
    at = fairlead_read_head(ecs, at, end, known);
    if (!at)
        return 0;
    if (!(known && fairlead_same(ecs->path_piece, &at, end)) && !fairlead_step_path(ecs, &at, end))
        return 0;
    if (!fairlead_step_offset(&at, end, &ecs->offset))
        return 0;
    if (!(known && fairlead_same(ecs->source_piece, &at, end)) && !fairlead_step_source(ecs, &at, end))
        return 0;
    if (!fairlead_step_offset(&at, end, &ecs->end) || ecs->offset >= ecs->end)
        return 0;
    if (!(known && fairlead_same(ecs->origin_piece, &at, end)) && !fairlead_step_origin(ecs, &at, end))
        return 0;
    ecs->level.at = ecs->level.end = ecs->more.at = ecs->more.end = NULL;
    if (FAIRLEAD_STEP(&at, end, ",\"log.level\":\"") && !fairlead_step_string(&at, end, &ecs->level))
        return 0;
    if (end - at == 1)
        return *at == '}';
    ecs->more.at = at + 1;
    ecs->more.end = end - 1;
    return end - at > 2 && *at == ',' && end[-1] == '}';
}

#endif
