"""`startup`: from the start of a process to its end, for `--version`."""

import re
from collections.abc import Sequence

from fairlead.bench.case import Answer, Case, Contender, Programs

_GO = "Go"


def _told(output: str) -> Answer:
    """Every version is a good answer."""
    if not re.search(r"\d+\.\d+", output):
        raise ValueError("no version")
    return Answer("a version", None)


def _contenders(programs: Programs) -> Sequence[Contender]:
    go = programs.go(_GO, "server", "--version")
    return [
        Contender("fairlead --version", "fairlead", programs.ours("--version"), parse=_told),
        Contender("fairlead version", "fairlead", programs.ours("version"), parse=_told),
        Contender(_GO, go.kind, go.argv, go.missing, parse=_told),
    ]


CASE = Case("startup", "start, tell the version, end", "starts", 1, _contenders, _GO)
