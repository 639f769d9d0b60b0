"""`net`: jobs that ask a local echo server and wait for its answer, 1,000 at once, through worker pools."""

from collections.abc import Sequence

from fairlead.bench.case import Case, Contender, Goal, Programs

JOBS = 200_000
CONNECTIONS = 1000
_GO, _OURS = "Go, unbuffered channel", "fairlead"


def _contenders(programs: Programs) -> Sequence[Contender]:
    address = programs.serve("bench", "work", "pool", "echo")

    def ours(name: str) -> list[str]:
        return programs.ours("bench", "work", "pool", "net", name, str(JOBS), address)

    go = ("-kind", "net", "-workers", str(CONNECTIONS), "-connections", str(CONNECTIONS), "-jobs", str(JOBS), "-address", address)
    return [
        Contender(_OURS, "fairlead", ours("pool")),
        programs.go(_GO, "pool", *go, "-pool", "unbuffered"),
        Contender("asyncio.Queue on uvloop", "python", ours("queue")),
        Contender("ThreadPoolExecutor", "python", ours("executor"), most_runs=1),
    ]


CASE = Case("net", "requests to a local TCP echo, 1,000 at once", "jobs", JOBS, _contenders, _GO, (Goal(_OURS, _GO, "kernel_s", 1),))
