"""One contender of the case `prime`: `is_prime` called for each number below N, in this process.

It imports what it calls and no more: the process's start and its peak memory are part of what is compared.
"""

import sys
import time

METHODS = ("simd", "trial", "python")
"""`simd`: trial division by many divisors at a time; `trial`: by every i with i * i <= n, one at a time; `python`: that, interpreted."""

_END = 1 << 64


def count(n: int, threads: int, method: str) -> tuple[int, float]:
    """Count the primes below `n` (at most 2**64); return them and the seconds that counting took, without imports.

    `threads` share the work, at least one; to `python` it makes no difference.
    """
    if method == "python":
        from fairlead._native import primes_pure

        begin = time.perf_counter()
        return primes_pure.count_primes(0, n, threads), time.perf_counter() - begin
    if method not in ("simd", "trial"):
        raise ValueError(f"method {method!r}: allowed are {', '.join(METHODS)}")
    from fairlead._native import primes

    begin = time.perf_counter()
    return primes.count_primes(0, n, threads, "trial" if method == "trial" else "simd"), time.perf_counter() - begin


def report(n: int, threads: int = 1, method: str = "simd") -> str:
    """Count as `count` does; return the two lines that `fairlead bench prime` prints: the count, then `kernel_s=SECONDS`."""
    primes, seconds = count(n, threads, method)
    return f"{primes}\nkernel_s={seconds:.6f}\n"


def run_plain(words: list[str]) -> int | None:
    """Do what the words behind `fairlead bench prime` say and return the exit code, without the command line's library.

    None, and nothing done, where they are not plainly `--n N [--threads T] [--method M]` with values in range: its errors and help are
    the command's.
    """
    asked = _parse(words)
    if asked is None:
        return None
    try:
        sys.stdout.write(report(*asked))
    except KeyboardInterrupt:
        return 130
    return 0


def _parse(words: list[str]) -> tuple[int, int, str] | None:
    values = {"--threads": "1", "--method": "simd"}
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if name not in ("--n", "--threads", "--method"):
            return None
        values[name] = value if equals else next(rest, "")
    n, threads = _number(values.get("--n", "")), _number(values["--threads"])
    if n is None or threads is None or n > _END or threads < 1 or values["--method"] not in METHODS:
        return None
    return n, threads, values["--method"]


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= len(str(_END)) else None
