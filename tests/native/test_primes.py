"""Primality: the same numbers over each method and each instruction set, and over the pure twin; ranges against primesieve."""

import signal
import subprocess
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead._native import primes, primes_pure

IsPrime = Callable[[int], bool]


def _simd(isa: str) -> IsPrime:
    return lambda n: primes.is_prime(n, "simd", isa)


SIMD: dict[str, IsPrime] = {isa: _simd(isa) for isa in primes.ISAS}
TRIAL: dict[str, IsPrime] = {"trial": lambda n: primes.is_prime(n, "trial")}
PURE: dict[str, IsPrime] = {"pure": primes_pure.is_prime}
BELOW_2_64 = 18446744073709551557


def each(*tests: dict[str, IsPrime]) -> pytest.MarkDecorator:
    named = {name: test for some in tests for name, test in some.items()}
    return pytest.mark.parametrize("is_prime", named.values(), ids=named.keys())


def sieved(first: int, last: int, what: str) -> list[int]:
    """What primesieve says of first to last: `--print` lists the primes, `--count` tells how many."""
    told = subprocess.run(["primesieve", str(first), str(last), what, "--quiet"], capture_output=True, check=True, text=True)
    return [int(word) for word in told.stdout.split()]


def test_the_compiled_kernel_is_what_is_loaded() -> None:
    assert str(primes.__file__).endswith(tuple(EXTENSION_SUFFIXES))
    assert primes.ISAS[-1] == "portable"


@each(SIMD, TRIAL, PURE)
def test_small_numbers_are_as_primesieve_lists_them(is_prime: IsPrime) -> None:
    assert [n for n in range(-10, 20_000) if is_prime(n)] == sieved(0, 19_999, "--print")


@each(SIMD, TRIAL, PURE)
def test_what_is_below_two_or_has_a_small_divisor_is_not_prime(is_prime: IsPrime) -> None:
    assert {is_prime(n) for n in (-(2**70), -(2**64), -7, -1, 0, 1, 2**63, 2**64 - 2, 2**64 - 1)} == {False}


@each(SIMD)
def test_the_primes_beside_powers_of_two_are_prime(is_prime: IsPrime) -> None:
    beside = [4294967291, 4294967311, 9007199254740881, 9007199254740997, 2**61 - 1, 9223372036854775783, BELOW_2_64]
    assert [n for n in beside if not is_prime(n)] == []


def test_trial_is_exact_on_both_sides_of_what_doubles_hold() -> None:
    for n in (4294967291, 4294967311, 9007199254740881, 9007199254740997):
        assert primes.is_prime(n, "trial") is True


@each(SIMD, TRIAL)
def test_the_square_of_a_prime_is_not_prime(is_prime: IsPrime) -> None:
    assert [root for root in (2, 3, 31, 37, 61, 1009, 46337, 65519, 65521, 65537, 94906249) if is_prime(root * root)] == []


@each(SIMD)
def test_the_largest_products_of_two_primes_are_not_prime(is_prime: IsPrime) -> None:
    pairs = [(4294967291, 4294967291), (4294967291, 4294967279), (65521, 65519), (3, 6148914691236517199)]
    assert [(p, q) for p, q in pairs if is_prime(p * q)] == []


@each(SIMD, TRIAL)
def test_carmichael_numbers_are_not_prime(is_prime: IsPrime) -> None:
    carmichael = [561, 1105, 1729, 2465, 2821, 6601, 8911, 10585, 294409, 825265, 118901521, 321197185, 601 * 1201 * 1801]
    assert [n for n in carmichael if is_prime(n)] == []


# With every prime base up to a bound their least example: OEIS A014233; 4759123141 is that of 2, 7 and 61.
STRONG_PSEUDOPRIMES = [2047, 1373653, 25326001, 3215031751, 2152302898747, 3474749660383, 341550071728321, 3825123056546413051, 4759123141]


@each(SIMD)
def test_strong_pseudoprimes_and_large_carmichael_numbers_are_not_prime(is_prime: IsPrime) -> None:
    assert [n for n in [*STRONG_PSEUDOPRIMES, 1436697831295441, 1439047 * 2878093 * 4317139] if is_prime(n)] == []


@each(SIMD, TRIAL, PURE)
def test_what_is_no_64_bit_integer_is_refused(is_prime: Callable[[Any], bool]) -> None:
    for n in (2**64, 2**64 + 13, 10**30):
        with pytest.raises(OverflowError, match="above 2"):
            is_prime(n)
    for wrong in (7.0, "7", None):
        with pytest.raises(TypeError):
            is_prime(wrong)


@pytest.mark.parametrize("isa", primes.ISAS)
def test_ranges_hold_as_many_primes_as_primesieve_counts(isa: str) -> None:
    around = [(0, 2_000_000), (2**32 - 20_000, 2**32 + 20_000), (2**53 - 20_000, 2**53 + 20_000), (10**16, 10**16 + 50_000)]
    for lo, hi in around:
        assert [primes.count_primes(lo, hi, 1, "simd", isa)] == sieved(lo, hi - 1, "--count")


def test_the_last_numbers_hold_as_many_primes_as_primesieve_counts() -> None:
    assert [primes.count_primes(2**64 - 2**16, 2**64)] == sieved(2**64 - 2**16, 2**64 - 1, "--count")


def test_trial_counts_as_primesieve_does() -> None:
    for lo, hi in ((0, 300_000), (2**24 - 3_000, 2**24 + 3_000), (2**32 - 500, 2**32 + 500)):
        assert [primes.count_primes(lo, hi, 1, "trial")] == sieved(lo, hi - 1, "--count")


@pytest.mark.parametrize("isa", primes.ISAS)
@given(n=st.integers(0, 2**64 - 1) | st.integers(0, 2**32 - 1) | st.integers(0, 70_000))
def test_every_form_agrees_with_the_portable_one(isa: str, n: int) -> None:
    assert primes.is_prime(n, "simd", isa) == primes.is_prime(n, "simd", "portable")


@pytest.mark.parametrize("isa", primes.ISAS)
@given(p=st.integers(2, 2**16 - 1), q=st.integers(2, 2**16 - 1))
def test_a_product_is_never_prime(isa: str, p: int, q: int) -> None:
    assert not primes.is_prime(p * q, "simd", isa)
    assert not primes.is_prime(p * q, "trial")


@given(n=st.integers(0, 2**33))
def test_both_methods_agree(n: int) -> None:
    assert primes.is_prime(n) == primes.is_prime(n, "trial")


@given(lo=st.integers(-100, 3000), size=st.integers(-5, 300), threads=st.integers(1, 3))
def test_both_twins_count_alike(lo: int, size: int, threads: int) -> None:
    wanted = primes_pure.count_primes(lo, lo + size, threads)
    assert primes.count_primes(lo, lo + size, threads) == wanted
    assert primes.count_primes(lo, lo + size, threads, "trial") == wanted


def test_threads_count_each_number_once() -> None:
    for threads in (1, 2, 3, 8):
        assert primes.count_primes(0, 10_000_000, threads) == 664_579
        assert primes.count_primes(-5, 300_000, threads, "trial") == 25_997


@pytest.mark.parametrize("kernel", [primes, primes_pure], ids=["native", "pure"])
def test_wrong_ranges_and_threads_are_refused(kernel: Any) -> None:
    assert kernel.count_primes(2**64 - 1, 2**64) == 0
    assert kernel.count_primes(10, 10) == kernel.count_primes(10, 3) == kernel.count_primes(2**70, 5) == 0
    with pytest.raises(OverflowError, match=r"hi is above 2\*\*64"):
        kernel.count_primes(0, 2**64 + 1)
    with pytest.raises(ValueError, match="threads is below 1"):
        kernel.count_primes(0, 10, 0)


def test_unknown_methods_and_instruction_sets_are_told() -> None:
    unchecked: Any = primes
    with pytest.raises(ValueError, match="method 'sieve': allowed are trial and simd"):
        unchecked.is_prime(7, "sieve")
    with pytest.raises(ValueError, match=r"isa 'mmx': this processor has .*portable"):
        primes.count_primes(0, 7, isa="mmx")
    with pytest.raises(ValueError, match="isa goes with method simd"):
        primes.is_prime(7, "trial", "portable")


@pytest.mark.parametrize("threads", [1, 2])
def test_a_signal_ends_a_count_that_would_take_hours(threads: int) -> None:
    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise InterruptedError

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(InterruptedError):
            primes.count_primes(0, 2**40, threads)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
