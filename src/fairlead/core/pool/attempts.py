"""What becomes of a job that has started: its time-out, its end, another attempt, and what is done when it does not end."""

import asyncio

from fairlead._native.scheduler import Carrier, Job, Runner
from fairlead.core.logsetup import Log
from fairlead.core.pool import stack
from fairlead.core.pool.errors import JobCancelled, JobTimedOut
from fairlead.core.pool.job import Later, Plan, State, Timer
from fairlead.core.pool.settings import PoolSettings
from fairlead.core.pool.threads import Threads

log = Log("pool")


class Attempts:
    """The kernel calls `suspended` and `end`; `runner` is set by the pool as soon as there is one."""

    runner: Runner

    def __init__(self, settings: PoolSettings, threads: Threads, later: Later) -> None:
        self._settings, self._threads, self._later = settings, threads, later
        self._retrying: set[Job] = set()
        self._watches: dict[Job, Timer] = {}
        self._replaced: set[Job] = set()
        self.retries = self.stuck = 0

    @property
    def replaced(self) -> int:
        """How many jobs are stuck and have had their worker replaced."""
        return len(self._replaced)

    def suspended(self, job: Job) -> None:
        """Begin the time of a job that has a plan."""
        plan: Plan = job.plan
        if plan.timeout_s is not None:
            plan.timer = self._later(plan.timeout_s, lambda: self._time_out(job))

    def end(self, job: Job | None, result: object, error: BaseException | None) -> None:
        """Decide what becomes of a job whose attempt ended, and not simply well; None stands for one without a handle."""
        if job is None:
            if not isinstance(error, asyncio.CancelledError):
                log.warning("a job failed", error=repr(error))
            return
        self._forget(job)
        plan: Plan | None = job.plan
        if plan is not None:
            plan.stop_timer()
        if error is None:
            self.runner.settle(job, State.COMPLETED, result, None)
            return
        if isinstance(error, asyncio.CancelledError):
            if plan is None or not plan.timed_out:
                self.runner.settle(job, State.CANCELLED, None, cancelled())
                return
            error = JobTimedOut(f"the job was not done after {plan.timeout_s:g} s; give it more time, or less to do")
        if plan is None or not self._retry(job, plan, error):
            self.runner.settle(job, State.DISCARDED, None, error)

    def tell_to_end(self, job: Job) -> None:
        """Cancel a running job, and watch whether that ends it."""
        if job.carrier is None:
            # It runs just now, and has not suspended yet: it cancels itself.
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            return
        job.told = True
        job.carrier.task.cancel()
        if job not in self._watches:
            self._watches[job] = self._later(self._settings.stuck_after_s, lambda: self._mark_stuck(job))

    def give_up_retry(self, job: Job) -> None:
        """Cancel a retryable job."""
        job.plan.stop_timer()
        self._retrying.discard(job)
        self.runner.queue.release(job.size_bytes)
        self.runner.settle(job, State.CANCELLED, None, cancelled())

    def give_up_retries(self) -> None:
        """Cancel all retryable jobs."""
        for job in tuple(self._retrying):
            self.give_up_retry(job)

    def stop_watching(self) -> None:
        """Stop the watches for stuck jobs."""
        for watch in self._watches.values():
            watch.cancel()
        self._watches.clear()

    def stack_of(self, carrier: Carrier) -> str:
        """Return where a suspended job stands, and its thread if it waits for one."""
        ident = self._threads.ident(carrier.task)
        return stack.of_coroutine(carrier.work) + (stack.of_thread(ident) if ident else "")

    def _time_out(self, job: Job) -> None:
        job.plan.timed_out, job.plan.timer = True, None
        self.tell_to_end(job)

    def _mark_stuck(self, job: Job) -> None:
        if job.carrier is None:
            return
        job.stuck = self.stack_of(job.carrier)
        self.stuck += 1
        log.warning("a job does not end, though it was told to", tenant=str(job.tenant), stack=job.stuck)
        if len(self._replaced) < self._settings.most_stuck:
            self._replaced.add(job)
            self.runner.grow(1)
            self._threads.replace(job.carrier.task)

    def _forget(self, job: Job) -> None:
        if (watch := self._watches.pop(job, None)) is not None:
            watch.cancel()
        if job in self._replaced:
            self._replaced.discard(job)
            self.runner.grow(-1)
        job.told = False

    def _retry(self, job: Job, plan: Plan, error: BaseException) -> bool:
        delay_s = plan.backoff.delay_s(plan.attempt, error) if plan.backoff else None
        if delay_s is None:
            return False
        plan.attempt += 1
        plan.timed_out = False
        self.retries += 1
        self.runner.put_off(job)
        self._retrying.add(job)
        plan.timer = self._later(delay_s, lambda: self._again(job))
        return True

    def _again(self, job: Job) -> None:
        self._retrying.discard(job)
        job.plan.timer = None
        self.runner.again(job)


def cancelled() -> JobCancelled:
    """Return what a cancelled job's handle raises."""
    return JobCancelled("the job was cancelled; submit it again if it is still wanted")
