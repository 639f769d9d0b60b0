/* Included by newlines.h once an instruction set. */

FAIRLEAD_TARGET static size_t FAIRLEAD_ISA(fairlead_newlines)(const unsigned char *data, size_t at, size_t length, int64_t base,
                                                              int64_t *out, size_t room) {
    size_t count = 0;
    for (; at + 64 <= length; at += 64) {
        uint64_t mask = FAIRLEAD_ISA(fairlead_bits)(FAIRLEAD_ISA(fairlead_equal)(FAIRLEAD_ISA(fairlead_load)(data + at), '\n'));
        for (; mask; mask &= mask - 1) {
            if (count == room)
                return count;
            out[count++] = base + (int64_t)at + __builtin_ctzll(mask);
        }
    }
    return count + fairlead_newlines_words(data, at, length, base, out + count, room - count);
}
