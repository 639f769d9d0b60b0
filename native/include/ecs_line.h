/* Lines as ECS objects, one a line (NDJSON). Specification: src/fairlead/_native/encode_pure.py. */
#ifndef FAIRLEAD_ECS_LINE_H
#define FAIRLEAD_ECS_LINE_H

#include "json_text.h"
#include "line_level.h"
#include "line_time.h"
#include "utf8.h"

#define FAIRLEAD_TIME_BYTES 27
/* Where the parts of `{"@timestamp":"...","event.created":"...","message":"` begin. */
#define FAIRLEAD_WRITTEN_AT 15
#define FAIRLEAD_CREATED_AT (FAIRLEAD_WRITTEN_AT + FAIRLEAD_TIME_BYTES + 19)
#define FAIRLEAD_HEAD_BYTES (FAIRLEAD_CREATED_AT + FAIRLEAD_TIME_BYTES + 13)
#define FAIRLEAD_TRUNCATED 4u
/* Room for what is in no piece and no message: the head, two offsets, a level, flags, and what copies in steps write too much. */
#define FAIRLEAD_OWN_BYTES (128 + 2 * FAIRLEAD_MOST_DIGITS + 32 + 64 + FAIRLEAD_JSON_SLACK)

/* A constant part of every record; its bytes may be read in steps of 32. */
typedef struct { unsigned char *bytes; size_t size; } fairlead_piece;

/* Behind the message: its path, its source, what names host and agent, and the further fields with their comma. */
enum { FAIRLEAD_PATH, FAIRLEAD_SOURCE, FAIRLEAD_ORIGIN, FAIRLEAD_FIELDS, FAIRLEAD_PIECES };

typedef struct {
    fairlead_json_text json_text;
    fairlead_line_level line_level;
    fairlead_clock clock;
    fairlead_piece pieces[FAIRLEAD_PIECES];
    size_t pieces_bytes, limit;
    int64_t written_minute;
    unsigned char written[32];
    unsigned char head[128];
    size_t offset_bytes;
    unsigned char offset[32];
} fairlead_encoder;

/* One call: lines of `data` and where their records go. `past`: bytes of the source behind a line that `data` does not have. */
typedef struct {
    const unsigned char *data, *readable;
    const int64_t *ends;
    int64_t start, base, past, read_ns;
    size_t count, done;
    const unsigned char *flag; /* what became of a line that was cut before, as a JSON string with a comma behind it, or nothing */
    size_t flag_bytes;
    unsigned char *out;
    size_t used, room;
    int64_t *out_ends;
} fairlead_lines;

enum { FAIRLEAD_DONE, FAIRLEAD_NO_ROOM, FAIRLEAD_NO_MEMORY, FAIRLEAD_NO_LINE };

/* Writes a string literal; returns its end. */
FAIRLEAD_INLINE unsigned char *fairlead_write_literal(unsigned char *out, const char *text, size_t size) {
    memcpy(out, text, size);
    return out + size;
}
#define FAIRLEAD_LITERAL(out, text) fairlead_write_literal(out, text, sizeof text - 1)

/* RFC 3339 in UTC with microseconds, FAIRLEAD_TIME_BYTES bytes; what stands before the seconds is kept for the minute. */
static void fairlead_write_time(fairlead_encoder *encoder, unsigned char *out, int64_t seconds, uint32_t nanoseconds) {
    const int64_t minute = seconds / 60;
    const unsigned second = (unsigned)(seconds % 60), microseconds = nanoseconds / 1000;
    if (minute != encoder->written_minute) {
        int year, month, day;
        fairlead_date(minute / 1440, &year, &month, &day);
        memcpy(encoder->written, "0000-00-00T00:00:00.000000Z", FAIRLEAD_TIME_BYTES);
        fairlead_write_two(encoder->written, (unsigned)year / 100);
        fairlead_write_two(encoder->written + 2, (unsigned)year % 100);
        fairlead_write_two(encoder->written + 5, (unsigned)month);
        fairlead_write_two(encoder->written + 8, (unsigned)day);
        fairlead_write_two(encoder->written + 11, (unsigned)(minute / 60 % 24));
        fairlead_write_two(encoder->written + 14, (unsigned)(minute % 60));
        encoder->written_minute = minute;
    }
    memcpy(out, encoder->written, FAIRLEAD_TIME_BYTES);
    fairlead_write_two(out + 17, second);
    fairlead_write_two(out + 20, microseconds / 10000);
    fairlead_write_two(out + 22, microseconds / 100 % 100);
    fairlead_write_two(out + 24, microseconds % 100);
}

static unsigned char *fairlead_write_level(unsigned char *out, int level) {
#define FAIRLEAD_NAME(name) {",\"log.level\":\"" name "\"", sizeof name + 14}
    static const struct { char text[31]; unsigned char size; } names[] = {
        FAIRLEAD_NAME("trace"), FAIRLEAD_NAME("debug"),    FAIRLEAD_NAME("info"),  FAIRLEAD_NAME("notice"),    FAIRLEAD_NAME("warning"),
        FAIRLEAD_NAME("error"), FAIRLEAD_NAME("critical"), FAIRLEAD_NAME("alert"), FAIRLEAD_NAME("emergency"),
    };
#undef FAIRLEAD_NAME
    memcpy(out, names[level].text, 32);
    return out + names[level].size;
}

static unsigned char *fairlead_write_flags(unsigned char *out, const fairlead_lines *lines, unsigned flags) {
    out = FAIRLEAD_LITERAL(out, ",\"fairlead.flags\":[");
    memcpy(out, lines->flag, lines->flag_bytes);
    out += lines->flag_bytes;
    if (flags & FAIRLEAD_TRUNCATED)
        out = FAIRLEAD_LITERAL(out, "\"truncated\",");
    if (flags & FAIRLEAD_INVALID_UTF8)
        out = FAIRLEAD_LITERAL(out, "\"invalid_utf8\",");
    if (flags & FAIRLEAD_BINARY)
        out = FAIRLEAD_LITERAL(out, "\"binary\",");
    out[-1] = ']';
    return out;
}

/* Where [begin, end) is cut: at the limit, but not inside a character; a carriage return at its end is not of the line. */
FAIRLEAD_INLINE const unsigned char *fairlead_cut(const unsigned char *begin, const unsigned char *end, size_t limit, unsigned *flags) {
    const int returns = end > begin && end[-1] == '\r';
    const unsigned char *cut = begin + limit;
    if (FAIRLEAD_LIKELY((size_t)(end - begin) <= limit + (size_t)returns))
        return end - returns;
    *flags |= FAIRLEAD_TRUNCATED;
    while (cut > begin && cut + 4 > begin + limit && FAIRLEAD_CONTINUES(*cut))
        cut--;
    return cut;
}

/* A line's text: bytes of the source, or what was made of them. `kinds` is json_text.h's, `flags` go into the record. */
typedef struct {
    const unsigned char *begin, *end, *readable;
    unsigned char *mended;
    unsigned kinds, flags;
} fairlead_text;

/* Writes the message; a text that is no UTF-8 or holds NUL is mended first. NULL where there is no memory. */
FAIRLEAD_INLINE unsigned char *fairlead_write_message(const fairlead_encoder *encoder, unsigned char *out, fairlead_text *text) {
    unsigned char *end = encoder->json_text(out, text->begin, text->end, text->readable, &text->kinds);
    if (FAIRLEAD_LIKELY(!text->kinds) || (text->kinds == FAIRLEAD_HAS_HIGH && fairlead_utf8_is_valid(text->begin, text->end)))
        return end;
    text->mended = (unsigned char *)malloc(4 * (size_t)(text->end - text->begin));
    if (!text->mended)
        return NULL;
    text->end = text->readable = fairlead_utf8_mend(text->mended, text->begin, text->end, &text->flags);
    text->begin = text->mended;
    return encoder->json_text(out, text->begin, text->end, text->readable, &text->kinds);
}

/* Finds a text's time and its level; tells whether it has a time. */
FAIRLEAD_INLINE int fairlead_read_head(fairlead_encoder *encoder, const fairlead_text *text, int64_t read_day, fairlead_time *time,
                                       int *level) {
    const unsigned char *begin = text->begin, *end = text->end, *common_end, *time_end, *level_end;
    if (FAIRLEAD_LIKELY(!(text->kinds & FAIRLEAD_HAS_HIGH))) {
        common_end = end - begin > FAIRLEAD_COMMON_CHARACTERS ? begin + FAIRLEAD_COMMON_CHARACTERS : end;
        time_end = end - begin > FAIRLEAD_TIME_CHARACTERS ? begin + FAIRLEAD_TIME_CHARACTERS : end;
        level_end = end - begin > FAIRLEAD_LEVEL_CHARACTERS ? begin + FAIRLEAD_LEVEL_CHARACTERS : end;
    } else {
        common_end = fairlead_utf8_skip(begin, end, FAIRLEAD_COMMON_CHARACTERS);
        time_end = fairlead_utf8_skip(common_end, end, FAIRLEAD_TIME_CHARACTERS - FAIRLEAD_COMMON_CHARACTERS);
        level_end = fairlead_utf8_skip(time_end, end, FAIRLEAD_LEVEL_CHARACTERS - FAIRLEAD_TIME_CHARACTERS);
    }
    *level = encoder->line_level(begin, level_end, text->readable);
    return fairlead_line_time(&encoder->clock, begin, common_end, time_end, read_day, time);
}

FAIRLEAD_INLINE unsigned char *fairlead_write_piece(unsigned char *out, fairlead_piece piece) {
    for (size_t at = 0; at < piece.size; at += 32)
        memcpy(out + at, piece.bytes + at, 32);
    return out + piece.size;
}

/* What the records of a call share: the head with the time of reading, and the digits of where the next line begins. */
static void fairlead_begin(fairlead_encoder *encoder, const fairlead_lines *lines) {
    memcpy(encoder->head,
           "{\"@timestamp\":\"                           \",\"event.created\":\"                           \",\"message\":\"",
           FAIRLEAD_HEAD_BYTES);
    fairlead_write_time(encoder, encoder->head + FAIRLEAD_CREATED_AT, lines->read_ns / 1000000000, (uint32_t)(lines->read_ns % 1000000000));
    encoder->offset_bytes = fairlead_write_number(encoder->offset, (uint64_t)(lines->base + lines->start));
}

/* Writes the records of the lines that are not done yet; FAIRLEAD_NO_ROOM: call again with more. */
static int fairlead_encode_lines(fairlead_encoder *encoder, fairlead_lines *lines) {
    const int64_t read_day = lines->read_ns / 1000000000 / 86400;
    const size_t own_bytes = encoder->pieces_bytes + lines->flag_bytes + FAIRLEAD_OWN_BYTES;
    fairlead_begin(encoder, lines);
    for (; lines->done < lines->count; lines->done++) {
        const int64_t newline = lines->ends[lines->done];
        fairlead_text text = {lines->data + lines->start, lines->data + newline, lines->readable, NULL, 0, 0};
        unsigned char *record = lines->out + lines->used, *out;
        fairlead_time time;
        int level;
        if (newline < lines->start || text.end > text.readable)
            return FAIRLEAD_NO_LINE;
        if (!lines->flag_bytes)
            text.end = fairlead_cut(text.begin, text.end, encoder->limit, &text.flags);
        if (lines->base + lines->start == 0 && text.end - text.begin >= 3 && memcmp(text.begin, "\xef\xbb\xbf", 3) == 0)
            text.begin += 3; /* a BOM at the source's beginning */
        if (lines->room - lines->used < own_bytes + 6 * (size_t)(text.end - text.begin))
            return FAIRLEAD_NO_ROOM;
        memcpy(record, encoder->head, sizeof encoder->head);
        out = fairlead_write_message(encoder, record + FAIRLEAD_HEAD_BYTES, &text);
        if (!out)
            return FAIRLEAD_NO_MEMORY;
        if (fairlead_read_head(encoder, &text, read_day, &time, &level))
            fairlead_write_time(encoder, record + FAIRLEAD_WRITTEN_AT, time.seconds, time.nanoseconds);
        else
            memcpy(record + FAIRLEAD_WRITTEN_AT, encoder->head + FAIRLEAD_CREATED_AT, FAIRLEAD_TIME_BYTES);
        free(text.mended);
        out = fairlead_write_piece(out, encoder->pieces[FAIRLEAD_PATH]);
        memcpy(out, encoder->offset, sizeof encoder->offset);
        out = fairlead_write_piece(out + encoder->offset_bytes, encoder->pieces[FAIRLEAD_SOURCE]);
        lines->start = newline + 1; /* a record's end is the next one's offset */
        encoder->offset_bytes = fairlead_write_number(encoder->offset, (uint64_t)(lines->base + lines->start + lines->past));
        memcpy(out, encoder->offset, sizeof encoder->offset);
        out = fairlead_write_piece(out + encoder->offset_bytes, encoder->pieces[FAIRLEAD_ORIGIN]);
        if (level != FAIRLEAD_NO_LEVEL)
            out = fairlead_write_level(out, level);
        if (text.flags || lines->flag_bytes)
            out = fairlead_write_flags(out, lines, text.flags);
        out = FAIRLEAD_LITERAL(fairlead_write_piece(out, encoder->pieces[FAIRLEAD_FIELDS]), "}\n");
        lines->used = (size_t)(out - lines->out);
        lines->out_ends[lines->done] = (int64_t)lines->used - 1;
    }
    return FAIRLEAD_DONE;
}

#endif
