"""From a counter's readings to its increase: resets and 32-bit wraps never give a negative one."""

_WRAP = float(1 << 32)
_NEAR_WRAP = 0.75 * _WRAP
_AFTER_WRAP = 0.25 * _WRAP


def increase(before: float, after: float) -> float:
    """Return by how much a counter grew between two readings.

    A fall from near 2^32 to a small number is a 32-bit counter that wrapped; any other fall is a counter that began anew.
    """
    if after >= before:
        return after - before
    if _NEAR_WRAP < before < _WRAP and after < _AFTER_WRAP:
        return after + _WRAP - before
    return after
