"""The one thread that writes to the store: batches and ticks that wait go into one commit together."""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from fairlead.core.clock import Clock
from fairlead.core.errors import FairleadError, SinkUnavailable
from fairlead.core.logsetup import Log
from fairlead.core.readiness import Readiness
from fairlead.core.record import Batch
from fairlead.core.sample import Tick
from fairlead.core.telemetry import Telemetry
from fairlead.store.interface import Intake, Store

log = Log("store")
SWEEP_S = 10.0
_TICKS_KEPT = 3600
_LINES_A_COMMIT = 20000
OnWritten = Callable[[Intake], None]


class SweptStore(Store, Protocol):
    """A store that looks after itself when it is asked to."""

    def sweep(self) -> bool:
        """Do one small slice of housekeeping; return whether more is to be done."""
        ...


class _Write(NamedTuple):
    intake: Intake
    done: "asyncio.Future[None] | None"


class StoreWriter:
    """A Sink whose other side is a store; `send` returns once its batches are committed. What a store refuses may be mended there, so it
    is tried again, too, and told meanwhile."""

    name = "store"

    def __init__(
        self, store: SweptStore, host: str, clock: Clock, telemetry: Telemetry, readiness: Readiness, on_written: OnWritten | None = None
    ) -> None:
        self._store, self._host, self._clock, self._on_written = store, host, clock, on_written
        self._waiting: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._unwritten_ticks: list[tuple[str, list[Tick]]] = []
        self._problem, self._closing = "", False
        self._thread: threading.Thread | None = None
        self._commits = telemetry.counter("fairlead_store_commits_total", "Transactions committed.")
        self._lines = telemetry.counter("fairlead_store_lines_total", "Log lines stored.")
        self._failures = telemetry.counter("fairlead_store_failures_total", "Transactions that failed.")
        self._dropped = telemetry.counter("fairlead_store_dropped_ticks_total", "Ticks given up because the store took nothing for long.")
        readiness.add("store", lambda: self._problem)

    async def start(self) -> None:
        """Start the thread."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="store writer", daemon=True)
        self._thread.start()

    async def send(self, batches: Sequence[Batch]) -> None:
        """Store batches; raises SinkUnavailable while the store takes nothing."""
        await self.take(Intake(batches=list(batches)))

    async def take(self, intake: Intake) -> None:
        """Store an intake, whole; raises SinkUnavailable while the store takes nothing."""
        done = self._loop.create_future()
        self._waiting.put(_Write(intake, done))
        await done

    def offer_ticks(self, ticks: Sequence[Tick]) -> None:
        """Hand this host's ticks over without waiting; while the store takes nothing the newest hour of them is kept for later."""
        self._waiting.put(_Write(Intake(ticks=[(self._host, list(ticks))]), None))

    async def reopen(self) -> None:
        """Nothing: the store's files are its own."""

    async def close(self) -> None:
        """Write what waits, then end the thread; once a write failed, the others are not tried any more."""
        self._closing = True
        if self._thread is not None:
            self._waiting.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None

    def _run(self) -> None:
        next_sweep_s = self._clock.monotonic() + SWEEP_S
        while True:
            work, ends = self._take(max(0.0, next_sweep_s - self._clock.monotonic()))
            if work or (ends and self._unwritten_ticks):
                self._write(work)
            if ends:
                return
            if self._clock.monotonic() >= next_sweep_s:
                more = self._sweep()
                next_sweep_s = self._clock.monotonic() + (0.05 if more else SWEEP_S)

    def _take(self, timeout_s: float) -> tuple[list[_Write], bool]:
        """Wait for work, then return all that is there, up to a commit's worth, and whether the end was asked for."""
        work: list[_Write] = []
        lines = 0
        try:
            item = self._waiting.get(timeout=timeout_s)
            while item is not None:
                work.append(item)
                lines += item.intake.lines()
                if lines >= _LINES_A_COMMIT:
                    return work, False
                item = self._waiting.get_nowait()
        except queue.Empty:
            return work, False
        return work, True

    def _write(self, work: Sequence[_Write]) -> None:
        if self._closing and self._problem:
            self._answer(work, SinkUnavailable(f"store: {self._problem}"))
            return
        intake = Intake()
        for item in work:
            intake.add(item.intake)
        intake.ticks = self._unwritten_ticks + intake.ticks
        try:
            self._store.write(intake)
        except (sqlite3.Error, FairleadError) as error:
            self._failed(error, intake.ticks)
            self._answer(work, SinkUnavailable(f"store: {error}", getattr(error, "retry_after_s", None)))
            return
        except Exception as error:
            # Whoever waits is told; a thread that ended would leave all the others waiting for ever.
            log.exception("store failed")
            self._failed(error, intake.ticks)
            self._answer(work, SinkUnavailable(f"store: {error!r}"))
            return
        if self._problem:
            log.info("store takes writes again")
        self._problem, self._unwritten_ticks = "", []
        self._commits.add()
        self._lines.add(intake.lines())
        self._answer(work, None)
        if self._on_written is not None:
            self._loop.call_soon_threadsafe(self._on_written, intake)

    def _failed(self, error: Exception, ticks: list[tuple[str, list[Tick]]]) -> None:
        self._failures.add()
        self._dropped.add(max(0, len(ticks) - _TICKS_KEPT))
        self._unwritten_ticks = ticks[-_TICKS_KEPT:]
        if not self._problem:
            log.error("store takes no writes", error=error)
        self._problem = f"takes no writes: {error}"

    def _answer(self, work: Sequence[_Write], error: SinkUnavailable | None) -> None:
        """Tell the waiting callers, on their loop; one that gave up meanwhile is passed over."""

        def tell() -> None:
            for item in work:
                if item.done is not None and not item.done.done():
                    if error:
                        item.done.set_exception(SinkUnavailable(str(error), error.retry_after_s))
                    else:
                        item.done.set_result(None)

        self._loop.call_soon_threadsafe(tell)

    def _sweep(self) -> bool:
        try:
            return self._store.sweep()
        except (sqlite3.Error, FairleadError) as error:
            log.warning("store sweep failed", error=error)
            return False
