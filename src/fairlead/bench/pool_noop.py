"""Contenders of the case `pool` that run jobs which do nothing: how many a second get through.

Each answers with how many of its jobs ran, and returns the seconds from the first submission to the end of the last job.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat, starmap
from typing import Any

from fairlead.bench.work import Worked
from fairlead.core.pool.pool import Pool
from fairlead.core.pool.settings import PoolSettings

QUEUE = 1024
_GOING_AT_ONCE = 10_000
_Job = Callable[[], Coroutine[Any, Any, None]]


def executor(jobs: int, workers: int) -> Worked:
    """Threads of the standard library, fed as fast as they take it."""
    done = [0] * workers

    def job(number: int) -> None:
        done[number % workers] += 1

    begin = time.perf_counter()
    with ThreadPoolExecutor(workers) as threads:
        for first in range(0, jobs, _GOING_AT_ONCE):
            # Its own queue has no bound.
            futures = [threads.submit(job, number) for number in range(first, min(first + _GOING_AT_ONCE, jobs))]
            for future in futures:
                future.result()
    return Worked(time.perf_counter() - begin, sum(done))


async def through_queue(jobs: int, workers: int, job: _Job) -> float:
    """Run a job so many times by tasks that take coroutines from a bounded asyncio.Queue, and return the seconds."""

    async def work() -> None:
        while (coroutine := await waiting.get()) is not None:
            await coroutine

    waiting: asyncio.Queue[Coroutine[Any, Any, None] | None] = asyncio.Queue(QUEUE)
    begin = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(work())
        for _ in range(jobs):
            await waiting.put(job())
        for _ in range(workers):
            await waiting.put(None)
    return time.perf_counter() - begin


async def queue(jobs: int, workers: int) -> Worked:
    """The usual pool of asyncio."""
    done = 0

    async def job() -> None:
        nonlocal done
        done += 1

    return Worked(await through_queue(jobs, workers, job), done)


async def many(jobs: int, workers: int) -> Worked:
    """Fairlead's pool by `submit_many`: no handles."""
    return await _pooled(jobs, workers, _submit_many)


async def offer(jobs: int, workers: int) -> Worked:
    """Fairlead's pool by `offer`, a call a job: no handles."""
    return await _pooled(jobs, workers, _offer)


async def try_submit(jobs: int, workers: int) -> Worked:
    """Fairlead's pool by `try_submit`: a handle a job."""
    return await _pooled(jobs, workers, _try_submit)


async def submit(jobs: int, workers: int) -> Worked:
    """Fairlead's pool by `await submit`: a handle a job."""
    return await _pooled(jobs, workers, _submit)


CONTENDERS: dict[str, Callable[[int, int], Worked | Coroutine[Any, Any, Worked]]] = {
    "executor": executor,
    "queue": queue,
    "many": many,
    "offer": offer,
    "try_submit": try_submit,
    "submit": submit,
}


async def _pooled(jobs: int, workers: int, feed: Callable[[Pool, int, _Job], Coroutine[Any, Any, None]]) -> Worked:
    done = 0

    async def job() -> None:
        nonlocal done
        done += 1

    begin = time.perf_counter()
    async with Pool(PoolSettings(workers=workers, queue=QUEUE)) as pool:
        await feed(pool, jobs, job)
    return Worked(time.perf_counter() - begin, done)


async def _submit_many(pool: Pool, jobs: int, job: _Job) -> None:
    await pool.submit_many(starmap(job, repeat((), jobs)))


async def _offer(pool: Pool, jobs: int, job: _Job) -> None:
    offer = pool.offer
    for _ in range(jobs):
        coroutine = job()
        while not offer(coroutine, 4, ""):
            await pool.room()


async def _try_submit(pool: Pool, jobs: int, job: _Job) -> None:
    left, try_submit = jobs, pool.try_submit
    while left:
        count = min(left, QUEUE - pool.depth)
        for _ in range(count):
            try_submit(job())
        left -= count
        await pool.room()


async def _submit(pool: Pool, jobs: int, job: _Job) -> None:
    submit = pool.submit
    for _ in range(jobs):
        await submit(job())
