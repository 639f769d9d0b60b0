/* CRC-32C (Castagnoli; RFC 3720, appendix B.4) of a buffer: the processor's instruction where it has one (SSE4.2, or ARMv8's extension),
 * tables of eight bytes a step otherwise. Call fairlead_crc32c_prepare once before any other function. */
#ifndef FAIRLEAD_CRC32C_H
#define FAIRLEAD_CRC32C_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "cpu.h"

static uint32_t fairlead_crc32c_tables[8][256]; /* [k][byte]: the byte followed by k zero bytes */

static void fairlead_crc32c_prepare(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
        fairlead_crc32c_tables[0][byte] = crc;
    }
    for (int k = 1; k < 8; k++)
        for (int byte = 0; byte < 256; byte++) {
            uint32_t crc = fairlead_crc32c_tables[k - 1][byte];
            fairlead_crc32c_tables[k][byte] = crc >> 8 ^ fairlead_crc32c_tables[0][crc & 0xff];
        }
}

/* `value` is the CRC of what came before, 0 at first. */
static uint32_t fairlead_crc32c_portable(uint32_t value, const unsigned char *at, size_t size) {
    const uint32_t(*table)[256] = fairlead_crc32c_tables;
    uint32_t crc = ~value;
    for (; size >= 8; at += 8, size -= 8)
        crc = table[7][(crc ^ at[0]) & 0xff] ^ table[6][(crc >> 8 ^ at[1]) & 0xff] ^ table[5][(crc >> 16 ^ at[2]) & 0xff] ^
              table[4][crc >> 24 ^ at[3]] ^ table[3][at[4]] ^ table[2][at[5]] ^ table[1][at[6]] ^ table[0][at[7]];
    for (; size; size--)
        crc = crc >> 8 ^ table[0][(crc ^ *at++) & 0xff];
    return ~crc;
}

#if defined(FAIRLEAD_X86)
#include <immintrin.h>

enum { FAIRLEAD_CPU_CRC32C = FAIRLEAD_CPU_SSE42, FAIRLEAD_CPU_CRC32C_LANES = FAIRLEAD_CPU_SSE42 | FAIRLEAD_CPU_PCLMUL };
#define FAIRLEAD_CRC32C __attribute__((target("sse4.2,crc32")))
#define FAIRLEAD_CRC32C_LANES __attribute__((target("sse4.2,crc32,pclmul")))

FAIRLEAD_CRC32C static inline uint64_t fairlead_crc32c_word(uint64_t crc, uint64_t word) { return _mm_crc32_u64(crc, word); }

FAIRLEAD_CRC32C static inline uint64_t fairlead_crc32c_byte(uint64_t crc, unsigned char byte) { return _mm_crc32_u8((uint32_t)crc, byte); }

FAIRLEAD_CRC32C_LANES static inline uint64_t fairlead_carryless(uint64_t one, uint64_t other) {
    return (uint64_t)_mm_cvtsi128_si64(_mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)one), _mm_cvtsi64_si128((long long)other), 0));
}
#elif defined(FAIRLEAD_ARM)
#include <arm_acle.h>
#include <arm_neon.h>

enum { FAIRLEAD_CPU_CRC32C = FAIRLEAD_CPU_CRC32, FAIRLEAD_CPU_CRC32C_LANES = FAIRLEAD_CPU_CRC32 | FAIRLEAD_CPU_PMULL };
#define FAIRLEAD_CRC32C __attribute__((target("+crc")))
#define FAIRLEAD_CRC32C_LANES __attribute__((target("+crc+crypto")))

FAIRLEAD_CRC32C static inline uint64_t fairlead_crc32c_word(uint64_t crc, uint64_t word) { return __crc32cd((uint32_t)crc, word); }

FAIRLEAD_CRC32C static inline uint64_t fairlead_crc32c_byte(uint64_t crc, unsigned char byte) { return __crc32cb((uint32_t)crc, byte); }

FAIRLEAD_CRC32C_LANES static inline uint64_t fairlead_carryless(uint64_t one, uint64_t other) {
    return vgetq_lane_u64(vreinterpretq_u64_p128(vmull_p64(one, other)), 0);
}
#endif

#if defined(FAIRLEAD_CRC32C)
#define FAIRLEAD_CRC32C_LANE 1024 /* bytes */
#define FAIRLEAD_CRC32C_STEP (3 * (size_t)FAIRLEAD_CRC32C_LANE)

static inline uint64_t fairlead_crc32c_load(const unsigned char *at) {
    uint64_t word;
    memcpy(&word, at, 8);
    return word;
}

/* The CRC without its two inversions, by the instruction alone. */
FAIRLEAD_CRC32C static uint64_t fairlead_crc32c_steps(uint64_t crc, const unsigned char *at, size_t size) {
    for (; size >= 8; at += 8, size -= 8)
        crc = fairlead_crc32c_word(crc, fairlead_crc32c_load(at));
    for (; size; size--)
        crc = fairlead_crc32c_byte(crc, *at++);
    return crc;
}

/* The same of whole FAIRLEAD_CRC32C_STEPs. The instruction takes three cycles, and one can begin in each: three lanes run side by side. A
 * lane's sum is then moved over the bytes that follow it: a carry-less product with x^(bits - 33) mod P (the instruction itself multiplies
 * by x^32, the reflected product by x), after Gopal et al., "Fast CRC Computation for iSCSI Polynomial Using CRC32 Instruction" (Intel,
 * 2011). */
FAIRLEAD_CRC32C_LANES static uint64_t fairlead_crc32c_lanes(uint64_t crc, const unsigned char *at, size_t size) {
    const uint64_t over_two = 0xa51b6135u; /* x^(2 * 8 * 1024 - 33) */
    const uint64_t over_one = 0x170076fau; /* x^(8 * 1024 - 33) */
    for (const unsigned char *const end = at + size; at < end; at += FAIRLEAD_CRC32C_STEP) {
        uint64_t second = 0, third = 0;
        for (const unsigned char *word = at; word < at + FAIRLEAD_CRC32C_LANE; word += 8) {
            crc = fairlead_crc32c_word(crc, fairlead_crc32c_load(word));
            second = fairlead_crc32c_word(second, fairlead_crc32c_load(word + FAIRLEAD_CRC32C_LANE));
            third = fairlead_crc32c_word(third, fairlead_crc32c_load(word + 2 * FAIRLEAD_CRC32C_LANE));
        }
        crc = third ^ fairlead_crc32c_word(0, fairlead_carryless(crc, over_two) ^ fairlead_carryless(second, over_one));
    }
    return crc;
}

static uint32_t fairlead_crc32c(uint32_t value, const unsigned char *at, size_t size) {
    uint64_t crc = (uint32_t)~value;
    if (!fairlead_cpu_has(FAIRLEAD_CPU_CRC32C))
        return fairlead_crc32c_portable(value, at, size);
    if (size >= FAIRLEAD_CRC32C_STEP && fairlead_cpu_has(FAIRLEAD_CPU_CRC32C_LANES)) {
        const size_t whole = size - size % FAIRLEAD_CRC32C_STEP;
        crc = fairlead_crc32c_lanes(crc, at, whole);
        at += whole;
        size -= whole;
    }
    return ~(uint32_t)fairlead_crc32c_steps(crc, at, size);
}
#else
#define fairlead_crc32c fairlead_crc32c_portable
#endif

#endif
