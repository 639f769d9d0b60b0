"""Contenders of the case `json`: METHOD FILE."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from fairlead.bench.work import Worked
from fairlead.core.errors import UsageError


def work(words: Sequence[str]) -> Worked:
    """Decode, map and encode each line of a file; the answer is the CRC-32 of what was encoded."""
    if len(words) != 2 or words[0] not in METHODS:
        raise UsageError(f"json: give METHOD FILE; methods are {', '.join(METHODS)}")
    method = METHODS[words[0]]()
    begin = time.perf_counter()
    checksum = method(Path(words[1]))
    return Worked(time.perf_counter() - begin, checksum)


def _msgspec() -> Callable[[Path], int]:
    from fairlead.bench.json_model import by_msgspec

    return by_msgspec


def _python() -> Callable[[Path], int]:
    from fairlead.bench.json_plain import by_standard_library

    return by_standard_library


METHODS: dict[str, Callable[[], Callable[[Path], int]]] = {"msgspec": _msgspec, "python": _python}
"""Each imports what it needs, before the clock runs, and returns what does the work."""
