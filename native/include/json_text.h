/* Text as the inside of a JSON string (RFC 8259), escaped as orjson does it: what must be, and nothing else. */
#ifndef FAIRLEAD_JSON_TEXT_H
#define FAIRLEAD_JSON_TEXT_H

#include "blocks.h"

#define FAIRLEAD_HAS_NUL 1u
#define FAIRLEAD_HAS_HIGH 2u
/* The bytes behind its text that a call may overwrite. */
#define FAIRLEAD_JSON_SLACK 128

/* What stands for a byte: its length, and at most six characters. */
typedef struct { unsigned char text[7], length; } fairlead_escape;

#define FAIRLEAD_UNICODE(high, low) {{'\\', 'u', '0', '0', high, low}, 6}
#define FAIRLEAD_SHORT(letter) {{'\\', letter}, 2}
static const fairlead_escape fairlead_escapes[0x5d] = {
    FAIRLEAD_UNICODE('0', '0'), FAIRLEAD_UNICODE('0', '1'), FAIRLEAD_UNICODE('0', '2'), FAIRLEAD_UNICODE('0', '3'),
    FAIRLEAD_UNICODE('0', '4'), FAIRLEAD_UNICODE('0', '5'), FAIRLEAD_UNICODE('0', '6'), FAIRLEAD_UNICODE('0', '7'),
    FAIRLEAD_SHORT('b'),        FAIRLEAD_SHORT('t'),        FAIRLEAD_SHORT('n'),        FAIRLEAD_UNICODE('0', 'b'),
    FAIRLEAD_SHORT('f'),        FAIRLEAD_SHORT('r'),        FAIRLEAD_UNICODE('0', 'e'), FAIRLEAD_UNICODE('0', 'f'),
    FAIRLEAD_UNICODE('1', '0'), FAIRLEAD_UNICODE('1', '1'), FAIRLEAD_UNICODE('1', '2'), FAIRLEAD_UNICODE('1', '3'),
    FAIRLEAD_UNICODE('1', '4'), FAIRLEAD_UNICODE('1', '5'), FAIRLEAD_UNICODE('1', '6'), FAIRLEAD_UNICODE('1', '7'),
    FAIRLEAD_UNICODE('1', '8'), FAIRLEAD_UNICODE('1', '9'), FAIRLEAD_UNICODE('1', 'a'), FAIRLEAD_UNICODE('1', 'b'),
    FAIRLEAD_UNICODE('1', 'c'), FAIRLEAD_UNICODE('1', 'd'), FAIRLEAD_UNICODE('1', 'e'), FAIRLEAD_UNICODE('1', 'f'),
    ['"'] = FAIRLEAD_SHORT('"'), ['\\'] = FAIRLEAD_SHORT('\\'),
};

#define FAIRLEAD_BODY "json_text_body.h"
#include "each_isa.h"

typedef unsigned char *(*fairlead_json_text)(unsigned char *, const unsigned char *, const unsigned char *, const unsigned char *,
                                             unsigned *);

static fairlead_json_text fairlead_json_text_of(int width) { return FAIRLEAD_OF_WIDTH(fairlead_json_text, width); }

#endif
