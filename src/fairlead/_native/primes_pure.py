"""Specification of the prime kernels, their oracle, and the contender `python` of `fairlead bench prime`: native/primes.pyx."""

from operator import index
from typing import SupportsIndex

_END = 1 << 64


def is_prime(n: SupportsIndex) -> bool:
    """Try every i with i * i <= n. Below 2 nothing is prime; from 2**64 on OverflowError, as the kernels say."""
    number = index(n)
    if number >= _END:
        raise OverflowError("n is above 2**64 - 1")
    return _has_no_divisor(number)


def count_primes(lo: SupportsIndex, hi: SupportsIndex, threads: SupportsIndex = 1) -> int:
    """Count the primes n with lo <= n < hi (at most 2**64), by one call for each n.

    `threads` changes nothing here: the interpreter runs one at a time. The kernels count in so many.
    """
    first, end = max(index(lo), 0), index(hi)
    if end > _END:
        raise OverflowError("hi is above 2**64")
    if index(threads) < 1:
        raise ValueError("threads is below 1")
    count = 0
    for n in range(first, end):
        if _has_no_divisor(n):
            count += 1
    return count


def _has_no_divisor(n: int) -> bool:
    if n < 2:
        return False
    i = 2
    while i * i <= n:
        if n % i == 0:
            return False
        i += 1
    return True
