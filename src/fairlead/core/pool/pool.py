"""The worker pool: runs many things at once, within bounds, the urgent first and fair between tenants.

One pool belongs to one event loop. It has no task a worker: the kernel's `Runner` sends each job's coroutine directly from the loop, and
only one that suspends gets a Task. What a job can see of this, beside its speed:
- asyncio.current_task() is a Task that other jobs, which have ended, have had before it, as in a pool of worker tasks; it is no other's
  while the job lasts, and the same before and after its first suspension, so timeouts, task groups and cancellation hold;
- context variables are that Task's, copied from the pool's, not from the submitter: what a job sets, one that comes after it may see;
- jobs that do not suspend keep the event loop for `turn_s` at most, and then it is others' turn.

A coroutine that is given to the pool is the pool's: where it is refused, it is closed. Give a function that makes it to try again.
"""

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Iterable
from concurrent.futures import Future
from types import CoroutineType
from typing import Any, NamedTuple, Self

from fairlead._native.scheduler import Job, Runner, Scheduler
from fairlead.core.pool.attempts import Attempts, cancelled
from fairlead.core.pool.errors import PoolClosed, QueueFull
from fairlead.core.pool.job import Later, Plan, State, Work
from fairlead.core.pool.retry import Backoff
from fairlead.core.pool.room import Room
from fairlead.core.pool.settings import OnFull, PoolSettings
from fairlead.core.pool.threads import Threads

DEFAULT_PRIORITY = 4
_DEFAULTS = PoolSettings()


class Drained(NamedTuple):
    """What a drain did beside letting jobs end: how many were cancelled, and the stacks of those that did not end."""

    cancelled: int
    stuck: list[str]


class Pool:
    """Make it on the event loop that it is to run on; use it as an async context manager, or call `drain`.

    `clock_ns` and `later` are the time it goes by: a test's own, or the system's and the loop's.
    """

    def __init__(
        self, settings: PoolSettings = _DEFAULTS, *, clock_ns: Callable[[], int] | None = None, later: Later | None = None
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._later: Later = later or self._loop.call_later
        self.settings = settings
        self.threads = Threads(settings.threads)
        self.attempts = Attempts(settings, self.threads, self._later)
        queue = Scheduler(settings.queue, settings.queue_bytes, int(settings.age_s * 1e9), settings.every, settings.quantum)
        self.runner = self.attempts.runner = Runner(
            self._loop,
            queue,
            settings.workers,
            int(settings.turn_s * 1e9),
            clock_ns,
            self.attempts.end,
            self.attempts.suspended,
            self._left,
            self._try_slowly,
            self._submit_slowly,
        )
        self._room = Room(queue, settings.queue)
        self._idle: asyncio.Future[None] | None = None
        self.rejected: dict[str, int] = {"full": 0, "shed": 0, "closed": 0}
        self.try_submit = self.runner.try_submit
        """Queue a coroutine, or a function that makes one, and return the job, whose handle can be awaited:
        `try_submit(work, *, priority=4, tenant="", cost=1, size_bytes=0, timeout_s=None, backoff=None)`.

        QueueFull where there is no room, PoolClosed where no more is taken. `timeout_s` is each attempt's, from its first suspension;
        with `backoff` it is tried again, which takes a function. The tenant is compared by identity first: keep its name interned.
        """
        self.submit = self.runner.submit
        """As `try_submit`, to be awaited at once: under the policy `block` it waits for room, those who came first first."""
        self.offer = self.runner.offer
        """Queue a coroutine without a handle: `offer(coroutine, priority, tenant, cost=1, size_bytes=0)`; False, and it is not closed,
        where there is no room. Its failure is logged."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        await self.drain(0.0 if kind else float("inf"))

    @property
    def depth(self) -> int:
        """Jobs that wait to start."""
        return len(self.runner.queue)

    @property
    def in_flight(self) -> int:
        """Jobs that run, without those that are stuck and replaced."""
        return self.runner.in_flight - self.attempts.replaced

    async def submit_many(
        self, works: Iterable[Coroutine[Any, Any, Any]], *, priority: int = DEFAULT_PRIORITY, tenant: Hashable = ""
    ) -> int:
        """Queue coroutines without handles, waiting for room whatever the policy, and return how many; their failures are logged."""
        count, left = 0, iter(works)
        while True:
            count += self.runner.offer_many(left, priority, tenant)
            if self.runner.queue.fits() and not self.runner.closed:
                return count
            await self._wait_for_room(0, max(1, self.settings.queue // 4))

    async def room(self, size_bytes: int = 0) -> None:
        """Wait until there is room for a job of this size, whatever the policy; PoolClosed where there will be none."""
        if not self.runner.queue.fits(size_bytes) or self.runner.closed:
            await self._wait_for_room(size_bytes)

    def submit_from_thread(self, work: Work, **options: Any) -> "Future[Job]":  # noqa: ANN401 - try_submit's
        """As `submit`, from a thread that is not the loop's; the future is done when the job is queued or refused."""

        async def submitting() -> Job:
            return await self.submit(work, **options)

        return asyncio.run_coroutine_threadsafe(submitting(), self._loop)

    def in_thread(self, function: Callable[..., Any], *arguments: object) -> Work:
        """Return the work that runs a function in one of the pool's threads: for what releases the GIL or blocks."""
        return lambda: self.threads.run(function, *arguments)

    def cancel(self, job: Job) -> bool:
        """Cancel a job wherever it is; False where it has ended. One that runs is told, and is marked stuck if that does not end it."""
        if job.done:
            return False
        if job.state == State.RETRYABLE:
            self.attempts.give_up_retry(job)
            self._left()
        elif self.runner.withdraw(job):
            self.runner.settle(job, State.CANCELLED, None, cancelled())
            self._left()
        else:
            self.attempts.tell_to_end(job)
        return True

    async def drain(self, deadline_s: float) -> Drained:
        """Take no more, let what was taken end; after the deadline cancel the rest, and leave after `stuck_after_s` what ignores that."""
        self.runner.closed = True
        self._room.wake_all()
        before = self.runner.cancelled
        if not await self._until_idle(deadline_s):
            self._cancel_all()
            await self._until_idle(self.settings.stuck_after_s)
        left = [self.attempts.stack_of(carrier) for carrier in self.runner.carriers]
        self.attempts.stop_watching()
        spare = self.runner.close()
        await asyncio.gather(*([spare] if spare else []), return_exceptions=True)
        await self.threads.close()
        return Drained(self.runner.cancelled - before, left)

    def _try_slowly(
        self,
        work: Coroutine[Any, Any, Any] | Work,
        priority: int,
        tenant: Hashable,
        cost: int,
        size_bytes: int,
        timeout_s: float | None,
        backoff: Backoff | None,
    ) -> Job:
        """Submit where the kernel found more to do than to queue a job: it has a plan, or there is no room. Called by the kernel."""
        plan = None if timeout_s is None and backoff is None else Plan(timeout_s, backoff)
        coroutine, function = (work, None) if isinstance(work, CoroutineType) else (None, work)
        try:
            if backoff is not None and coroutine is not None:
                raise ValueError("a coroutine runs once; to have it tried again, give the function that makes it")
            if not self.runner.queue.fits(size_bytes) and self.settings.on_full is OnFull.SHED:
                self._shed(priority, size_bytes)
            job = self.runner.offer_job(coroutine, function, priority, tenant, cost, size_bytes, plan)  # type: ignore[arg-type]  # one is None
            if job is None:
                raise self._refusal(size_bytes)
        except BaseException:
            _close(work)
            raise
        return job

    async def _submit_slowly(
        self,
        work: Coroutine[Any, Any, Any] | Work,
        priority: int,
        tenant: Hashable,
        cost: int,
        size_bytes: int,
        timeout_s: float | None,
        backoff: Backoff | None,
    ) -> Job:
        """As `_try_slowly`, and wait for room where that is the policy. Called by the kernel."""
        blocks = self.settings.on_full is OnFull.BLOCK and size_bytes <= (self.settings.queue_bytes or size_bytes)
        if blocks and (self._room or not self.runner.queue.fits(size_bytes)):
            try:
                await self._wait_for_room(size_bytes)
            except BaseException:
                _close(work)
                raise
        return self._try_slowly(work, priority, tenant, cost, size_bytes, timeout_s, backoff)

    async def _wait_for_room(self, size_bytes: int, jobs: int = 1) -> None:
        woken = False
        while not self.runner.closed:
            if woken and self.runner.queue.fits(size_bytes):
                return
            # Where one who did not wait took the room, those who do stay in order.
            waiter = self._room.place(size_bytes, woken, jobs)
            self.runner.wanted = woken = True
            await waiter
        self.rejected["closed"] += 1
        raise _closed()

    def _left(self) -> None:
        """Something left the queue or ended: wake who waits for that. Called by the kernel while it is `wanted`."""
        self._room.wake()
        if self._idle is not None and not self._idle.done() and self._is_idle():
            self._idle.set_result(None)
        self.runner.wanted = bool(self._room) or self._idle is not None

    def _shed(self, priority: int, size_bytes: int) -> None:
        queue = self.runner.queue
        if self.runner.closed or not queue.can_shed(priority, size_bytes):
            return
        while not queue.fits(size_bytes):
            self.rejected["shed"] += 1
            victim = queue.shed(priority)
            self.runner.drop(victim, State.DISCARDED, self._full("given up for a more urgent job", getattr(victim, "size_bytes", 0)))

    def _refusal(self, size_bytes: int) -> QueueFull | PoolClosed:
        self.rejected["closed" if self.runner.closed else "full"] += 1
        return _closed() if self.runner.closed else self._full("the queue is full", size_bytes)

    def _full(self, what: str, size_bytes: int) -> QueueFull:
        queue, settings = self.runner.queue, self.settings
        return QueueFull(what, len(queue) + queue.held, settings.queue, queue.size_bytes, settings.queue_bytes, size_bytes)

    def _is_idle(self) -> bool:
        queue = self.runner.queue
        return not len(queue) and not queue.held and not self.runner.carriers

    async def _until_idle(self, deadline_s: float) -> bool:
        if self._is_idle():
            return True
        self._idle = idle = self._loop.create_future()
        self.runner.wanted = True
        timer = None if deadline_s == float("inf") else self._later(deadline_s, lambda: None if idle.done() else idle.set_result(None))
        try:
            await idle
        finally:
            self._idle = None
            if timer:
                timer.cancel()
        return self._is_idle()

    def _cancel_all(self) -> None:
        while (item := self.runner.queue.pop(self.runner.now())) is not None:
            self.runner.drop(item, State.CANCELLED, cancelled())
        self.attempts.give_up_retries()
        for carrier in tuple(self.runner.carriers):
            carrier.task.cancel()


def _close(work: Coroutine[Any, Any, Any] | Work) -> None:
    if isinstance(work, Coroutine):
        work.close()


def _closed() -> PoolClosed:
    return PoolClosed("the pool is being drained; submit to the one that follows it")
