/* Included by line_level.h once an instruction set. */

/* The level that [begin, end) tells of itself; bytes up to `readable` may be read. */
FAIRLEAD_TARGET static int FAIRLEAD_ISA(fairlead_line_level)(const unsigned char *begin, const unsigned char *end,
                                                             const unsigned char *readable) {
    const uint64_t last = 1ULL << 63;
    uint64_t behind_separator = 1, behind_bracket = 0, behind_el = 0;
    int level;
    if (begin == end)
        return FAIRLEAD_NO_LEVEL;
    level = fairlead_level_head(begin, end);
    for (const unsigned char *base = begin; level == FAIRLEAD_NO_LEVEL && base < end; base += 64) {
        const size_t bytes = (size_t)(end - base);
        const unsigned char *from = base;
        unsigned char copy[64];
        if (readable - base < 64) {
            memset(copy, 0, sizeof copy);
            memcpy(copy, base, bytes);
            from = copy;
        }
        const FAIRLEAD_ISA(fairlead_block) block = FAIRLEAD_ISA(fairlead_load)(from);
        const FAIRLEAD_ISA(fairlead_block) blanks =
            FAIRLEAD_ISA(fairlead_either)(FAIRLEAD_ISA(fairlead_equal)(block, ' '), FAIRLEAD_ISA(fairlead_equal)(block, '\t'));
        const FAIRLEAD_ISA(fairlead_block) colons = FAIRLEAD_ISA(fairlead_equal)(block, ':');
        const uint64_t separator = FAIRLEAD_ISA(fairlead_bits)(FAIRLEAD_ISA(fairlead_either)(
            blanks, FAIRLEAD_ISA(fairlead_either)(colons, FAIRLEAD_ISA(fairlead_equal)(block, '|'))));
        const uint64_t bracket = FAIRLEAD_ISA(fairlead_bits)(FAIRLEAD_ISA(fairlead_either)(
            FAIRLEAD_ISA(fairlead_equal)(block, '['),
            FAIRLEAD_ISA(fairlead_either)(FAIRLEAD_ISA(fairlead_equal)(block, '('), FAIRLEAD_ISA(fairlead_equal)(block, '<'))));
        const uint64_t upper = FAIRLEAD_ISA(fairlead_bits)(FAIRLEAD_ISA(fairlead_between)(block, 'A', 'Z'));
        const uint64_t blank = FAIRLEAD_ISA(fairlead_bits)(blanks), colon = FAIRLEAD_ISA(fairlead_bits)(colons);
        const uint64_t v = FAIRLEAD_ISA(fairlead_bits)(FAIRLEAD_ISA(fairlead_equal)(block, 'v'));
        const uint64_t el = FAIRLEAD_ISA(fairlead_bits)(
            FAIRLEAD_ISA(fairlead_either)(FAIRLEAD_ISA(fairlead_equal)(block, 'e'), FAIRLEAD_ISA(fairlead_equal)(block, 'l')));
        /* The block's last byte stays a candidate: what follows it is not in sight. */
        const uint64_t in_upper = (separator << 1 | behind_separator) & upper & (upper >> 1 | last);
        const uint64_t in_bracket = bracket << 1 | behind_bracket;
        const uint64_t in_lower = colon & (blank >> 1 | last);
        const uint64_t in_field = v & (el << 1 | behind_el) & (el >> 1 | last);
        uint64_t candidates = in_upper | in_bracket | in_lower | in_field;
        if (bytes < 64)
            candidates &= (1ULL << bytes) - 1;
        for (; candidates && level == FAIRLEAD_NO_LEVEL; candidates &= candidates - 1) {
            const uint64_t bit = candidates & -candidates;
            const unsigned char *at = base + __builtin_ctzll(candidates);
            if (in_upper & bit)
                level = fairlead_level_upper(at, end);
            if (in_bracket & bit)
                level = fairlead_level_bracket(at, end);
            if (in_lower & bit)
                level = fairlead_level_lower(begin, at, end);
            if (in_field & bit)
                level = fairlead_level_field(begin, at, end);
        }
        behind_separator = separator >> 63;
        behind_bracket = bracket >> 63;
        behind_el = el >> 63;
    }
    return level;
}
