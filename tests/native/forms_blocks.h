/* Included by forms.c once an instruction set. */

/* The functions of blocks.h on blocks of random bytes: a line for each byte that is compared, or is the least of a range. */
FAIRLEAD_TARGET static void FAIRLEAD_ISA(run_blocks)(const char *form) {
    for (int byte = 0; byte < 256; byte++) {
        unsigned char copy[64];
        state = (uint64_t)byte;
        digest = 0xcbf29ce484222325ULL;
        for (int turn = 0; turn < 128; turn++) {
            unsigned char bytes[64];
            for (int i = 0; i < 64; i++)
                bytes[i] = (unsigned char)(draw(2) ? draw(256) : (uint32_t)byte + draw(3) - 1);
            const FAIRLEAD_ISA(fairlead_block) block = FAIRLEAD_ISA(fairlead_load)(bytes);
            FAIRLEAD_ISA(fairlead_store)(copy, block);
            note(copy, sizeof copy);
            const FAIRLEAD_ISA(fairlead_block) equal = FAIRLEAD_ISA(fairlead_equal)(block, (unsigned char)byte);
            note_number((int64_t)FAIRLEAD_ISA(fairlead_bits)(block));
            note_number((int64_t)FAIRLEAD_ISA(fairlead_bits)(equal));
            note_number((int64_t)FAIRLEAD_ISA(fairlead_bits)(FAIRLEAD_ISA(fairlead_either)(block, equal)));
            if (byte < 128)
                note_number((int64_t)FAIRLEAD_ISA(fairlead_bits)(
                    FAIRLEAD_ISA(fairlead_between)(block, (unsigned char)byte, (unsigned char)(byte + turn % (128 - byte)))));
        }
        printf("blocks %s %d %016" PRIx64 "\n", form, byte, digest);
    }
}
