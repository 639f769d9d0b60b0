/* Blocks of 64 bytes compared to bit masks (bit i: byte i), by AVX2, SSE2, NEON or 64-bit words: sets of the same functions.
 *
 * A comparison gives a block whose bytes have their top bit set where it holds; fairlead_bits_* turns that into the mask.
 * An instruction set says what it does with one of its vectors (fairlead_vector_*) and how it makes the mask; the rest is common.
 * A file that is written against them is included once an instruction set: each_isa.h.
 */
#ifndef FAIRLEAD_BLOCKS_H
#define FAIRLEAD_BLOCKS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "cpu.h"

#define FAIRLEAD_INLINE static inline __attribute__((always_inline))
#define FAIRLEAD_LIKELY(condition) __builtin_expect(!!(condition), 1)

#define FAIRLEAD_ONES 0x0101010101010101ULL
#define FAIRLEAD_TOPS 0x8080808080808080ULL

/* PARTS vectors of type VECTOR a block. */
#define FAIRLEAD_BLOCK_FUNCTIONS(ISA, ATTRIBUTE, VECTOR, PARTS)                                                                           \
    typedef struct { VECTOR part[PARTS]; } fairlead_block_##ISA;                                                                          \
    ATTRIBUTE FAIRLEAD_INLINE fairlead_block_##ISA fairlead_load_##ISA(const unsigned char *at) {                                         \
        fairlead_block_##ISA block;                                                                                                       \
        for (int i = 0; i < PARTS; i++)                                                                                                   \
            block.part[i] = fairlead_vector_load_##ISA(at + sizeof(VECTOR) * i);                                                          \
        return block;                                                                                                                     \
    }                                                                                                                                     \
    ATTRIBUTE FAIRLEAD_INLINE void fairlead_store_##ISA(unsigned char *out, fairlead_block_##ISA block) {                                 \
        for (int i = 0; i < PARTS; i++)                                                                                                   \
            fairlead_vector_store_##ISA(out + sizeof(VECTOR) * i, block.part[i]);                                                         \
    }                                                                                                                                     \
    ATTRIBUTE FAIRLEAD_INLINE fairlead_block_##ISA fairlead_equal_##ISA(fairlead_block_##ISA block, unsigned char byte) {                 \
        for (int i = 0; i < PARTS; i++)                                                                                                   \
            block.part[i] = fairlead_vector_equal_##ISA(block.part[i], byte);                                                             \
        return block;                                                                                                                     \
    }                                                                                                                                     \
    /* Where low <= byte <= high; both are ASCII. */                                                                                      \
    ATTRIBUTE FAIRLEAD_INLINE fairlead_block_##ISA fairlead_between_##ISA(fairlead_block_##ISA block, unsigned char low,                  \
                                                                          unsigned char high) {                                           \
        for (int i = 0; i < PARTS; i++)                                                                                                   \
            block.part[i] = fairlead_vector_between_##ISA(block.part[i], low, high);                                                      \
        return block;                                                                                                                     \
    }                                                                                                                                     \
    ATTRIBUTE FAIRLEAD_INLINE fairlead_block_##ISA fairlead_either_##ISA(fairlead_block_##ISA one, fairlead_block_##ISA other) {          \
        for (int i = 0; i < PARTS; i++)                                                                                                   \
            one.part[i] = fairlead_vector_either_##ISA(one.part[i], other.part[i]);                                                       \
        return one;                                                                                                                       \
    }

FAIRLEAD_INLINE uint64_t fairlead_little_endian(uint64_t word) {
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? word : __builtin_bswap64(word);
}

FAIRLEAD_INLINE uint64_t fairlead_vector_load_words(const unsigned char *at) {
    uint64_t word;
    memcpy(&word, at, 8);
    return fairlead_little_endian(word);
}

FAIRLEAD_INLINE void fairlead_vector_store_words(unsigned char *out, uint64_t word) {
    word = fairlead_little_endian(word);
    memcpy(out, &word, 8);
}

FAIRLEAD_INLINE uint64_t fairlead_vector_equal_words(uint64_t word, unsigned char byte) {
    const uint64_t other = word ^ (byte * FAIRLEAD_ONES);
    return ~(((other & ~FAIRLEAD_TOPS) + ~FAIRLEAD_TOPS) | other) & FAIRLEAD_TOPS;
}

FAIRLEAD_INLINE uint64_t fairlead_vector_between_words(uint64_t word, unsigned char low, unsigned char high) {
    const uint64_t seven = word & ~FAIRLEAD_TOPS;
    const uint64_t not_below = seven + (uint64_t)(0x80 - low) * FAIRLEAD_ONES, above = seven + (uint64_t)(0x7f - high) * FAIRLEAD_ONES;
    return not_below & ~above & ~word & FAIRLEAD_TOPS;
}

FAIRLEAD_INLINE uint64_t fairlead_vector_either_words(uint64_t one, uint64_t other) { return one | other; }

FAIRLEAD_BLOCK_FUNCTIONS(words, , uint64_t, 8)

FAIRLEAD_INLINE uint64_t fairlead_bits_words(fairlead_block_words block) {
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++)
        bits |= ((((block.part[i] & FAIRLEAD_TOPS) >> 7) * 0x0102040810204080ULL) >> 56) << (8 * i);
    return bits;
}

#if defined(FAIRLEAD_X86)
#include <immintrin.h>

/* PREFIX and SUFFIX spell the intrinsics. */
#define FAIRLEAD_X86_FUNCTIONS(ISA, ATTRIBUTE, VECTOR, PARTS, PREFIX, SUFFIX)                                                             \
    ATTRIBUTE FAIRLEAD_INLINE VECTOR fairlead_vector_load_##ISA(const unsigned char *at) {                                                \
        return PREFIX##_loadu_##SUFFIX((const VECTOR *)at);                                                                               \
    }                                                                                                                                     \
    ATTRIBUTE FAIRLEAD_INLINE void fairlead_vector_store_##ISA(unsigned char *out, VECTOR vector) {                                       \
        PREFIX##_storeu_##SUFFIX((VECTOR *)out, vector);                                                                                  \
    }                                                                                                                                     \
    ATTRIBUTE FAIRLEAD_INLINE VECTOR fairlead_vector_equal_##ISA(VECTOR vector, unsigned char byte) {                                     \
        return PREFIX##_cmpeq_epi8(vector, PREFIX##_set1_epi8((char)byte));                                                               \
    }                                                                                                                                     \
    ATTRIBUTE FAIRLEAD_INLINE VECTOR fairlead_vector_between_##ISA(VECTOR vector, unsigned char low, unsigned char high) {                \
        const VECTOR above = PREFIX##_sub_epi8(vector, PREFIX##_set1_epi8((char)low));                                                    \
        return PREFIX##_cmpeq_epi8(PREFIX##_min_epu8(above, PREFIX##_set1_epi8((char)(high - low))), above);                              \
    }                                                                                                                                     \
    ATTRIBUTE FAIRLEAD_INLINE VECTOR fairlead_vector_either_##ISA(VECTOR one, VECTOR other) { return PREFIX##_or_##SUFFIX(one, other); }  \
    FAIRLEAD_BLOCK_FUNCTIONS(ISA, ATTRIBUTE, VECTOR, PARTS)                                                                               \
    ATTRIBUTE FAIRLEAD_INLINE uint64_t fairlead_bits_##ISA(fairlead_block_##ISA block) {                                                  \
        uint64_t bits = 0;                                                                                                                \
        for (int i = 0; i < PARTS; i++)                                                                                                   \
            bits |= (uint64_t)(uint32_t)PREFIX##_movemask_epi8(block.part[i]) << (sizeof(VECTOR) * i);                                    \
        return bits;                                                                                                                      \
    }

#define FAIRLEAD_AVX2 __attribute__((target("avx2")))
FAIRLEAD_X86_FUNCTIONS(sse2, , __m128i, 4, _mm, si128)
FAIRLEAD_X86_FUNCTIONS(avx2, FAIRLEAD_AVX2, __m256i, 2, _mm256, si256)

#elif defined(FAIRLEAD_ARM)
#include <arm_neon.h>

FAIRLEAD_INLINE uint8x16_t fairlead_vector_load_neon(const unsigned char *at) { return vld1q_u8(at); }

FAIRLEAD_INLINE void fairlead_vector_store_neon(unsigned char *out, uint8x16_t vector) { vst1q_u8(out, vector); }

FAIRLEAD_INLINE uint8x16_t fairlead_vector_equal_neon(uint8x16_t vector, unsigned char byte) { return vceqq_u8(vector, vdupq_n_u8(byte)); }

FAIRLEAD_INLINE uint8x16_t fairlead_vector_between_neon(uint8x16_t vector, unsigned char low, unsigned char high) {
    return vcleq_u8(vsubq_u8(vector, vdupq_n_u8(low)), vdupq_n_u8((unsigned char)(high - low)));
}

FAIRLEAD_INLINE uint8x16_t fairlead_vector_either_neon(uint8x16_t one, uint8x16_t other) { return vorrq_u8(one, other); }

FAIRLEAD_BLOCK_FUNCTIONS(neon, , uint8x16_t, 4)

/* Each byte keeps the bit of its place among eight; neighbours are added until eight of them are one byte. */
FAIRLEAD_INLINE uint64_t fairlead_bits_neon(fairlead_block_neon block) {
    const uint8x16_t places = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201ULL));
    for (int i = 0; i < 4; i++)
        block.part[i] = vandq_u8(vcltzq_s8(vreinterpretq_s8_u8(block.part[i])), places);
    const uint8x16_t pairs = vpaddq_u8(vpaddq_u8(block.part[0], block.part[1]), vpaddq_u8(block.part[2], block.part[3]));
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(pairs, pairs)), 0);
}
#endif

/* FAIRLEAD_BASELINE names the form that every processor of the kind can run, and FAIRLEAD_BASELINE_BYTES how wide its vectors are;
 * FAIRLEAD_OF_WIDTH chooses a form by that. */
#if defined(FAIRLEAD_X86)
#define FAIRLEAD_BASELINE(name) name##_sse2
#define FAIRLEAD_BASELINE_BYTES 16
#define FAIRLEAD_OF_WIDTH(name, width) ((width) == 32 ? name##_avx2 : (width) == 16 ? name##_sse2 : name##_words)
#elif defined(FAIRLEAD_ARM)
#define FAIRLEAD_BASELINE(name) name##_neon
#define FAIRLEAD_BASELINE_BYTES 16
#define FAIRLEAD_OF_WIDTH(name, width) ((width) == 16 ? name##_neon : name##_words)
#else
#define FAIRLEAD_BASELINE(name) name##_words
#define FAIRLEAD_BASELINE_BYTES 8
#define FAIRLEAD_OF_WIDTH(name, width) ((void)(width), name##_words)
#endif

/* The bytes of the widest vectors that this processor has: 32 (AVX2), 16 (SSE2, NEON), 8 (plain words). */
static int fairlead_widest(void) { return fairlead_cpu_has(FAIRLEAD_CPU_AVX2) ? 32 : FAIRLEAD_BASELINE_BYTES; }

#endif
