"""Seeded exploration: submissions, grants, cancellations, retries and time in every order, on a virtual clock."""

import asyncio
import contextlib
import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from fairlead.core.pool.errors import JobCancelled, JobTimedOut, QueueFull
from fairlead.core.pool.job import State
from fairlead.core.pool.pool import Pool
from fairlead.core.pool.retry import Backoff
from fairlead.core.pool.settings import OnFull, PoolSettings

WORKERS, QUEUE, MOST_STUCK = 3, 8, 2
ENDED = {State.COMPLETED, State.CANCELLED, State.DISCARDED}


@dataclass(order=True)
class Timer:
    when_ns: int
    serial: int
    call: Callable[[], None] = field(compare=False)
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


class VirtualTime:
    def __init__(self) -> None:
        self.now_ns = 1
        self._timers: list[Timer] = []
        self._serial = itertools.count()

    def later(self, seconds: float, call: Callable[[], None]) -> Timer:
        timer = Timer(self.now_ns + int(seconds * 1e9), next(self._serial), call)
        heapq.heappush(self._timers, timer)
        return timer

    def advance(self, seconds: float) -> None:
        end_ns = self.now_ns + int(seconds * 1e9)
        while self._timers and self._timers[0].when_ns <= end_ns:
            timer = heapq.heappop(self._timers)
            self.now_ns = max(self.now_ns, timer.when_ns)
            if not timer.cancelled:
                timer.call()
        self.now_ns = end_ns


class Explorer:
    """Does at random what users and time can do, and looks after each step whether all that always holds does."""

    def __init__(self, seed: int) -> None:
        self.random, self.time = random.Random(seed), VirtualTime()
        settings = PoolSettings(
            workers=WORKERS,
            queue=QUEUE,
            queue_bytes=50,
            on_full=self.random.choice([OnFull.REJECT, OnFull.SHED]),
            age_s=2.0,
            every=3,
            quantum=4,
            stuck_after_s=1.0,
            most_stuck=MOST_STUCK,
        )
        self.pool = Pool(settings, clock_ns=lambda: self.time.now_ns, later=self.time.later)
        self.jobs: list[Any] = []
        self.seen: dict[int, str] = {}
        self.gates: list[asyncio.Future[None]] = []
        self.trace: list[str] = []

    async def explore(self, steps: int) -> None:
        moves = [self.submit] * 4 + [self.cancel, self.open, self.open, self.advance, self.let_run, self.let_run]
        for _ in range(steps):
            await self.random.choice(moves)()
            self.check()
        while not all(job.done for job in self.jobs):
            await self.open()
            await self.let_run()
            await self.advance()
            self.check()

    async def submit(self) -> None:
        number, kind = len(self.jobs), self.random.choice(["instant", "gated", "gated", "failing", "stubborn"])
        options: dict[str, Any] = {"priority": self.random.randrange(8), "tenant": self.random.choice("abc")}
        options |= {"cost": self.random.randint(1, 4), "size_bytes": self.random.randint(0, 9)}
        if self.random.random() < 0.5:
            options["timeout_s"] = self.random.uniform(0.1, 3.0)
        if self.random.random() < 0.5:
            options["backoff"] = Backoff(attempts=3, base_s=0.5, source=self.random)
        with contextlib.suppress(QueueFull):
            self.jobs.append(self.pool.try_submit(lambda: self.work(number, kind), **options))

    async def work(self, number: int, kind: str) -> int:
        self.trace.append(f"{number} starts")
        if kind == "failing":
            raise ValueError(number)
        while kind in {"gated", "stubborn"}:
            gate = asyncio.get_running_loop().create_future()
            self.gates.append(gate)
            try:
                await gate
                break
            except asyncio.CancelledError:
                self.trace.append(f"{number} is told")
                if kind == "gated":
                    raise
        return number

    async def cancel(self) -> None:
        if self.jobs:
            job = self.random.choice(self.jobs)
            assert self.pool.cancel(job) is not (job.done and self.seen.get(id(job)) in ENDED)

    async def open(self) -> None:
        gates = [gate for gate in self.gates if not gate.done()]
        if gates:
            self.random.choice(gates).set_result(None)

    async def advance(self) -> None:
        self.time.advance(self.random.choice([0.01, 0.5, 3.0]))

    async def let_run(self) -> None:
        for _ in range(self.random.randint(1, 4)):
            await asyncio.sleep(0)

    def check(self) -> None:
        pool, queue = self.pool, self.pool.runner.queue
        assert 0 <= pool.in_flight <= WORKERS
        assert pool.attempts.replaced <= MOST_STUCK
        assert pool.runner.free >= 0
        assert len(queue) <= QUEUE + WORKERS + MOST_STUCK
        states = [job.state for job in self.jobs]
        assert states.count(State.AVAILABLE) == len(queue)
        assert states.count(State.RETRYABLE) == queue.held
        assert states.count(State.RUNNING) == len(pool.runner.carriers) == pool.runner.in_flight
        finished = pool.runner.completed, pool.runner.cancelled, pool.runner.discarded
        assert finished == tuple(states.count(state) for state in (State.COMPLETED, State.CANCELLED, State.DISCARDED))
        for job in self.jobs:
            before = self.seen.get(id(job), State.AVAILABLE)
            if before in ENDED:
                assert job.state == before
            self.seen[id(job)] = job.state


async def explored(seed: int) -> list[str]:
    explorer = Explorer(seed)
    await explorer.explore(150)
    drained = await explorer.pool.drain(0.0)
    assert drained == (0, [])
    for job in explorer.jobs:
        error = job.error
        assert (job.state == State.COMPLETED) == (error is None)
        assert error is None or isinstance(error, JobCancelled | JobTimedOut | QueueFull | ValueError)
    return explorer.trace + [job.state for job in explorer.jobs]


@pytest.mark.parametrize("seed", range(60))
async def test_every_interleaving_keeps_the_bounds_and_ends_every_job(seed: int) -> None:
    assert await explored(seed)


async def test_the_same_seed_takes_the_same_way() -> None:
    assert await explored(7) == await explored(7)
