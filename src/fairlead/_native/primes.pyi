from typing import Literal, SupportsIndex

ISAS: tuple[str, ...]

def is_prime(n: SupportsIndex, method: Literal["simd", "trial"] = "simd", isa: str | None = None) -> bool: ...
def count_primes(
    lo: SupportsIndex,
    hi: SupportsIndex,
    threads: SupportsIndex = 1,
    method: Literal["simd", "trial"] = "simd",
    isa: str | None = None,
) -> int: ...
