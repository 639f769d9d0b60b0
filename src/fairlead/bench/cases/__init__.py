"""Every case that `fairlead bench` knows; a new one is its file and a line here."""

import importlib

from fairlead.bench.case import Case
from fairlead.core.errors import UsageError

CASES = ("prime", "pool", "net", "proc", "lines", "json", "startup")


def load(name: str) -> Case:
    """Return a case by its name; UsageError where there is none."""
    if name not in CASES:
        raise UsageError(f"no case {name}; allowed are {', '.join(CASES)}")
    case: Case = importlib.import_module(f"{__name__}.{name}_case").CASE
    return case
