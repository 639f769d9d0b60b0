"""The worker pool as a whole: order, bounds, states, and what a job sees."""

import asyncio
import contextvars
import gc
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop

from fairlead.core.pool.errors import JobCancelled, JobTimedOut, PoolClosed, QueueFull
from fairlead.core.pool.job import State
from fairlead.core.pool.pool import Pool
from fairlead.core.pool.retry import Backoff
from fairlead.core.pool.settings import OnFull, PoolSettings


@asynccontextmanager
async def pool_of(**settings: Any) -> AsyncIterator[Pool]:
    pool = Pool(PoolSettings(**settings))
    try:
        yield pool
    finally:
        await pool.drain(10.0)


async def until(condition: Callable[[], object], deadline_s: float = 10.0) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "not in time"
        await asyncio.sleep(0)


async def answer() -> int:
    return 42


async def forever() -> None:
    await asyncio.get_running_loop().create_future()


async def test_a_job_ends_with_its_result_or_its_error() -> None:
    async def failing() -> None:
        raise ValueError("no")

    async def later() -> int:
        await asyncio.sleep(0)
        await asyncio.sleep(0.001)
        return 43

    async with pool_of() as pool:
        jobs = [await pool.submit(work) for work in (answer(), answer, later(), later, failing(), failing)]
        assert [await job for job in jobs[:4]] == [42, 42, 43, 43]
        for job in jobs[4:]:
            with pytest.raises(ValueError, match="no"):
                await job
        assert [job.state for job in jobs] == [State.COMPLETED] * 4 + [State.DISCARDED] * 2
        assert (pool.runner.completed, pool.runner.discarded, pool.in_flight, pool.depth) == (4, 2, 0, 0)


async def test_no_more_run_at_once_than_there_are_workers_and_the_urgent_start_first() -> None:
    started: list[int] = []
    gate = asyncio.Event()

    async def work(number: int) -> None:
        started.append(number)
        await gate.wait()

    async with pool_of(workers=3) as pool:
        jobs = [pool.try_submit(work(priority), priority=priority) for priority in (7, 7, 7, 5, 1, 3)]
        await until(lambda: len(started) == 3)
        assert started == [1, 3, 5]
        assert (pool.in_flight, pool.depth) == (3, 3)
        gate.set()
        await asyncio.gather(*(job.waiter(asyncio.get_running_loop()) for job in jobs))


async def test_a_full_queue_tells_its_depth_and_limit_at_once() -> None:
    async with pool_of(queue=2, queue_bytes=100, on_full=OnFull.REJECT) as pool:
        jobs = [pool.try_submit(answer(), size_bytes=10), await pool.submit(answer(), size_bytes=10)]
        with pytest.raises(QueueFull) as raised:
            await pool.submit(answer(), size_bytes=5)
        assert (raised.value.depth, raised.value.limit, raised.value.depth_bytes, raised.value.limit_bytes) == (2, 2, 20, 100)
        assert pool.rejected["full"] == 1
        await asyncio.gather(*jobs)
        with pytest.raises(QueueFull, match="0 of 2 jobs wait, 0 of 100 bytes and this one has 101"):
            pool.try_submit(answer, size_bytes=101)


async def test_blocked_submitters_get_room_in_their_order() -> None:
    ran: list[int] = []

    async def work(number: int) -> None:
        ran.append(number)
        await asyncio.sleep(0)

    async with pool_of(queue=2, workers=1) as pool:
        await asyncio.gather(*(pool.submit(work(number), size_bytes=number) for number in range(50)))
    assert ran == list(range(50))


async def test_a_blocked_submitter_that_is_cancelled_leaves_no_trace() -> None:
    async with pool_of(queue=1, workers=1) as pool:
        running = pool.try_submit(forever)
        await until(lambda: running.state == State.RUNNING)
        waiting = pool.try_submit(forever())
        blocked = [asyncio.ensure_future(pool.submit(answer())) for _ in range(3)]
        await asyncio.sleep(0)
        blocked[0].cancel()
        await asyncio.gather(blocked[0], return_exceptions=True)
        pool.cancel(waiting)
        job = await blocked[1]
        pool.cancel(running)
        assert await job == 42
        assert await (await blocked[2]) == 42


async def test_a_job_too_large_for_the_queue_is_refused_even_where_others_wait() -> None:
    async with pool_of(queue=5, queue_bytes=10) as pool:
        with pytest.raises(QueueFull):
            await pool.submit(answer(), size_bytes=11)


async def test_shedding_gives_the_least_urgent_up_and_tells_it() -> None:
    async with pool_of(queue=3, on_full=OnFull.SHED) as pool:
        kept = [pool.try_submit(answer(), priority=4), pool.try_submit(answer(), priority=5)]
        shed = pool.try_submit(answer(), priority=6)
        urgent = pool.try_submit(answer(), priority=0)
        assert shed.state == State.DISCARDED
        with pytest.raises(QueueFull, match="given up"):
            await shed
        with pytest.raises(QueueFull, match="the queue is full"):
            pool.try_submit(answer(), priority=7)
        assert await asyncio.gather(*kept, urgent) == [42] * 3
        assert pool.rejected == {"full": 1, "shed": 1, "closed": 0}


async def test_cancellation_ends_a_job_in_each_state() -> None:
    async def failing() -> None:
        raise OSError

    async with pool_of(workers=1) as pool:
        running = pool.try_submit(forever())
        await until(lambda: running.carrier)
        available = [pool.try_submit(answer()), pool.try_submit(answer)]
        assert all(pool.cancel(job) for job in available)
        assert pool.cancel(running)
        retryable = pool.try_submit(failing, backoff=Backoff(attempts=2, base_s=1000.0, cap_s=1000.0))
        await until(lambda: retryable.state == State.RETRYABLE)
        assert pool.runner.queue.held == 1
        assert pool.cancel(retryable)
        for job in (*available, running, retryable):
            with pytest.raises(JobCancelled):
                await job
            assert job.state == State.CANCELLED
            assert not pool.cancel(job)
        completed = pool.try_submit(answer())
        assert await completed == 42
        assert not pool.cancel(completed)
        assert (pool.depth, pool.in_flight, pool.runner.queue.held, pool.runner.cancelled) == (0, 0, 0, 4)


async def test_a_job_may_cancel_itself_and_does_not_touch_the_next() -> None:
    cancelled: list[str] = []

    async def itself(suspends: bool) -> str:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        if suspends:
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                cancelled.append("itself")
                raise
        return "ended"

    async def innocent() -> str:
        await asyncio.sleep(0.001)
        return "untouched"

    async with pool_of() as pool:
        jobs = [pool.try_submit(work) for work in (itself(False), innocent(), itself(True), innocent(), itself(False))]
        results = await asyncio.gather(*jobs, return_exceptions=True)
    assert [*results[:2], *results[3:]] == ["ended", "untouched", "untouched", "ended"]
    assert isinstance(results[2], JobCancelled)
    assert cancelled == ["itself"]


async def test_what_a_job_sets_up_before_it_suspends_holds_afterwards() -> None:
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=0)

    async def timing_out() -> str:
        try:
            async with asyncio.timeout(0.001):
                await asyncio.sleep(10)
        except TimeoutError:
            return "timed out"
        return "never"

    async def grouping() -> int:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(asyncio.sleep(0, number)) for number in range(3)]
        return sum(task.result() for task in tasks)

    async def remembering(number: int) -> int:
        variable.set(number)
        task = asyncio.current_task()
        await asyncio.sleep(0)
        assert asyncio.current_task() is task
        return variable.get()

    async with pool_of() as pool:
        jobs = [pool.try_submit(work) for work in (timing_out(), grouping(), remembering(1), remembering(2), timing_out())]
        assert await asyncio.gather(*jobs) == ["timed out", 3, 1, 2, "timed out"]
        assert variable.get() == 0


async def test_a_time_out_cancels_the_attempt_and_may_be_followed_by_another() -> None:
    attempts: list[int] = []

    async def slow_at_first() -> str:
        attempts.append(1)
        if len(attempts) < 3:
            await forever()
        return "done"

    async with pool_of() as pool:
        late = pool.try_submit(forever(), timeout_s=0.001)
        tried = pool.try_submit(slow_at_first, timeout_s=0.001, backoff=Backoff(attempts=3, base_s=0.001))
        with pytest.raises(JobTimedOut, match=r"after 0\.001 s"):
            await late
        assert late.state == State.DISCARDED
        assert await tried == "done"
        assert (len(attempts), pool.attempts.retries) == (3, 2)


async def test_a_retried_job_keeps_its_place_and_is_discarded_after_its_last_attempt() -> None:
    attempts: list[int] = []

    async def failing() -> None:
        attempts.append(1)
        raise OSError(f"attempt {len(attempts)}")

    async with pool_of(queue=1, on_full=OnFull.REJECT) as pool:
        job = pool.try_submit(failing, backoff=Backoff(attempts=3, base_s=0.001))
        await until(lambda: job.state == State.RETRYABLE)
        with pytest.raises(QueueFull, match="1 of 1"):
            pool.try_submit(answer)
        with pytest.raises(OSError, match="attempt 3"):
            await job
        assert await pool.try_submit(answer) == 42
        with pytest.raises(ValueError, match="runs once"):
            pool.try_submit(answer(), backoff=Backoff(attempts=2))
        other = pool.try_submit(failing, backoff=Backoff(attempts=3, retry_on=(ValueError,)))
        with pytest.raises(OSError, match="attempt 4"):
            await other


async def test_a_job_that_ignores_cancellation_is_marked_stuck_with_its_stack_and_replaced() -> None:
    release = asyncio.Event()

    async def ignoring() -> str:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return "at last"

    async with pool_of(workers=1, stuck_after_s=0.01, most_stuck=1) as pool:
        stuck = pool.try_submit(ignoring())
        await until(lambda: stuck.carrier)
        pool.cancel(stuck)
        assert await pool.try_submit(answer()) == 42
        assert stuck.stuck is not None
        assert "in ignoring" in stuck.stuck
        assert "in wait" in stuck.stuck
        assert "Future" in stuck.stuck
        assert (stuck.state, pool.attempts.stuck, pool.in_flight, pool.runner.free) == (State.RUNNING, 1, 0, 1)
        second = pool.try_submit(ignoring())
        await until(lambda: second.carrier)
        pool.cancel(second)
        await until(lambda: second.stuck)
        third = pool.try_submit(answer())
        for _ in range(20):
            await asyncio.sleep(0)
        assert third.state == State.AVAILABLE
        release.set()
        assert [await job for job in (stuck, second, third)] == ["at last", "at last", 42]
        assert (pool.in_flight, pool.runner.free) == (0, 1)


async def test_a_drain_lets_end_what_ends_and_cancels_the_rest_at_its_deadline() -> None:
    pool = Pool(PoolSettings(workers=2, queue=10, stuck_after_s=0.01))
    release = asyncio.Event()

    async def ignoring() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    async def failing() -> None:
        raise OSError

    retried = pool.try_submit(failing, backoff=Backoff(attempts=2, base_s=1000, cap_s=1000))
    await until(lambda: retried.state == State.RETRYABLE)
    jobs = [pool.try_submit(work()) for work in (answer, forever, ignoring, answer)]
    await until(lambda: pool.in_flight == 2)
    bare = answer()
    assert pool.offer(bare, 4, "")
    drained = await pool.drain(0.01)
    assert [job.state for job in (*jobs, retried)] == ["completed", "cancelled", "running", "cancelled", "cancelled"]
    assert drained.cancelled == 4
    assert len(drained.stuck) == 1
    assert "in ignoring" in drained.stuck[0]
    with pytest.raises(PoolClosed):
        pool.try_submit(answer())
    with pytest.raises(PoolClosed):
        await pool.submit(answer())
    release.set()
    await jobs[2]


async def test_a_drain_refuses_those_who_wait_for_room() -> None:
    pool = Pool(PoolSettings(queue=1, workers=1))
    jobs = [pool.try_submit(asyncio.sleep(0.001))]
    await until(lambda: jobs[0].carrier)
    jobs.append(pool.try_submit(answer()))
    blocked = asyncio.ensure_future(pool.submit(answer()))
    await asyncio.sleep(0)
    drained = await pool.drain(10.0)
    assert drained == (0, [])
    with pytest.raises(PoolClosed):
        await blocked
    assert [job.state for job in jobs] == [State.COMPLETED] * 2


async def test_threads_submit_as_coroutines_do() -> None:
    async with pool_of(queue=4) as pool:

        def submitting() -> None:
            jobs.extend(pool.submit_from_thread(answer).result(10) for _ in range(100))

        jobs: list[Any] = []
        threads = [threading.Thread(target=submitting) for _ in range(3)]
        for thread in threads:
            thread.start()
        await until(lambda: len(jobs) == 300)
        assert await asyncio.gather(*jobs) == [42] * 300
        for thread in threads:
            thread.join()


async def test_a_job_without_a_handle_that_fails_is_logged_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    async def failing(suspends: bool) -> None:
        if suspends:
            await asyncio.sleep(0)
        raise OSError("lost")

    async with pool_of() as pool:
        assert await pool.submit_many(failing(bool(number % 2)) for number in range(4)) == 4
        await until(lambda: pool.runner.discarded == 4)


def test_an_exit_from_a_job_is_the_programs() -> None:
    async def leaving() -> None:
        raise KeyboardInterrupt

    async def main() -> None:
        jobs.append(Pool().try_submit(leaving()))
        await forever()

    jobs: list[Any] = []
    with pytest.raises(KeyboardInterrupt), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
    assert jobs[0].state == State.DISCARDED


async def test_a_turn_lets_the_loop_go_on_while_jobs_wait() -> None:
    turns = 0

    async def counting() -> None:
        nonlocal turns
        while pool.depth:
            turns += 1
            await asyncio.sleep(0)

    async with pool_of(queue=200_000, turn_s=0.00001) as pool:
        counter = pool.try_submit(counting(), priority=0)
        await pool.submit_many((answer() for _ in range(100_000)), tenant="flood")
        await counter
        assert turns > 10


async def test_a_million_jobs_leave_nothing_behind() -> None:
    async def noop() -> None:
        pass

    async with pool_of() as pool:
        assert await pool.submit_many(noop() for _ in range(10_000)) == 10_000
        await until(lambda: not pool.depth)
        gc.collect()
        before, references = sys.getallocatedblocks(), sys.getrefcount(None)
        assert await pool.submit_many(noop() for _ in range(800_000)) == 800_000
        for _ in range(200_000):
            await pool.submit(noop())
        await until(lambda: not pool.depth)
        gc.collect()
        assert pool.runner.completed == 1_010_000
        assert sys.getallocatedblocks() - before < 3000
        assert abs(sys.getrefcount(None) - references) < 3000


async def test_many_suspended_jobs_leave_nothing_behind() -> None:
    async def work(number: int) -> int:
        await asyncio.sleep(0)
        if number % 3 == 0:
            raise ValueError(number)
        await asyncio.sleep(0)
        return number

    async with pool_of() as pool:
        for round_number in range(3):
            jobs = [await pool.submit(work(number)) for number in range(3000)]
            results = await asyncio.gather(*jobs, return_exceptions=True)
            assert sum(isinstance(result, ValueError) for result in results) == 1000
            del jobs, results
            gc.collect()
            if round_number == 0:
                before = sys.getallocatedblocks()
        assert sys.getallocatedblocks() - before < 3000


async def test_a_task_goes_on_with_the_next_job_unless_it_was_cancelled() -> None:
    tasks: list[asyncio.Task[Any] | None] = []

    async def work() -> None:
        await asyncio.sleep(0)
        tasks.append(asyncio.current_task())

    async with pool_of(workers=1) as pool:
        jobs = [pool.try_submit(work()) for _ in range(3)]
        cancelled = pool.try_submit(forever())
        jobs.append(pool.try_submit(work()))
        await until(lambda: cancelled.carrier)
        pool.cancel(cancelled)
        for job in jobs:
            await job
        assert tasks[0] is tasks[1] is tasks[2]
        assert tasks[3] is not tasks[2]
        assert cancelled.state == State.CANCELLED


async def test_jobs_in_a_row_let_the_loop_go_on() -> None:
    turns = 0

    async def counting() -> None:
        nonlocal turns
        while pool.depth:
            turns += 1
            await asyncio.sleep(0)

    async def suspending() -> None:
        await asyncio.sleep(0)

    async with pool_of(workers=2, queue=20_000, turn_s=0.00001) as pool:
        counter = pool.try_submit(counting(), priority=0)
        pool.try_submit(suspending(), priority=0)
        await pool.submit_many(answer() for _ in range(10_000))
        await counter
        assert turns > 10


async def test_a_producer_of_many_and_single_submitters_share_the_queue() -> None:
    async with pool_of(workers=1, queue=8) as pool, asyncio.TaskGroup() as group:
        many = group.create_task(pool.submit_many(answer() for _ in range(1000)))
        await asyncio.sleep(0)
        singles = [await pool.submit(asyncio.sleep(0, number)) for number in range(50)]
        assert [await job for job in singles] == list(range(50))
        assert await many == 1000
        await pool.room()
    assert pool.runner.completed == 1050
    with pytest.raises(PoolClosed):
        await pool.room()


async def test_a_function_that_makes_no_coroutine_is_the_jobs_failure() -> None:
    def breaking() -> Any:
        raise ValueError("cannot be made")

    async with pool_of(workers=1) as pool:
        first = pool.try_submit(asyncio.sleep(0.001))
        jobs = [pool.try_submit(breaking) for _ in range(3)]
        await first
        for job in jobs:
            with pytest.raises(ValueError, match="cannot be made"):
                await job
        wrong = pool.try_submit(lambda: 7)  # type: ignore[arg-type, return-value]  # what a caller may get wrong
        with pytest.raises(AttributeError, match="send"):
            await wrong
