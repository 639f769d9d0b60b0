"""What a million jobs that wait cost Fairlead's pool: an urgent one's time until it starts, and memory."""

import asyncio
import sys
import time
from itertools import repeat, starmap
from pathlib import Path

from fairlead.bench.work import Worked
from fairlead.core.errors import UnsupportedSystem
from fairlead.core.pool.pool import Pool
from fairlead.core.pool.settings import PoolSettings

QUEUED = 1_000_000
_EVERY_S = 0.001


async def latency(rounds: int) -> list[float]:
    """Return, sorted, the seconds from submission to start of urgent jobs, one each millisecond while a million others are run."""
    waits: list[float] = []

    async def noop() -> None:
        pass

    async def urgent(submitted: float) -> None:
        waits.append(time.perf_counter() - submitted)

    for _ in range(rounds):
        async with Pool(PoolSettings(queue=QUEUED + 1000)) as pool:
            await pool.submit_many(starmap(noop, repeat((), QUEUED)), priority=7, tenant="flood")
            while pool.depth:
                pool.try_submit(urgent(time.perf_counter()), priority=0)
                await asyncio.sleep(_EVERY_S)
    return sorted(waits)


async def memory(by_function: bool) -> float:
    """Return resident bytes a queued job: a coroutine each without a handle, or one function and a handle each."""

    async def noop() -> None:
        pass

    async with Pool(PoolSettings(queue=QUEUED + 1000)) as pool:
        before = _resident_bytes()
        if by_function:
            handles = [pool.try_submit(noop) for _ in range(QUEUED)]
            return (_resident_bytes() - before) / len(handles)
        await pool.submit_many(starmap(noop, repeat((), QUEUED)))
        return (_resident_bytes() - before) / QUEUED


async def p99_latency(rounds: int) -> Worked:
    """Work of `latency ROUNDS`: the seconds are the 99th percentile, the answer how many were measured."""
    waits = await latency(rounds)
    return Worked(waits[len(waits) * 99 // 100], len(waits))


def _resident_bytes() -> int:
    if sys.platform != "linux":
        raise UnsupportedSystem("bench work pool memory", "/proc")
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096
