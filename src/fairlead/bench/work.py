"""One contender of ours, in this process: what `fairlead bench work CASE WORDS...` runs and prints."""

import importlib
from collections.abc import Sequence
from typing import NamedTuple

from fairlead.core.errors import UsageError

CASES = ("json", "lines", "pool", "proc")


class Worked(NamedTuple):
    """Seconds that the work alone took, and its answer."""

    seconds: float
    answer: object


def work(case: str, words: Sequence[str]) -> Worked:
    """Do the work of a case once; UsageError for what it does not know."""
    if case not in CASES:
        raise UsageError(f"no work for {case}; allowed are {', '.join(CASES)}")
    done: Worked = importlib.import_module(f"fairlead.bench.work_{case}").work(words)
    return done
