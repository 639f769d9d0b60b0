"""Runs the commands of an input on the worker pool: takes, journals, runs and tells each, and ends in good order when it is told to."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from fairlead._native.scheduler import Job as Handle
from fairlead.core.errors import FairleadError, StateError
from fairlead.core.pool.errors import JobCancelled, JobTimedOut, QueueFull
from fairlead.core.pool.job import State
from fairlead.core.pool.pool import Pool
from fairlead.core.pool.process import Attempt, Processes
from fairlead.core.pool.retry import Backoff
from fairlead.core.pool.settings import OnFull, PoolSettings
from fairlead.core.record import format_time
from fairlead.core.system import system
from fairlead.jobs.journal import Journal
from fairlead.jobs.lines import MAX_LINE_BYTES, LineReader
from fairlead.jobs.model import Command, InputError, Outcome, parse
from fairlead.jobs.output import Output

_NOT_FOUND, _NOT_EXECUTABLE = 127, 126
"""Exit codes of a shell for what cannot be started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """How the commands are run; `source` is what messages call the input."""

    source: str
    workers: int
    queue: int = 1024
    on_full: OnFull = OnFull.BLOCK
    max_output_bytes: int = 1 << 20


class CommandFailed(FairleadError):
    """An attempt ended with another exit code than 0, by a signal, or could not be started."""


class JobRun:
    """One run; `tell` is called with what a person should know, `moved` whenever a job has ended."""

    def __init__(
        self, settings: RunSettings, output: Output, journal: Journal | None, tell: Callable[[str], None], moved: Callable[[], None]
    ) -> None:
        self._settings, self._output, self._journal, self._tell, self._moved = settings, output, journal, tell, moved
        self._processes = Processes()
        self._stop = asyncio.Event()
        self._ends: set[asyncio.Task[None]] = set()
        self._keys: set[str] = set()
        self._serial = 0
        self._error: Exception | None = None
        self.signal: int | None = None
        self.counts: Counter[str] = Counter()

    async def run(self, descriptor: int) -> None:
        """Run all commands of an input; raises OSError or StateError where their outcomes can no longer be written."""
        self._watch_signals()
        reader = LineReader(descriptor)
        pool = Pool(PoolSettings(workers=self._settings.workers, queue=self._settings.queue, on_full=self._settings.on_full))
        taking = asyncio.create_task(self._take_all(reader, pool))
        stopped = asyncio.create_task(self._stop.wait())
        ending: asyncio.Task[None] | None = None
        try:
            await asyncio.wait([taking, stopped], return_when=asyncio.FIRST_COMPLETED)
            if taking.done():
                ending = asyncio.create_task(self._all_ended())
                await asyncio.wait([ending, stopped], return_when=asyncio.FIRST_COMPLETED)
            else:
                self.counts["unread"] = 1
        finally:
            taking.cancel()
            reader.close()
            # Those that wait are given up and those that run are told to end; after a whole run there are none.
            await pool.drain(0.0)
            await self._all_ended()
            stopped.cancel()
            results = await asyncio.gather(taking, stopped, *([ending] if ending else []), return_exceptions=True)
            await self._output.close()
            if self._journal is not None:
                await self._journal.close()
            _forget_signals()
        if self._error is not None:
            raise self._error
        if isinstance(results[0], Exception):
            raise results[0]

    async def _all_ended(self) -> None:
        while self._ends:
            await asyncio.wait(self._ends)

    async def _take_all(self, reader: LineReader, pool: Pool) -> None:
        async for number, line in reader:
            try:
                if line is None:
                    raise InputError(f"is longer than {MAX_LINE_BYTES >> 20} MiB")
                command = parse(line, number)
                self._admit(command)
            except InputError as error:
                self.counts["refused"] += 1
                self._tell(f"{self._settings.source}:{number}: {error}")
                continue
            await self._take(command, pool)

    def _admit(self, command: Command) -> None:
        if command.key in self._keys:
            raise InputError(f"id: {command.key} was given before; each job has an id of its own")
        if self._journal is not None and self._journal.is_changed(command):
            raise InputError(f"id: {command.key} is another command in the journal; give it another id, or begin another journal")
        self._keys.add(command.key)

    async def _take(self, command: Command, pool: Pool) -> None:
        serial, self._serial = self._serial, self._serial + 1
        before = self._journal.outcome(command) if self._journal is not None else None
        if before is not None:
            assert command.id is not None
            before.id = command.id
            self.counts["done before"] += 1
            await self._put(serial, before)
            return
        job = _Job(self, command)
        backoff = Backoff(command.retries + 1) if command.retries else None
        try:
            handle = await pool.submit(
                job.attempt,
                priority=command.priority,
                tenant=sys.intern(command.tenant),
                timeout_s=command.timeout_s,
                backoff=backoff,
            )
        except FairleadError as error:
            await self._end(serial, job, error)
            return
        task = asyncio.create_task(self._follow(serial, job, handle))
        self._ends.add(task)
        task.add_done_callback(self._ends.discard)

    async def _follow(self, serial: int, job: "_Job", handle: Handle) -> None:
        error: BaseException | None = None
        try:
            await handle
        except Exception as raised:
            error = raised
        await self._end(serial, job, error)

    async def _end(self, serial: int, job: "_Job", error: BaseException | None) -> None:
        outcome = job.outcome
        outcome.state = State.COMPLETED if error is None else State.CANCELLED if isinstance(error, JobCancelled) else State.DISCARDED
        if error is not None and not isinstance(error, CommandFailed):
            outcome.stderr += f"fairlead: {error}\n"
        if not isinstance(error, (CommandFailed, JobCancelled, JobTimedOut, QueueFull, type(None))):
            self._fail(StateError(f"job {job.command.key}: {error}"))
        if isinstance(error, JobTimedOut):
            self.counts["timed out"] += 1
        self.counts[outcome.state] += 1
        if self._journal is not None and outcome.attempt and outcome.state is not State.CANCELLED:
            try:
                await self._journal.end(job.command, outcome, is_done=error is None)
            except OSError as failure:
                self._fail(StateError(f"the journal cannot be written: {failure.strerror}; free some space and resume"))
        await self._put(serial, outcome)

    async def _put(self, serial: int, outcome: Outcome) -> None:
        try:
            await self._output.put(serial, msgspec.json.encode(outcome) + b"\n")
        except OSError as error:
            self._fail(error)
        self._moved()

    def _fail(self, error: Exception) -> None:
        """Keep the first error that makes it pointless to go on, and end."""
        if self._error is None:
            self._error = error
        self._stop.set()

    def _watch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in system.ENDING_SIGNALS:
            system.on_signal(loop, number, self._on_signal, number)

    def _on_signal(self, number: int) -> None:
        if self.signal is None:
            self.signal = number
            self._tell("jobs that run are told to end; the next signal kills them")
            self._stop.set()
            return
        self._processes.kill()
        # Whoever reads our output may have stopped doing so: a third signal does what it does by default.
        _forget_signals()


class _Job:
    """A command and how its last attempt went."""

    def __init__(self, run: JobRun, command: Command) -> None:
        assert command.id is not None
        self._run, self.command = run, command
        self.outcome = Outcome(command.id, State.AVAILABLE)

    async def attempt(self) -> None:
        """Run the command once; CommandFailed where it does not end with 0."""
        command, outcome, run = self.command, self.outcome, self._run
        if run._journal is not None and not outcome.attempt:
            await run._journal.begin(command)
        outcome.attempt += 1
        outcome.started = format_time(time.time_ns())
        outcome.exit_code = outcome.signal = None
        begin = time.perf_counter()
        attempt = Attempt(run._settings.max_output_bytes)
        refusal = ""
        try:
            await run._processes.run(command.argv, command.env, command.cwd, attempt)
        except (OSError, ValueError) as error:
            attempt.code = _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE
            why = (error.strerror if isinstance(error, OSError) else "") or "no text that the system takes"
            refusal = f"fairlead: {command.argv[0]}: {why}; give a program that is there and a cwd that can be entered\n"
        finally:
            outcome.duration_s = round(time.perf_counter() - begin, 6)
            outcome.stdout, outcome.stderr = attempt.stdout.text, attempt.stderr.text + refusal
            if (code := attempt.code) is not None:
                outcome.exit_code, outcome.signal = (code, None) if code >= 0 else (None, -code)
            for name, kept in (("stdout", attempt.stdout), ("stderr", attempt.stderr)):
                if kept.left_out:
                    run._tell(f"job {command.key}: {name}: {kept.left_out} bytes beyond --max-output are left out")
        if attempt.code:
            raise CommandFailed(f"exit code {attempt.code}")


def _forget_signals() -> None:
    loop = asyncio.get_running_loop()
    for number in system.ENDING_SIGNALS:
        system.off_signal(loop, number)
