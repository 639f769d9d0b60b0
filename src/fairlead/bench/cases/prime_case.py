"""`prime`: ten million separate calls of is_prime, by one thread."""

from collections.abc import Sequence

from fairlead.bench.case import Case, Contender, Goal, Programs

CALLS = 10_000_000
_GO, _TRIAL, _SIMD = "Go", "fairlead, trial", "fairlead, simd"


def _contenders(programs: Programs) -> Sequence[Contender]:
    work = ("bench", "prime", "--n", str(CALLS), "--method")
    return [
        Contender(_SIMD, "fairlead", programs.ours(*work, "simd")),
        Contender(_TRIAL, "fairlead", programs.ours(*work, "trial")),
        programs.go(_GO, "prime", "-n", str(CALLS)),
        Contender("Python", "python", programs.ours(*work, "python"), most_runs=1),
    ]


CASE = Case(
    "prime",
    "10 million calls of is_prime, one thread",
    "calls",
    CALLS,
    _contenders,
    _GO,
    (Goal(_TRIAL, _GO, "kernel_s", 1.3), Goal(_SIMD, _GO, "kernel_s", 20), Goal(_SIMD, _GO, "wall_s", 15)),
)
