/* What an ASCII byte is, whatever the locale. */
#ifndef FAIRLEAD_ASCII_H
#define FAIRLEAD_ASCII_H

#include "blocks.h"

FAIRLEAD_INLINE int fairlead_is_digit(unsigned char byte) { return (unsigned char)(byte - '0') < 10; }
FAIRLEAD_INLINE int fairlead_is_upper(unsigned char byte) { return (unsigned char)(byte - 'A') < 26; }
FAIRLEAD_INLINE int fairlead_is_letter(unsigned char byte) { return (unsigned char)((byte | 0x20) - 'a') < 26; }
FAIRLEAD_INLINE int fairlead_is_word(unsigned char byte) { return fairlead_is_letter(byte) || fairlead_is_digit(byte) || byte == '_'; }
FAIRLEAD_INLINE int fairlead_is_space(unsigned char byte) { return byte == ' ' || (unsigned char)(byte - '\t') < 5; }

FAIRLEAD_INLINE int fairlead_are_two(const unsigned char *at) { return fairlead_is_digit(at[0]) && fairlead_is_digit(at[1]); }
/* The numbers that two and four digits make. */
FAIRLEAD_INLINE int fairlead_two(const unsigned char *at) { return (at[0] - '0') * 10 + at[1] - '0'; }
FAIRLEAD_INLINE int fairlead_four(const unsigned char *at) { return fairlead_two(at) * 100 + fairlead_two(at + 2); }

FAIRLEAD_INLINE void fairlead_write_two(unsigned char *out, unsigned value) {
    static const char pairs[] = "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
                                "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";
    memcpy(out, pairs + 2 * value, 2);
}

#define FAIRLEAD_MOST_DIGITS 20

/* Writes a number; returns how many digits it has. */
static size_t fairlead_write_number(unsigned char *out, uint64_t value) {
    unsigned char text[FAIRLEAD_MOST_DIGITS];
    size_t at = sizeof text;
    for (; value >= 100; value /= 100)
        fairlead_write_two(text + (at -= 2), (unsigned)(value % 100));
    if (value >= 10)
        fairlead_write_two(text + (at -= 2), (unsigned)value);
    else
        text[--at] = (unsigned char)('0' + value);
    memcpy(out, text + at, sizeof text - at);
    return sizeof text - at;
}

#endif
