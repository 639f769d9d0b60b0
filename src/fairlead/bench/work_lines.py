"""Contenders of the case `lines`: METHOD FILE."""

import os
import time
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path

from fairlead.bench.work import Worked
from fairlead.core.errors import UsageError


def _scan(file: Path) -> int:
    """Find every line's offset, block by block as the tail does."""
    from fairlead._native import linescan
    from fairlead.logs.cutting import BLOCK_BYTES

    block = memoryview(bytearray(BLOCK_BYTES))
    offsets = array("q", bytes(8 * (BLOCK_BYTES // 2)))
    lines = base = 0
    with file.open("rb", buffering=0) as stream:
        while got := stream.readinto(block):
            lines += linescan.scan(block[:got], offsets, 0, base)
            base += got
    return lines


def _python(file: Path) -> int:
    """Find every line's offset as a script does."""
    offsets, at, lines = [0] * 65536, 0, 0
    with file.open("rb") as stream:
        for line in stream:
            offsets[lines & 65535] = at
            at += len(line)
            lines += 1
    return lines


METHODS: dict[str, Callable[[Path], int]] = {"scan": _scan, "python": _python}


def work(words: Sequence[str]) -> Worked:
    """Go through the lines of a file; the answer is how many there are."""
    if len(words) != 2 or words[0] not in METHODS:
        raise UsageError(f"lines: give METHOD FILE; methods are {', '.join(METHODS)}")
    METHODS[words[0]](Path(os.devnull))  # what it needs is imported before the clock runs
    begin = time.perf_counter()
    lines = METHODS[words[0]](Path(words[1]))
    return Worked(time.perf_counter() - begin, lines)
