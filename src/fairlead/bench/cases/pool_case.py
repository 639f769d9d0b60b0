"""`pool`: jobs that do nothing, through worker pools: what handing over costs."""

from collections.abc import Sequence

from fairlead.bench.case import Case, Contender, Goal, Programs

JOBS, WORKERS = 1_000_000, 64
_GO, _MANY = "Go, unbuffered channel", "fairlead, submit_many"


def _contenders(programs: Programs) -> Sequence[Contender]:
    def ours(name: str) -> list[str]:
        return programs.ours("bench", "work", "pool", "noop", name, str(JOBS), str(WORKERS))

    go = ("-kind", "noop", "-workers", str(WORKERS), "-jobs", str(JOBS))
    return [
        Contender(_MANY, "fairlead", ours("many")),
        Contender("fairlead, offer", "fairlead", ours("offer")),
        Contender("fairlead, await submit each", "fairlead", ours("submit")),
        programs.go(_GO, "pool", *go, "-pool", "unbuffered"),
        programs.go("Go, buffered channel", "pool", *go, "-pool", "buffered"),
        Contender("asyncio.Queue on uvloop", "python", ours("queue")),
        Contender("ThreadPoolExecutor", "python", ours("executor"), most_runs=1),
    ]


CASE = Case(
    "pool",
    "no-op jobs through a worker pool of 64",
    "jobs",
    JOBS,
    _contenders,
    _GO,
    (Goal(_MANY, _GO, "kernel_s", 1),),
)
