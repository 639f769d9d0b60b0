"""Contenders of the case `pool` by words: `noop CONTENDER JOBS [WORKERS]`, `net CONTENDER JOBS HOST:PORT`, `latency ROUNDS`,
`memory coroutine|function`, and `echo`, which is the server of `net` and ends with its standard input."""

from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from fairlead.bench import pool_echo, pool_net, pool_noop, pool_waiting
from fairlead.bench.work import Worked
from fairlead.core import runtime
from fairlead.core.errors import UsageError

DEFAULT_WORKERS = 64
T = TypeVar("T")


def work(words: Sequence[str]) -> Worked:
    """Do what the words say; UsageError where they say nothing."""
    match list(words):
        case ["noop", name, jobs, *workers] if name in pool_noop.CONTENDERS and len(workers) <= 1:
            return _finish(pool_noop.CONTENDERS[name](int(jobs), int(workers[0]) if workers else DEFAULT_WORKERS))
        case ["net", name, jobs, address] if name in pool_net.CONTENDERS:
            host, _, port = address.rpartition(":")
            return _finish(pool_net.CONTENDERS[name](int(jobs), (host, int(port))))
        case ["latency", rounds]:
            return _finish(pool_waiting.p99_latency(int(rounds)))
        case ["memory", ("coroutine" | "function") as what]:
            return Worked(0.0, round(_run(pool_waiting.memory(what == "function"))))
        case ["echo"]:
            pool_echo.serve()
            return Worked(0.0, 0)
    raise UsageError("pool: give noop CONTENDER JOBS [WORKERS], net CONTENDER JOBS HOST:PORT, latency ROUNDS, memory WHAT or echo")


def _finish(working: Worked | Coroutine[Any, Any, Worked]) -> Worked:
    return _run(working) if isinstance(working, Coroutine) else working


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run it as every command is run: uvloop, and collections as `runtime` has them."""
    results: list[T] = []

    async def main() -> int:
        results.append(await coroutine)
        return 0

    runtime.run(main())
    return results[0]
