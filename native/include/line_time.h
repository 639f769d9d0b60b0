/* When a line was written, by its first 160 characters. Specification: src/fairlead/_native/linehead_pure.py. */
#ifndef FAIRLEAD_LINE_TIME_H
#define FAIRLEAD_LINE_TIME_H

#include "ascii.h"
#include "line_clock.h"

#define FAIRLEAD_TIME_CHARACTERS 160
#define FAIRLEAD_COMMON_CHARACTERS 120
/* Seconds of which the nanoseconds still fit in 63 bits: to the year 2262. */
#define FAIRLEAD_LATEST_S 9223372036
#define FAIRLEAD_EARLIEST_EPOCH_S 946684800
#define FAIRLEAD_LATEST_EPOCH_S 4102444800

typedef struct { int64_t seconds; uint32_t nanoseconds; } fairlead_time;

/* A shape that is not there, one that is there but no time, and a time. */
enum { FAIRLEAD_OTHER, FAIRLEAD_NO_TIME, FAIRLEAD_TIME };

/* Reads one to nine digits as a fraction of a second; `at` moves behind them. */
FAIRLEAD_INLINE uint32_t fairlead_fraction(const unsigned char **at, const unsigned char *end) {
    uint32_t value = 0;
    int digits = 0;
    for (; digits < 9 && *at < end && fairlead_is_digit(**at); digits++)
        value = value * 10 + (*(*at)++ - '0');
    for (; digits < 9; digits++)
        value *= 10;
    return value;
}

FAIRLEAD_INLINE int fairlead_dated(fairlead_time *time, int64_t minute_s, int second, uint32_t nanoseconds) {
    if (minute_s == FAIRLEAD_NEVER || second > 60) /* 60 is a leap second */
        return FAIRLEAD_NO_TIME;
    time->seconds = minute_s + second;
    time->nanoseconds = nanoseconds;
    return time->seconds >= 0 && time->seconds < FAIRLEAD_LATEST_S ? FAIRLEAD_TIME : FAIRLEAD_NO_TIME;
}

/* `+hhmm` in seconds; FAIRLEAD_NEVER where it is a day or more. */
FAIRLEAD_INLINE int64_t fairlead_offset(unsigned char sign, const unsigned char *hours, const unsigned char *minutes) {
    const int64_t offset_s = fairlead_two(hours) * 3600 + fairlead_two(minutes) * 60;
    if (offset_s >= 86400)
        return FAIRLEAD_NEVER;
    return sign == '-' ? -offset_s : offset_s;
}

/* RFC 3339 / ISO 8601: 2026-01-02T03:04:05.678Z; a blank for the T, a comma for the point, no zone: the host's. */
static int fairlead_iso(fairlead_clock *clock, const unsigned char *at, const unsigned char *end, fairlead_time *time) {
    uint32_t nanoseconds = 0;
    int64_t minute_s, offset_s;
    int second;
    if (end - at < 19)
        return FAIRLEAD_OTHER;
    if (memcmp(at, clock->iso, 16) != 0) {
        if (!fairlead_are_two(at) || !fairlead_are_two(at + 2) || at[4] != '-' || !fairlead_are_two(at + 5) || at[7] != '-' ||
            !fairlead_are_two(at + 8) || (at[10] != 'T' && at[10] != ' ') || !fairlead_are_two(at + 11) || at[13] != ':' ||
            !fairlead_are_two(at + 14))
            return FAIRLEAD_OTHER;
        memcpy(clock->iso, at, 16);
        clock->iso_s =
            fairlead_wall(fairlead_four(at), fairlead_two(at + 5), fairlead_two(at + 8), fairlead_two(at + 11), fairlead_two(at + 14));
    }
    if (at[16] != ':' || !fairlead_are_two(at + 17))
        return FAIRLEAD_OTHER;
    minute_s = clock->iso_s;
    if (minute_s == FAIRLEAD_NEVER)
        return FAIRLEAD_NO_TIME;
    second = fairlead_two(at + 17);
    at += 19;
    if (end - at >= 2 && (*at == '.' || *at == ',') && fairlead_is_digit(at[1])) {
        at++;
        nanoseconds = fairlead_fraction(&at, end);
    }
    while (at < end && fairlead_is_digit(*at))
        at++;
    at += at < end && *at == ' ';
    if (at < end && (*at | 0x20) == 'z' && (at + 1 == end || !fairlead_is_word(at[1])))
        return fairlead_dated(time, minute_s, second, nanoseconds);
    if (end - at >= 5 && (*at == '+' || *at == '-') && fairlead_are_two(at + 1)) {
        const unsigned char *minutes = at + 3 + (at[3] == ':');
        if (end - minutes >= 2 && fairlead_are_two(minutes) && (end - minutes == 2 || !fairlead_is_digit(minutes[2]))) {
            offset_s = fairlead_offset(*at, at + 1, minutes);
            return offset_s == FAIRLEAD_NEVER ? FAIRLEAD_NO_TIME : fairlead_dated(time, minute_s - offset_s, second, nanoseconds);
        }
    }
    return fairlead_dated(time, fairlead_local(clock, minute_s), second, nanoseconds);
}

/* 1 to 12; 0 where three letters name no month. */
static int fairlead_month(const unsigned char *at) {
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int month = 1; month <= 12; month++)
        if (memcmp(names + 3 * (month - 1), at, 3) == 0)
            return month;
    return 0;
}

FAIRLEAD_INLINE int fairlead_is_month(const unsigned char *at) {
    return (unsigned char)(at[0] - 'A') < 26 && (unsigned char)(at[1] - 'a') < 26 && (unsigned char)(at[2] - 'a') < 26;
}

/* RFC 3164: `Jan  2 03:04:05`, with or without a fraction. */
static int fairlead_syslog(fairlead_clock *clock, const unsigned char *at, const unsigned char *end, int64_t read_day,
                           fairlead_time *time) {
    uint32_t nanoseconds = 0;
    int month, day, hour, minute, second;
    if (end - at < 14 || !fairlead_is_month(at) || at[3] != ' ')
        return FAIRLEAD_OTHER;
    month = fairlead_month(at);
    if (end - at >= 15 && (at[4] == ' ' || fairlead_is_digit(at[4])) && fairlead_is_digit(at[5]) && at[6] == ' ') {
        day = (at[4] == ' ' ? 0 : at[4] - '0') * 10 + at[5] - '0';
        at += 7;
    } else if (fairlead_is_digit(at[4]) && at[5] == ' ') {
        day = at[4] - '0';
        at += 6;
    } else {
        return FAIRLEAD_OTHER;
    }
    if (!fairlead_are_two(at) || at[2] != ':' || !fairlead_are_two(at + 3) || at[5] != ':' || !fairlead_are_two(at + 6))
        return FAIRLEAD_OTHER;
    hour = fairlead_two(at);
    minute = fairlead_two(at + 3);
    second = fairlead_two(at + 6);
    at += 8;
    if (end - at >= 2 && *at == '.' && fairlead_is_digit(at[1])) {
        at++;
        nanoseconds = fairlead_fraction(&at, end);
    }
    return fairlead_dated(time, fairlead_yearless(clock, month, day, hour, minute, read_day), second, nanoseconds);
}

/* Common log format, at its first bracket that holds one: `[02/Jan/2026:03:04:05 +0100]`. */
static int fairlead_common(const unsigned char *at, const unsigned char *last, const unsigned char *end, fairlead_time *time) {
    for (; at <= last && end - at >= 28; at++) {
        uint32_t nanoseconds = 0;
        int64_t minute_s, offset_s;
        const unsigned char *next;
        at = (const unsigned char *)memchr(at, '[', (size_t)(end - at));
        if (!at || at > last || end - at < 28)
            break;
        if (!fairlead_are_two(at + 1) || at[3] != '/' || !fairlead_is_month(at + 4) || at[7] != '/' || !fairlead_are_two(at + 8) ||
            !fairlead_are_two(at + 10) || at[12] != ':' || !fairlead_are_two(at + 13) || at[15] != ':' ||
            !fairlead_are_two(at + 16) || at[18] != ':' || !fairlead_are_two(at + 19))
            continue;
        next = at + 21;
        if (*next == '.' && fairlead_is_digit(next[1])) {
            next++;
            nanoseconds = fairlead_fraction(&next, end);
        }
        if (end - next < 7 || *next != ' ' || (next[1] != '+' && next[1] != '-') || !fairlead_are_two(next + 2) ||
            !fairlead_are_two(next + 4) || next[6] != ']')
            continue;
        minute_s = fairlead_wall(fairlead_four(at + 8), fairlead_month(at + 4), fairlead_two(at + 1), fairlead_two(at + 13),
                                 fairlead_two(at + 16));
        offset_s = fairlead_offset(next[1], next + 2, next + 4);
        if (minute_s == FAIRLEAD_NEVER || offset_s == FAIRLEAD_NEVER)
            return FAIRLEAD_NO_TIME;
        return fairlead_dated(time, minute_s - offset_s, fairlead_two(at + 19), nanoseconds);
    }
    return FAIRLEAD_OTHER;
}

/* Seconds since the epoch with a fraction, or that many milli-, micro- or nanoseconds. */
static int fairlead_epoch(const unsigned char *at, const unsigned char *end, fairlead_time *time) {
    const unsigned char *next = at;
    int64_t seconds = 0;
    uint32_t nanoseconds = 0;
    for (; next < end && next - at < 10; next++) {
        if (!fairlead_is_digit(*next))
            return FAIRLEAD_OTHER;
        seconds = seconds * 10 + (*next - '0');
    }
    if (next - at < 10)
        return FAIRLEAD_OTHER;
    if (end - next >= 2 && *next == '.' && fairlead_is_digit(next[1])) {
        next++;
        nanoseconds = fairlead_fraction(&next, end);
    } else {
        at = next;
        nanoseconds = fairlead_fraction(&next, end);
        if ((next - at) % 3)
            return FAIRLEAD_OTHER;
    }
    if (next < end && *next != ']' && *next != ' ' && *next != '\t' && *next != ',' && *next != ':' && *next != ';' && *next != '|')
        return FAIRLEAD_OTHER;
    if (seconds < FAIRLEAD_EARLIEST_EPOCH_S || seconds >= FAIRLEAD_LATEST_EPOCH_S)
        return FAIRLEAD_NO_TIME;
    time->seconds = seconds;
    time->nanoseconds = nanoseconds;
    return FAIRLEAD_TIME;
}

/* RFC 3339 in a JSON object: where it first stands behind a quote, colon, `T`, `=` or blank. */
static int fairlead_json(fairlead_clock *clock, const unsigned char *begin, const unsigned char *end, fairlead_time *time) {
    for (const unsigned char *at = begin + 6; end - at >= 15; at++) {
        unsigned char before;
        at = (const unsigned char *)memchr(at, '-', (size_t)(end - at));
        if (!at)
            break;
        before = at[-5];
        if (before == '"' || before == ':' || before == 'T' || before == '=' || before == ' ') {
            const int found = fairlead_iso(clock, at - 4, end, time);
            if (found != FAIRLEAD_OTHER)
                return found;
        }
    }
    return FAIRLEAD_OTHER;
}

/* What stands at the very beginning. */
static int fairlead_head_time(fairlead_clock *clock, const unsigned char *at, const unsigned char *end, int64_t read_day,
                              fairlead_time *time) {
    if (*at == '{')
        return fairlead_json(clock, at, end, time);
    if (fairlead_is_upper(*at))
        return fairlead_syslog(clock, at, end, read_day, time);
    if (*at == '<') {
        const unsigned char *next = at + 1;
        int found;
        while (next < end && next - at < 4 && fairlead_is_digit(*next))
            next++;
        if (next == at + 1 || next == end || *next != '>' || ++next == end)
            return FAIRLEAD_OTHER;
        if (fairlead_is_upper(*next))
            return fairlead_syslog(clock, next, end, read_day, time);
        for (at = next + (*next == '1');; at = next) { /* RFC 5424: version 1, unless it is the year's first digit */
            const unsigned char *date = at + (at < end && *at == ' ');
            date += date < end && (*date == '[' || *date == '(' || *date == '"');
            found = fairlead_iso(clock, date, end, time);
            if (found != FAIRLEAD_OTHER || at == next)
                return found;
        }
    }
    if (*at == '[' || *at == '(' || *at == '"' || fairlead_is_digit(*at)) {
        const int bare = fairlead_is_digit(*at), found = fairlead_iso(clock, bare ? at : at + 1, end, time);
        if (found != FAIRLEAD_OTHER || *at == '(' || *at == '"')
            return found;
        return fairlead_epoch(bare ? at : at + 1, end, time);
    }
    return FAIRLEAD_OTHER;
}

/* Tells when [begin, end) was written: 1 and `time` is set, or 0. `end` is at most 160 characters behind `begin`, `last` 120
 * or the line's end; `read_day` is the day since 1970-01-01 on which the line was read. */
static int fairlead_line_time(fairlead_clock *clock, const unsigned char *begin, const unsigned char *last, const unsigned char *end,
                              int64_t read_day, fairlead_time *time) {
    const unsigned char *newline;
    if (begin == end)
        return 0;
    newline = *begin == '{' ? (const unsigned char *)memchr(begin, '\n', (size_t)(end - begin)) : NULL;
    if (fairlead_head_time(clock, begin, newline ? newline : end, read_day, time) == FAIRLEAD_TIME)
        return 1;
    newline = (const unsigned char *)memchr(begin, '\n', (size_t)(end - begin));
    return fairlead_common(begin, last, newline ? newline : end, time) == FAIRLEAD_TIME;
}

#endif
