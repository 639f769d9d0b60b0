/* Trial division as it is written down: every i with i*i <= n, one at a time. */
#ifndef FAIRLEAD_PRIMES_TRIAL_H
#define FAIRLEAD_PRIMES_TRIAL_H

#include <stdint.h>

/* Above this not every integer is a double. */
#define FAIRLEAD_EXACT_DOUBLES (1ULL << 53)

/* By floating-point division, of which a processor has more to give than of integer division. It is exact: with n < 2^53 a quotient that
 * is not an integer is at least 1/i away from the next one, and rounding moves it by at most n/i * 2^-53, which is less. */
static int fairlead_is_prime_by_doubles(uint64_t n) {
    const double value = (double)n;
    for (double i = 2; i * i <= value; i += 1) {
        const double quotient = value / i;
        if (quotient == (double)(int64_t)quotient)
            return 0;
    }
    return 1;
}

static int fairlead_is_prime_trial(uint64_t n) {
    if (n < 2)
        return 0;
    if (n < FAIRLEAD_EXACT_DOUBLES)
        return fairlead_is_prime_by_doubles(n);
    /* i*i would overflow; one division gives quotient and remainder. */
    for (uint64_t i = 2; i <= n / i; i++)
        if (n % i == 0)
            return 0;
    return 1;
}

#endif
