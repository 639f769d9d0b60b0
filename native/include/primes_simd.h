/* Trial division by 2 and every odd number up to the square root, many divisors at a time: 16 with AVX-512, 8 with AVX2, 4 with NEON.
 * Each call answers for itself. Above 2^32 Miller-Rabin decides. Which divisors: primes_divisors.h. */
#ifndef FAIRLEAD_PRIMES_SIMD_H
#define FAIRLEAD_PRIMES_SIMD_H

#include <stddef.h>

#include "blocks.h"
#include "primes_divisors.h"
#include "primes_miller_rabin.h"
#include "primes_trial.h"

typedef int (*fairlead_prime_test)(uint64_t n);

/* Below this a step could try n itself as a divisor. */
#define FAIRLEAD_SMALL 1024

/* A test of 64-bit numbers from `has_divisor`, which tries all odd ones up to the square root of a 32-bit n. */
#define FAIRLEAD_PRIME_TEST(name, target, has_divisor)      \
    target static int name(uint64_t n) {                    \
        if (n % 2 == 0)                                     \
            return n == 2;                                  \
        if (n < FAIRLEAD_SMALL)                             \
            return fairlead_is_small_prime((uint32_t)n);    \
        if (n > UINT32_MAX)                                 \
            return fairlead_is_prime_miller_rabin(n);       \
        return !has_divisor((uint32_t)n);                   \
    }

static int fairlead_is_small_prime(uint32_t n) {
    for (uint32_t at = 0; FAIRLEAD_DIVISOR(at) * FAIRLEAD_DIVISOR(at) <= n; at++)
        if (fairlead_divides(n, at))
            return 0;
    return n > 1;
}

/* Whether the divisors from `at` on reach beyond the square root. */
static inline int fairlead_beyond(uint32_t at, uint32_t n) { return FAIRLEAD_DIVISOR(at) * FAIRLEAD_DIVISOR(at) > n; }

static int fairlead_has_divisor_portable(uint32_t n) {
    for (uint32_t at = 0; !fairlead_beyond(at, n); at += 8) {
        int found = 0;
        for (uint32_t lane = 0; lane < 8; lane++)
            found |= fairlead_divides(n, at + lane);
        if (found)
            return 1;
    }
    return 0;
}
FAIRLEAD_PRIME_TEST(fairlead_is_prime_portable, , fairlead_has_divisor_portable)

#if defined(FAIRLEAD_X86)
#include <immintrin.h>

#define FAIRLEAD_AVX512 __attribute__((target("avx512f")))

FAIRLEAD_AVX512 static inline unsigned fairlead_divide_16(__m512i n, uint32_t at) {
    const __m512i product = _mm512_mullo_epi32(n, _mm512_load_si512(fairlead_inverses + at));
    return _mm512_cmple_epu32_mask(product, _mm512_load_si512(fairlead_limits + at));
}

FAIRLEAD_AVX512 static inline int fairlead_has_divisor_avx512(uint32_t number) {
    const __m512i n = _mm512_set1_epi32((int)number);
    /* Most composites have a small divisor. */
    if (fairlead_divide_16(n, 0) || fairlead_divide_16(n, 16))
        return 1;
    for (uint32_t at = 32; !fairlead_beyond(at, number); at += 64) {
        const unsigned low = fairlead_divide_16(n, at) | fairlead_divide_16(n, at + 16);
        const unsigned high = fairlead_divide_16(n, at + 32) | fairlead_divide_16(n, at + 48);
        if (low | high)
            return 1;
    }
    return 0;
}
FAIRLEAD_PRIME_TEST(fairlead_is_prime_avx512, FAIRLEAD_AVX512, fairlead_has_divisor_avx512)

/* All bits of a lane are set where the divisor divides; AVX2 has no unsigned comparison. */
FAIRLEAD_AVX2 static inline __m256i fairlead_divide_8(__m256i n, uint32_t at) {
    const __m256i product = _mm256_mullo_epi32(n, _mm256_load_si256((const __m256i *)(fairlead_inverses + at)));
    return _mm256_cmpeq_epi32(product, _mm256_min_epu32(product, _mm256_load_si256((const __m256i *)(fairlead_limits + at))));
}

FAIRLEAD_AVX2 static inline __m256i fairlead_divide_16_by_8(__m256i n, uint32_t at) {
    return _mm256_or_si256(fairlead_divide_8(n, at), fairlead_divide_8(n, at + 8));
}

FAIRLEAD_AVX2 static inline int fairlead_has_divisor_avx2(uint32_t number) {
    const __m256i n = _mm256_set1_epi32((int)number);
    __m256i found = fairlead_divide_8(n, 0);
    if (!_mm256_testz_si256(found, found))
        return 1;
    found = fairlead_divide_8(n, 8);
    if (!_mm256_testz_si256(found, found))
        return 1;
    for (uint32_t at = 16; !fairlead_beyond(at, number); at += 32) {
        found = _mm256_or_si256(fairlead_divide_16_by_8(n, at), fairlead_divide_16_by_8(n, at + 16));
        if (!_mm256_testz_si256(found, found))
            return 1;
    }
    return 0;
}
FAIRLEAD_PRIME_TEST(fairlead_is_prime_avx2, FAIRLEAD_AVX2, fairlead_has_divisor_avx2)

#elif defined(FAIRLEAD_ARM)
#include <arm_neon.h>

static inline uint32x4_t fairlead_divide_4(uint32x4_t n, uint32_t at) {
    return vcleq_u32(vmulq_u32(n, vld1q_u32(fairlead_inverses + at)), vld1q_u32(fairlead_limits + at));
}

static inline uint32x4_t fairlead_divide_8(uint32x4_t n, uint32_t at) {
    return vorrq_u32(fairlead_divide_4(n, at), fairlead_divide_4(n, at + 4));
}

static inline int fairlead_has_divisor_neon(uint32_t number) {
    const uint32x4_t n = vdupq_n_u32(number);
    if (vmaxvq_u32(fairlead_divide_8(n, 0)))
        return 1;
    for (uint32_t at = 8; !fairlead_beyond(at, number); at += 16)
        if (vmaxvq_u32(vorrq_u32(fairlead_divide_8(n, at), fairlead_divide_8(n, at + 8))))
            return 1;
    return 0;
}
FAIRLEAD_PRIME_TEST(fairlead_is_prime_neon, , fairlead_has_divisor_neon)
#endif

#define FAIRLEAD_PRIME_FORMS 4
typedef struct {
    const char *name;
    fairlead_prime_test test;
} fairlead_prime_form;

/* The forms that this processor can run, the fastest first; returns how many there are. */
static size_t fairlead_prime_forms(fairlead_prime_form forms[FAIRLEAD_PRIME_FORMS]) {
    size_t count = 0;
#if defined(FAIRLEAD_X86)
    if (fairlead_cpu_has(FAIRLEAD_CPU_AVX512F))
        forms[count++] = (fairlead_prime_form){"avx512", fairlead_is_prime_avx512};
    if (fairlead_cpu_has(FAIRLEAD_CPU_AVX2))
        forms[count++] = (fairlead_prime_form){"avx2", fairlead_is_prime_avx2};
#elif defined(FAIRLEAD_ARM)
    forms[count++] = (fairlead_prime_form){"neon", fairlead_is_prime_neon};
#endif
    forms[count++] = (fairlead_prime_form){"portable", fairlead_is_prime_portable};
    return count;
}

/* How many of first, ..., last are prime, by one call each. */
static uint64_t fairlead_count_primes(fairlead_prime_test test, uint64_t first, uint64_t last) {
    uint64_t count = 0;
    for (uint64_t n = first;; n++) {
        count += (uint64_t)test(n);
        if (n == last)
            return count;
    }
}

#endif
