/* Primality of 64-bit numbers by the Miller-Rabin test with bases that leave no error: Jim Sinclair's seven, for which every odd composite
 * below 2^64 was checked (miller-rabin.appspot.com, 2011). Products are Montgomery's: no 128-bit division. */
#ifndef FAIRLEAD_PRIMES_MILLER_RABIN_H
#define FAIRLEAD_PRIMES_MILLER_RABIN_H

#include <stdint.h>

typedef struct {
    uint64_t n;       /* odd */
    uint64_t inverse; /* n * inverse = 1 mod 2^64 */
    uint64_t one;     /* 2^64 mod n, which stands for 1 */
    uint64_t square;  /* 2^128 mod n */
} fairlead_modulus;

/* a * b / 2^64 mod n */
static inline uint64_t fairlead_multiply(const fairlead_modulus *modulus, uint64_t a, uint64_t b) {
    const unsigned __int128 product = (unsigned __int128)a * b;
    const uint64_t multiple = (uint64_t)product * modulus->inverse;
    const uint64_t high = (uint64_t)(product >> 64), less = (uint64_t)(((unsigned __int128)multiple * modulus->n) >> 64);
    return high >= less ? high - less : high - less + modulus->n;
}

static fairlead_modulus fairlead_modulus_of(uint64_t n) {
    fairlead_modulus modulus = {n, n * 3 ^ 2, (0 - n) % n, 0};
    /* Right in the lowest 5 bits; each of Newton's steps doubles them. */
    for (int step = 0; step < 4; step++)
        modulus.inverse *= 2 - n * modulus.inverse;
    /* 2, squared six times, is 2^64. */
    modulus.square = modulus.one >= n - modulus.one ? modulus.one - (n - modulus.one) : modulus.one + modulus.one;
    for (int step = 0; step < 6; step++)
        modulus.square = fairlead_multiply(&modulus, modulus.square, modulus.square);
    return modulus;
}

/* Whether n passes as a strong probable prime to the base; n - 1 = odd << twos. */
static int fairlead_passes(const fairlead_modulus *modulus, uint64_t base, uint64_t odd, int twos) {
    const uint64_t one = modulus->one, minus_one = modulus->n - modulus->one;
    const uint64_t factor = fairlead_multiply(modulus, base, modulus->square);
    uint64_t power = factor;
    for (int bit = 62 - __builtin_clzll(odd); bit >= 0; bit--) {
        power = fairlead_multiply(modulus, power, power);
        if (odd >> bit & 1)
            power = fairlead_multiply(modulus, power, factor);
    }
    if (power == one || power == minus_one)
        return 1;
    for (int square = 1; square < twos; square++) {
        power = fairlead_multiply(modulus, power, power);
        if (power == minus_one)
            return 1;
    }
    return 0;
}

/* n lies above 2^32, and so above every base. */
static int fairlead_is_prime_miller_rabin(uint64_t n) {
    static const uint64_t bases[] = {2, 325, 9375, 28178, 450775, 9780504, 1795265022};
    if (n % 2 == 0 || n % 3 == 0 || n % 5 == 0 || n % 7 == 0 || n % 11 == 0 || n % 13 == 0 || n % 17 == 0 || n % 19 == 0 || n % 23 == 0)
        return 0;
    const fairlead_modulus modulus = fairlead_modulus_of(n);
    const int twos = __builtin_ctzll(n - 1);
    for (unsigned at = 0; at < sizeof bases / sizeof *bases; at++)
        if (!fairlead_passes(&modulus, bases[at], (n - 1) >> twos, twos))
            return 0;
    return 1;
}

#endif
