"""Thread jobs, subprocess jobs, and a pool's metrics."""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fairlead.core.pool.errors import JobCancelled, JobTimedOut
from fairlead.core.pool.job import State
from fairlead.core.pool.metrics import register
from fairlead.core.pool.pool import Pool
from fairlead.core.pool.process import GRACE_S, Attempt, Processes
from fairlead.core.pool.retry import Backoff
from fairlead.core.pool.settings import PoolSettings
from fairlead.core.telemetry import Telemetry


async def until(condition: Callable[[], object], deadline_s: float = 10.0) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "not in time"
        await asyncio.sleep(0.001)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rsplit(b")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != b"Z"


async def test_thread_jobs_run_in_a_bounded_number_of_threads() -> None:
    running, most, lock = 0, 0, threading.Lock()
    release = threading.Event()

    def work(number: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        release.wait(10)
        with lock:
            running -= 1
        if number == 7:
            raise ValueError("seven")
        return number

    async with Pool(PoolSettings(workers=20, threads=3)) as pool:
        jobs = [pool.try_submit(pool.in_thread(work, number)) for number in range(10)]
        await until(lambda: running == 3)
        release.set()
        results = await asyncio.gather(*jobs, return_exceptions=True)
    assert [result for result in results if not isinstance(result, ValueError)] == [0, 1, 2, 3, 4, 5, 6, 8, 9]
    assert most == 3


async def test_a_thread_job_that_waits_for_a_thread_is_cancelled_before_it_runs() -> None:
    release, ran = threading.Event(), list[int]()

    async with Pool(PoolSettings(threads=1)) as pool:
        first = pool.try_submit(pool.in_thread(release.wait, 10))
        second = pool.try_submit(pool.in_thread(ran.append, 2))
        await until(lambda: first.carrier and second.carrier)
        pool.cancel(second)
        with pytest.raises(JobCancelled):
            await second
        release.set()
        assert await first
    assert ran == []


async def test_a_thread_that_does_not_return_is_stuck_and_another_takes_its_place() -> None:
    release = threading.Event()

    def blocking() -> None:
        release.wait(10)

    async with Pool(PoolSettings(workers=1, threads=1, stuck_after_s=0.01)) as pool:
        stuck = pool.try_submit(pool.in_thread(blocking), timeout_s=0.001)
        following = pool.try_submit(pool.in_thread(threading.get_ident))
        assert await following != threading.get_ident()
        assert stuck.state == State.RUNNING
        assert stuck.stuck is not None
        assert "in blocking" in stuck.stuck
        release.set()
        with pytest.raises(JobTimedOut):
            await stuck
        again = [pool.try_submit(pool.in_thread(threading.get_ident)) for _ in range(5)]
        assert len({await job for job in again}) == 1


async def run_command(*argv: str, grace_s: float = GRACE_S, **env: str) -> Attempt:
    attempt = Attempt(1000)
    await Processes(grace_s).run(argv, env, None, attempt)
    return attempt


async def test_a_command_ends_with_its_code_and_output() -> None:
    async with Pool() as pool:
        job = pool.try_submit(lambda: run_command("sh", "-c", "cat; echo $GREETING >&2; exit 3", GREETING="hello"))
        done = await job
        assert (done.code, done.stdout.text, done.stderr.text) == (3, "", "hello\n")
        killed = pool.try_submit(lambda: run_command("sh", "-c", "kill -9 $$"))
        assert (await killed).code == -signal.SIGKILL
        missing = pool.try_submit(lambda: run_command("/nonexistent/command"), backoff=Backoff(attempts=2, base_s=0.001))
        with pytest.raises(FileNotFoundError):
            await missing
        assert (missing.state, pool.attempts.retries) == (State.DISCARDED, 1)


@pytest.mark.parametrize("ignores", [False, True])
async def test_a_commands_time_out_kills_its_process_group(tmp_path: Path, ignores: bool) -> None:
    pids = tmp_path / "pids"
    trap = "trap '' TERM; " if ignores else ""
    script = f"{trap}sleep 100 & echo $$ $! >{pids}.new; mv {pids}.new {pids}; wait; sleep 100"
    async with Pool() as pool:
        job = pool.try_submit(lambda: run_command("sh", "-c", script, grace_s=0.05))
        await until(pids.exists)
        running = [int(pid) for pid in pids.read_text().split()]
        assert all(alive(pid) for pid in running)
        job.plan = None
        pool.cancel(job)
        with pytest.raises(JobCancelled):
            await job
        await until(lambda: not any(alive(pid) for pid in running))
        late = pool.try_submit(lambda: run_command("sleep", "100"), timeout_s=0.05)
        with pytest.raises(JobTimedOut):
            await late


async def test_metrics_tell_states_depths_reasons_and_times() -> None:
    async def failing() -> None:
        raise ValueError

    async def noop() -> None:
        pass

    telemetry = Telemetry()
    async with Pool() as pool:
        register(telemetry, pool, "probes")
        jobs = [pool.try_submit(noop()) for _ in range(64)] + [pool.try_submit(failing())]
        pool.cancel(jobs[0])
        values = {(series.family.name, *(value for _, value in series.labels)): value for series, value in telemetry.collect()}
        assert values["fairlead_pool_queued", "probes", "4"] == 64
        assert values["fairlead_pool_finished_total", "probes", "cancelled"] == 1
        await asyncio.gather(*jobs, return_exceptions=True)
        values = {(series.family.name, *(value for _, value in series.labels)): value for series, value in telemetry.collect()}
    assert values["fairlead_pool_finished_total", "probes", "completed"] == 63
    assert values["fairlead_pool_finished_total", "probes", "discarded"] == 1
    assert values["fairlead_pool_rejected_total", "probes", "full"] == 0
    assert values["fairlead_pool_wait_seconds_bucket", "probes", "+Inf"] == values["fairlead_pool_wait_seconds_count", "probes"] == 1


async def test_a_job_sees_that_it_runs_in_its_own_process_only() -> None:
    before = os.getsid(0)
    async with Pool() as pool:
        job = pool.try_submit(lambda: run_command(sys.executable, "-c", "import os; print(os.getsid(0) == os.getpid())"))
        assert (await job).stdout.text == "True\n"
    assert os.getsid(0) == before
