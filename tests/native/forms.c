/* What each kernel makes of the same bytes, in every form that this processor can run: a line `KERNEL FORM SIZE DIGEST` for each size of
 * text. Built with FAIRLEAD_PORTABLE it has the portable forms only. tests/native/test_forms.py compares.
 *
 * Texts have every size and begin at every alignment to 64 bytes. They end at most 63 bytes before a page that cannot be touched, and so
 * does what a kernel may write: one byte too far ends the program.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crc32c.h"
#include "ecs_read.h"
#include "json_text.h"
#include "line_level.h"
#include "newlines.h"
#include "primes_simd.h"
#include "word_bits.h"

#define GAPS 64
#define LARGEST 9999

static const size_t sizes_beyond[] = {1023, 3071, 3072, 3073, 6151, LARGEST};
static const int widths[] = {8, 16, 32};
static const uint32_t rarities[] = {1, 8, 60, 250};

/* What texts are made of, beside letters and random bytes: what some kernel looks for, whole, halved and beside what it is not. */
static const char *const tokens[] = {
    "\n", "\n\n", "\"", "\\", "\\\\", "\\\"", "\t", "\x01", "\x1f", "\x7f", "\x80", "\xff", "\xc3\xa4", "\xe2\x82\xac", " ", ":", ": ", "|",
    "[", "]", "(", "<", ">", "/", "0", "9", "@", "A", "Z", "`", "a", "z", "{", "ERROR", " WARN ", "info:", "[debug]", "level=\"error\"",
    "lvl=warn", "severity: fatal", "E0102 03:", "<13>", "leve", "evel", "v", "word", "Word9",
};

/* Knuth's MMIX generator, its high bits. */
static uint64_t state;
static uint32_t draw(uint32_t below) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)((state >> 33) % below);
}

/* FNV-1a. */
static uint64_t digest;
static void note(const void *data, size_t size) {
    for (const unsigned char *at = data; size; size--)
        digest = (digest ^ *at++) * 0x100000001b3ULL;
}
static void note_number(int64_t number) {
    const uint64_t bytes = fairlead_little_endian((uint64_t)number);
    note(&bytes, sizeof bytes);
}

/* The end of `size` bytes behind which a page cannot be touched. */
static unsigned char *guarded(size_t size) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (size / page + 1) * page;
    unsigned char *begin = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (begin == MAP_FAILED || mprotect(begin + room, page, PROT_NONE) != 0) {
        perror("mmap");
        exit(2);
    }
    return begin + room;
}

/* One in `rare` pieces is a token or a random byte, the rest are letters. */
static void fill(unsigned char *text, size_t size, uint32_t rare) {
    for (size_t at = 0; at < size;) {
        if (draw(rare)) {
            text[at++] = (unsigned char)('a' + draw(26));
        } else if (draw(4)) {
            const char *token = tokens[draw(sizeof tokens / sizeof *tokens)];
            while (*token && at < size)
                text[at++] = (unsigned char)*token++;
        } else
            text[at++] = (unsigned char)draw(256);
    }
}

/* What a kernel is given: a text, how far may be read, and how wide the vectors are that it uses. */
typedef struct {
    const unsigned char *begin, *end, *readable;
    int width;
} given;

static unsigned char *out_end;

static void run_newlines(const given *text) {
    static int64_t offsets[LARGEST];
    const size_t size = (size_t)(text->end - text->begin);
    for (int turn = 0; turn < 3; turn++) {
        const size_t at = turn == 1 ? draw((uint32_t)size + 1) : 0, room = turn == 2 ? draw(9) : size;
        const size_t count = FAIRLEAD_OF_WIDTH(fairlead_newlines, text->width)(text->begin, at, size, 1000, offsets, room);
        note_number((int64_t)count);
        for (size_t i = 0; i < count; i++)
            note_number(offsets[i]);
    }
}

static void run_json_text(const given *text) {
    const fairlead_json_text json_text = fairlead_json_text_of(text->width);
    const unsigned char *const readable[] = {text->end, text->readable};
    for (int turn = 0; turn < 2; turn++) {
        unsigned kinds = 0;
        unsigned char *out = out_end - 6 * (size_t)(text->end - text->begin) - FAIRLEAD_JSON_SLACK;
        note(out, (size_t)(json_text(out, text->begin, text->end, readable[turn], &kinds) - out));
        note_number(kinds);
    }
}

static void run_line_level(const given *text) {
    note_number(fairlead_line_level_of(text->width)(text->begin, text->end, text->end));
    note_number(fairlead_line_level_of(text->width)(text->begin, text->end, text->readable));
}

static void run_string_end(const given *text) {
    int escaped = 0, high = 0;
    const unsigned char *end = fairlead_string_end(text->begin, text->end, &escaped, &high);
    note_number(end ? end - text->begin : -1);
    note_number(escaped);
    note_number(high);
}

static void run_sign(const given *text) {
    uint64_t bits[FAIRLEAD_SIGNATURE_WORDS] = {0};
    note_number((int64_t)fairlead_sign(bits, text->begin, (size_t)(text->end - text->begin)));
    for (int i = 0; i < FAIRLEAD_SIGNATURE_WORDS; i++)
        if (bits[i]) {
            note_number(i);
            note_number((int64_t)bits[i]);
        }
}

static void run_crc32c_portable(const given *text) {
    note_number(fairlead_crc32c_portable(0, text->begin, (size_t)(text->end - text->begin)));
    note_number(fairlead_crc32c_portable(0xfeedbeef, text->begin, (size_t)(text->end - text->begin)));
}

#if defined(FAIRLEAD_CRC32C)
static void run_crc32c_steps(const given *text) {
    note_number((uint32_t)~fairlead_crc32c_steps(0xffffffff, text->begin, (size_t)(text->end - text->begin)));
    note_number((uint32_t)~fairlead_crc32c_steps((uint32_t)~0xfeedbeef, text->begin, (size_t)(text->end - text->begin)));
}

static void run_crc32c_lanes(const given *text) {
    note_number(fairlead_crc32c(0, text->begin, (size_t)(text->end - text->begin)));
    note_number(fairlead_crc32c(0xfeedbeef, text->begin, (size_t)(text->end - text->begin)));
}
#endif

static void of_size(const char *kernel, const char *form, void (*run)(const given *), int width, unsigned char *page, size_t size) {
    digest = 0xcbf29ce484222325ULL;
    for (size_t gap = 0; gap < GAPS; gap++) {
        unsigned char *begin = page - gap - size;
        state = size * GAPS + gap;
        fill(begin, size + gap, rarities[gap % 4]);
        run(&(given){begin, begin + size, page, width});
    }
    printf("%s %s %zu %016" PRIx64 "\n", kernel, form, size, digest);
}

static void each_size(const char *kernel, const char *form, void (*run)(const given *), int width) {
    static unsigned char *page;
    if (!page)
        page = guarded(LARGEST + GAPS);
    for (size_t size = 0; size <= 300; size++)
        of_size(kernel, form, run, width, page, size);
    for (size_t i = 0; i < sizeof sizes_beyond / sizeof *sizes_beyond; i++)
        of_size(kernel, form, run, width, page, sizes_beyond[i]);
}

static const char *form_of(int width) {
    return width == 8 ? "portable" : width == 32 ? "avx2" : fairlead_cpu_has(FAIRLEAD_CPU_ASIMD) ? "neon" : "sse2";
}

#define FAIRLEAD_BODY "forms_blocks.h"
#include "each_isa.h"

static void each_width(void) {
    for (size_t i = 0; i < sizeof widths / sizeof *widths && widths[i] <= fairlead_widest(); i++) {
        const char *form = form_of(widths[i]);
        FAIRLEAD_OF_WIDTH(run_blocks, widths[i])(form);
        each_size("newlines", form, run_newlines, widths[i]);
        each_size("json_text", form, run_json_text, widths[i]);
        each_size("line_level", form, run_line_level, widths[i]);
    }
}

static void each_crc32c(void) {
    each_size("crc32c", "portable", run_crc32c_portable, 0);
#if defined(FAIRLEAD_CRC32C)
    if (fairlead_cpu_has(FAIRLEAD_CPU_CRC32C))
        each_size("crc32c", "steps", run_crc32c_steps, 0);
    if (fairlead_cpu_has(FAIRLEAD_CPU_CRC32C_LANES))
        each_size("crc32c", "lanes", run_crc32c_lanes, 0);
#endif
}

/* Numbers of every size, their primes among them, and the largest products of two primes; "size" is how many bits they have. */
static void each_prime_form(void) {
    fairlead_prime_form forms[FAIRLEAD_PRIME_FORMS];
    fairlead_fill_divisors();
    for (size_t i = 0, count = fairlead_prime_forms(forms); i < count; i++)
        for (int bits = 1; bits <= 64; bits++) {
            const uint64_t most = ~0ULL >> (64 - bits), least = most >> 1;
            digest = 0xcbf29ce484222325ULL;
            for (uint64_t n = most; n > least && n > most - 2000; n--)
                note_number(forms[i].test(n));
            state = (uint64_t)bits;
            for (int turn = 0; turn < 200; turn++) {
                const uint64_t root = (((uint64_t)draw(0x7fffffff) << 1) + 1) >> (32 - (bits + 1) / 2);
                note_number(forms[i].test(root * root));
                note_number(forms[i].test((((uint64_t)draw(0x7fffffff) << 33) ^ draw(0x7fffffff)) >> (64 - bits)));
            }
            printf("primes %s %d %016" PRIx64 "\n", forms[i].name, bits, digest);
        }
}

int main(void) {
    out_end = guarded(6 * LARGEST + FAIRLEAD_JSON_SLACK);
    fairlead_crc32c_prepare();
    each_width();
    each_size("string_end", form_of(FAIRLEAD_BASELINE_BYTES), run_string_end, 0);
    each_size("sign", form_of(FAIRLEAD_BASELINE_BYTES), run_sign, 0);
    each_crc32c();
    each_prime_form();
    return 0;
}
