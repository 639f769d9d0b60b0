"""`proc`: one sample of CPU, memory, disk and network of this host."""

import importlib.util
import sys
from collections.abc import Sequence

from fairlead.bench.case import Case, Contender, Goal, Programs

SAMPLES = 5000
_GO, _OURS, _PSUTIL, _READS = "Go procfs", "fairlead", "Python psutil", "the four reads alone"


def _contenders(programs: Programs) -> Sequence[Contender]:
    missing = "" if sys.platform == "linux" else "there is no /proc"
    return [
        Contender(_OURS, "fairlead", programs.ours("bench", "work", "proc", "fairlead", str(SAMPLES)), missing),
        Contender(_READS, "peer", programs.ours("bench", "work", "proc", "reads", str(SAMPLES)), missing),
        _psutil(programs),
        programs.go(_GO, "procfs", "-samples", str(SAMPLES)),
    ]


def _psutil(programs: Programs) -> Contender:
    if importlib.util.find_spec("psutil") is None:
        return Contender(_PSUTIL, "python", missing="psutil is not inside")
    return Contender(_PSUTIL, "python", programs.ours("bench", "work", "proc", "psutil", str(SAMPLES)))


CASE = Case(
    "proc",
    "one sample of CPU, memory, disk and network",
    "samples",
    1,
    _contenders,
    _GO,
    (Goal(_OURS, _GO, "kernel_s", 3), Goal(_OURS, _PSUTIL, "kernel_s", 3), Goal(_OURS, _READS, "kernel_s", 1 / 1.5)),
)
