/* The odd divisors 3, 5, 7, ... with what it takes to try one by a multiplication: every odd number, prime or not, so the table knows
 * nothing about primes. An odd d divides a 32-bit n if and only if n times d's inverse modulo 2^32 is at most (2^32 - 1) / d
 * (Granlund and Montgomery, Division by Invariant Integers using Multiplication, 1994, section 9). */
#ifndef FAIRLEAD_PRIMES_DIVISORS_H
#define FAIRLEAD_PRIMES_DIVISORS_H

#include <stdint.h>

/* As many as are tried in one go; what is tried beyond the square root of n does no harm while it is less than n. */
#define FAIRLEAD_DIVISORS_A_STEP 64
/* 3 to 65535, and the rest of the last step. */
#define FAIRLEAD_DIVISORS (32767 + FAIRLEAD_DIVISORS_A_STEP)
#define FAIRLEAD_DIVISOR(at) (2 * (uint64_t)(at) + 3)

static _Alignas(64) uint32_t fairlead_inverses[FAIRLEAD_DIVISORS];
static _Alignas(64) uint32_t fairlead_limits[FAIRLEAD_DIVISORS];

/* To be called once, before any of the tests: 0.15 ms. */
static void fairlead_fill_divisors(void) {
    for (uint32_t at = 0; at < FAIRLEAD_DIVISORS; at++) {
        const uint32_t divisor = (uint32_t)FAIRLEAD_DIVISOR(at);
        uint32_t inverse = divisor * 3 ^ 2; /* right in the lowest 5 bits; each of Newton's steps doubles them */
        for (int step = 0; step < 3; step++)
            inverse *= 2 - divisor * inverse;
        fairlead_inverses[at] = inverse;
        fairlead_limits[at] = UINT32_MAX / divisor;
    }
}

static inline int fairlead_divides(uint32_t n, uint32_t at) { return n * fairlead_inverses[at] <= fairlead_limits[at]; }

#endif
