/* Included by json_text.h once an instruction set. */

/* Writes [at, end) escaped to `out`; returns its end and adds to `kinds` what is in it. Bytes up to `readable` may be read;
 * six bytes a byte and FAIRLEAD_JSON_SLACK may be written. Valid UTF-8 is the caller's affair. */
FAIRLEAD_TARGET static unsigned char *FAIRLEAD_ISA(fairlead_json_text)(unsigned char *out, const unsigned char *at,
                                                                       const unsigned char *end, const unsigned char *readable,
                                                                       unsigned *kinds) {
    uint64_t high = 0, nul = 0;
    while (at < end) {
        const unsigned char *from = at;
        unsigned char copy[96];
        size_t done = 0, bytes = (size_t)(end - at);
        uint64_t escaped, kept = ~0ULL;
        if (bytes < 64)
            kept = (1ULL << bytes) - 1;
        else
            bytes = 64;
        if (readable - at < 96) { /* what follows reads up to 32 bytes from each of the 64 */
            memset(copy, 0, sizeof copy);
            memcpy(copy, at, bytes);
            from = copy;
        }
        FAIRLEAD_ISA(fairlead_block) block = FAIRLEAD_ISA(fairlead_load)(from);
        high |= FAIRLEAD_ISA(fairlead_bits)(block) & kept;
        escaped = FAIRLEAD_ISA(fairlead_bits)(FAIRLEAD_ISA(fairlead_either)(
                      FAIRLEAD_ISA(fairlead_between)(block, 0, 0x1f),
                      FAIRLEAD_ISA(fairlead_either)(FAIRLEAD_ISA(fairlead_equal)(block, '"'), FAIRLEAD_ISA(fairlead_equal)(block, '\\')))) &
                  kept;
        at += bytes;
        if (FAIRLEAD_LIKELY(!escaped)) {
            FAIRLEAD_ISA(fairlead_store)(out, block);
            out += bytes;
            continue;
        }
        do {
            const size_t place = (size_t)__builtin_ctzll(escaped);
            const fairlead_escape *escape = &fairlead_escapes[from[place]];
            memcpy(out, from + done, 32);
            if (place - done > 32)
                memcpy(out + 32, from + done + 32, 32);
            out += place - done;
            memcpy(out, escape, 8);
            out += escape->length;
            nul |= from[place] == 0;
            done = place + 1;
            escaped &= escaped - 1;
        } while (escaped);
        memcpy(out, from + done, 32);
        if (bytes - done > 32)
            memcpy(out + 32, from + done + 32, 32);
        out += bytes - done;
    }
    *kinds |= (nul ? FAIRLEAD_HAS_NUL : 0) | (high ? FAIRLEAD_HAS_HIGH : 0);
    return out;
}
