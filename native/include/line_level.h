/* How bad a line is, by its first 240 characters. Specification: the expression in src/fairlead/_native/linehead_pure.py.
 *
 * What decides is the match that begins first. Matches are sought by a byte that stands inside each of them (candidates): the first letter
 * of a word behind a separator or bracket, the colon behind a word, the `v` of a field's name. No match can begin inside another one,
 * so the first candidate that holds is the match that begins first.
 */
#ifndef FAIRLEAD_LINE_LEVEL_H
#define FAIRLEAD_LINE_LEVEL_H

#include "ascii.h"

#define FAIRLEAD_LEVEL_CHARACTERS 240

enum {
    FAIRLEAD_TRACE, FAIRLEAD_DEBUG, FAIRLEAD_INFO, FAIRLEAD_NOTICE, FAIRLEAD_WARNING,
    FAIRLEAD_ERROR, FAIRLEAD_CRITICAL, FAIRLEAD_ALERT, FAIRLEAD_EMERGENCY, FAIRLEAD_LEVELS
};
#define FAIRLEAD_NO_LEVEL (-1)

/* The longest is `information`. */
#define FAIRLEAD_LONGEST_NAME 11

/* The level that letters name, given in lower case. */
static int fairlead_level_named(const unsigned char *name, size_t length) {
#define FAIRLEAD_IF(text, level)                    \
    if (memcmp(name, text, sizeof text - 1) == 0)   \
        return level;
    switch (length) {
    case 3:
        FAIRLEAD_IF("err", FAIRLEAD_ERROR)
        FAIRLEAD_IF("dbg", FAIRLEAD_DEBUG)
        break;
    case 4:
        FAIRLEAD_IF("info", FAIRLEAD_INFO)
        FAIRLEAD_IF("warn", FAIRLEAD_WARNING)
        FAIRLEAD_IF("crit", FAIRLEAD_CRITICAL)
        FAIRLEAD_IF("eror", FAIRLEAD_ERROR)
        break;
    case 5:
        FAIRLEAD_IF("error", FAIRLEAD_ERROR)
        FAIRLEAD_IF("debug", FAIRLEAD_DEBUG)
        FAIRLEAD_IF("trace", FAIRLEAD_TRACE)
        FAIRLEAD_IF("fatal", FAIRLEAD_CRITICAL)
        FAIRLEAD_IF("alert", FAIRLEAD_ALERT)
        FAIRLEAD_IF("emerg", FAIRLEAD_EMERGENCY)
        FAIRLEAD_IF("panic", FAIRLEAD_EMERGENCY)
        break;
    case 6:
        FAIRLEAD_IF("notice", FAIRLEAD_NOTICE)
        FAIRLEAD_IF("severe", FAIRLEAD_ERROR)
        break;
    case 7:
        FAIRLEAD_IF("warning", FAIRLEAD_WARNING)
        break;
    case 8:
        FAIRLEAD_IF("critical", FAIRLEAD_CRITICAL)
        break;
    case 9:
        FAIRLEAD_IF("emergency", FAIRLEAD_EMERGENCY)
        break;
    case FAIRLEAD_LONGEST_NAME:
        FAIRLEAD_IF("information", FAIRLEAD_INFO)
        break;
    }
#undef FAIRLEAD_IF
    return FAIRLEAD_NO_LEVEL;
}

/* The level that the letters at `at` name, and where they end. */
static int fairlead_level_word(const unsigned char *at, const unsigned char *end, const unsigned char **behind) {
    unsigned char name[FAIRLEAD_LONGEST_NAME];
    size_t length = 0;
    for (; at < end && fairlead_is_letter(*at); at++) {
        if (length == FAIRLEAD_LONGEST_NAME)
            return FAIRLEAD_NO_LEVEL;
        name[length++] = *at | 0x20;
    }
    *behind = at;
    return fairlead_level_named(name, length);
}

/* `ERROR` behind a blank, colon or bar (or at the line's beginning), and before one of them, a comma, a bracket or the end. */
static int fairlead_level_upper(const unsigned char *at, const unsigned char *end) {
    const unsigned char *behind;
    const int level = fairlead_level_word(at, end, &behind);
    if (level == FAIRLEAD_NO_LEVEL)
        return level;
    if (behind < end && *behind != ' ' && *behind != '\t' && *behind != ':' && *behind != '|' && *behind != ',' && *behind != ']')
        return FAIRLEAD_NO_LEVEL;
    for (; at < behind; at++)
        if (!fairlead_is_upper(*at))
            return FAIRLEAD_NO_LEVEL;
    return level;
}

/* `error]` behind an opening bracket; `>`, `)`, a colon or a blank may close it, too. */
static int fairlead_level_bracket(const unsigned char *at, const unsigned char *end) {
    const unsigned char *behind;
    const int level = fairlead_level_word(at, end, &behind);
    if (level == FAIRLEAD_NO_LEVEL || behind == end)
        return FAIRLEAD_NO_LEVEL;
    return *behind == ']' || *behind == ')' || *behind == '>' || *behind == ':' || *behind == ' ' ? level : FAIRLEAD_NO_LEVEL;
}

/* `error: `, by its colon, behind a blank or a closing bracket or at the line's beginning. */
static int fairlead_level_lower(const unsigned char *begin, const unsigned char *colon, const unsigned char *end) {
    const unsigned char *at = colon, *behind;
    if (colon + 1 >= end || (colon[1] != ' ' && colon[1] != '\t'))
        return FAIRLEAD_NO_LEVEL;
    while (at > begin && colon - at <= FAIRLEAD_LONGEST_NAME && fairlead_is_letter(at[-1]))
        at--;
    if (at == colon || (at > begin && at[-1] != ' ' && at[-1] != '\t' && at[-1] != ']'))
        return FAIRLEAD_NO_LEVEL;
    return fairlead_level_word(at, colon, &behind);
}

FAIRLEAD_INLINE int fairlead_stands(const unsigned char *at, const unsigned char *end, const char *text, size_t length) {
    return (size_t)(end - at) >= length && memcmp(at, text, length) == 0;
}

/* `level="error"` and the like, by the `v` of `level`, `lvl`, `severity`, `loglevel` or `levelname`. */
static int fairlead_level_field(const unsigned char *begin, const unsigned char *v, const unsigned char *end) {
    const unsigned char *key, *at, *behind;
    int level;
    if (v - begin >= 2 && v[-1] == 'e' && v[-2] == 'l' && fairlead_stands(v, end, "vel", 3)) {
        key = v - 2;
        at = v + 3;
        if (fairlead_stands(at, end, "name", 4))
            at += 4;
        else if (key - begin >= 3 && memcmp(key - 3, "log", 3) == 0)
            key -= 3;
    } else if (v - begin >= 2 && v[-1] == 'e' && v[-2] == 's' && fairlead_stands(v, end, "verity", 6)) {
        key = v - 2;
        at = v + 6;
    } else if (v - begin >= 1 && v[-1] == 'l' && fairlead_stands(v, end, "vl", 2)) {
        key = v - 1;
        at = v + 2;
    } else {
        return FAIRLEAD_NO_LEVEL;
    }
    if (key > begin && fairlead_is_word(key[-1]))
        return FAIRLEAD_NO_LEVEL;
    at += at < end && *at == '\\';
    at += at < end && *at == '"';
    at += at < end && fairlead_is_space(*at);
    if (at == end || (*at != '=' && *at != ':'))
        return FAIRLEAD_NO_LEVEL;
    at++;
    at += at < end && fairlead_is_space(*at);
    at += at < end && *at == '\\';
    at += at < end && *at == '"';
    level = fairlead_level_word(at, end, &behind);
    return level == FAIRLEAD_NO_LEVEL || (behind < end && fairlead_is_word(*behind)) ? FAIRLEAD_NO_LEVEL : level;
}

/* What only a line's beginning can say: a priority (RFC 5424, table 2), or glog's letter. */
static int fairlead_level_head(const unsigned char *at, const unsigned char *end) {
    static const signed char severities[] = {FAIRLEAD_EMERGENCY, FAIRLEAD_ALERT,  FAIRLEAD_CRITICAL, FAIRLEAD_ERROR,
                                             FAIRLEAD_WARNING,   FAIRLEAD_NOTICE, FAIRLEAD_INFO,     FAIRLEAD_DEBUG};
    if (*at == '<') {
        unsigned priority = 0;
        const unsigned char *digit = at + 1;
        while (digit < end && digit - at < 4 && fairlead_is_digit(*digit))
            priority = priority * 10 + (*digit++ - '0');
        if (digit > at + 1 && digit < end && *digit == '>' && priority < 192)
            return severities[priority % 8];
    } else if (end - at >= 9 && fairlead_are_two(at + 1) && fairlead_are_two(at + 3) && at[5] == ' ' && fairlead_are_two(at + 6) &&
               at[8] == ':') {
        switch (*at) {
        case 'I':
            return FAIRLEAD_INFO;
        case 'W':
            return FAIRLEAD_WARNING;
        case 'E':
            return FAIRLEAD_ERROR;
        case 'F':
            return FAIRLEAD_CRITICAL;
        }
    }
    return FAIRLEAD_NO_LEVEL;
}

#define FAIRLEAD_BODY "line_level_body.h"
#include "each_isa.h"

typedef int (*fairlead_line_level)(const unsigned char *, const unsigned char *, const unsigned char *);

static fairlead_line_level fairlead_line_level_of(int width) { return FAIRLEAD_OF_WIDTH(fairlead_line_level, width); }

#endif
