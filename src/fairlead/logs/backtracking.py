"""Finds regular expressions that go astray: nested repetition makes `re` try exponentially many ways before it gives up on a line.

Python's `re` has no bound of its own, and while it matches nothing else of the program runs. So a pattern is tried beforehand, on short
lines that repeat what it is made of and end in what it does not expect.
"""

import re
from collections.abc import Iterator
from functools import partial

from fairlead.core.system import system

BUDGET_S = 0.1
"""CPU time for a short line, which takes microseconds otherwise."""
_LINE_CHARS = 48
_MOST_PARTS = 40
_TIMES = 30
_LITERAL = re.compile(r"\^?([^\\^$.|?*+()\[\]{}]+)(?![?*+{])")
_WORD = re.compile(r"[^\W_]+")
_COMMON = ("a", "A", "0", " ", "a ", "0.", "a.", "a=", "ab", "\t")
_UNEXPECTED = "\0"


def slow_line(pattern: str) -> str | None:
    """Return a line on which a pattern (one that compiles) takes too long; None where none was found.

    For the main thread only: a timer of the process's own CPU time interrupts the matching.
    """
    compiled = re.compile(pattern)
    return next((line for line in _lines(pattern) if not system.ends_within(BUDGET_S, partial(compiled.search, line))), None)


def _lines(pattern: str) -> Iterator[str]:
    """Yield lines that begin as the pattern's literals do and repeat one of its parts, then end otherwise."""
    words = _WORD.findall(pattern)
    parts = list(dict.fromkeys([*_COMMON, *words, *pattern]))[:_MOST_PARTS]
    literal = _LITERAL.match(pattern)
    for start in dict.fromkeys(["", *words[:1], literal[1] if literal else ""]):
        for part in parts:
            yield start + part * max(_TIMES, _LINE_CHARS // len(part)) + _UNEXPECTED
