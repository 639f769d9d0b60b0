"""The parts of `fairlead up`, put together: metrics, logs, store, verdict and page of one host.

collectors -> MetricsRunner -+                    +-> Feed -> streams of the page
files -> Pipeline -+         |                    |
journal -----------+-> Delivery -> StoreWriter ---+-> ErrorRate -> Judge -> Verdict
"""

import asyncio
import gc
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from fairlead.commands.settings import UpSettings
from fairlead.core import durable, logsetup, runtime, sdnotify, statedir
from fairlead.core.clock import Clock, SystemClock
from fairlead.core.context import RunContext
from fairlead.core.errors import FairleadError
from fairlead.core.logsetup import Log
from fairlead.core.readiness import Readiness
from fairlead.core.record import ERROR_LEVELS, Batch
from fairlead.core.statedir import StateDir
from fairlead.core.telemetry import Telemetry
from fairlead.health.judge import Judge
from fairlead.health.observe import Observer
from fairlead.logs.delivery import Delivery
from fairlead.logs.readers import LogReaders
from fairlead.logs.redact import Redactor
from fairlead.metrics.collector import Roots
from fairlead.metrics.runner import MetricsRunner
from fairlead.metrics.settings import DEFAULT_INTERVALS, Intervals
from fairlead.store.interface import Intake
from fairlead.store.sqlite import SqliteStore, open_memory, open_store
from fairlead.store.writer import StoreWriter
from fairlead.web.feed import Feed
from fairlead.web.server import WebServer
from fairlead.web.sources import WebSources

log = Log("up")
JUDGE_S = 5.0
_MINUTE_S = 60.0


class ErrorRate:
    """Error lines of the last minute, counted as they are stored."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counts: deque[tuple[float, int]] = deque()

    def add(self, batches: Sequence[Batch]) -> None:
        """Count the error lines of batches that are not older than a minute: a backlog says nothing of now."""
        since_ns = self._clock.wall_ns() - int(_MINUTE_S * 1e9)
        errors = sum(1 for batch in batches for record in batch.records if record.level in ERROR_LEVELS and record.timestamp_ns >= since_ns)
        if errors:
            self._counts.append((self._clock.monotonic(), errors))

    def a_minute(self) -> float:
        """Return how many came in the last minute."""
        while self._counts and self._counts[0][0] < self._clock.monotonic() - _MINUTE_S:
            self._counts.popleft()
        return float(sum(count for _, count in self._counts))


class HostMonitor:
    """One run of `fairlead up`."""

    def __init__(self, settings: UpSettings, read_settings: Callable[[], UpSettings], *, in_memory: bool) -> None:
        self._settings, self._read_settings, self._in_memory = settings, read_settings, in_memory
        self._clock = SystemClock()
        self._telemetry, self._readiness = Telemetry(), Readiness()
        self._host = statedir.host_name()
        self._judge, self._observer, self._errors = Judge(), Observer(), ErrorRate(self._clock)
        self._feed = Feed()

    async def run(self) -> int:
        """Run until a signal ends it; return the exit code."""
        async with AsyncExitStack() as stack:
            state = self._open_state(stack)
            store = self._open_store(state)
            stack.callback(store.close)
            self._restore_verdict(state)
            writer = StoreWriter(store, self._host, self._clock, self._telemetry, self._readiness, self._written)
            await writer.start()
            stack.push_async_callback(writer.close)
            self._compose(store, writer, state)
            stack.callback(self._runner.close)
            await self._server.start()
            stack.push_async_callback(self._server.close)
            signals = await stack.enter_async_context(runtime.Signals(self._reload))
            parts = [self._runner.run(), *self._readers.parts(), self._judge_always(state)]
            stack.push_async_callback(self._delivery.close)
            running = await stack.enter_async_context(runtime.Parts(parts))
            self._announce(state)
            return await running.until_stopped(signals)

    def _open_state(self, stack: AsyncExitStack) -> StateDir | None:
        if self._in_memory:
            return None
        state = StateDir(Path(self._settings.state_dir) if self._settings.state_dir else statedir.default_path())
        stack.callback(state.close)
        return state

    def _open_store(self, state: StateDir | None) -> SqliteStore:
        if state is None:
            return open_memory(self._settings.store, self._clock)
        return open_store(state.path, self._settings.store, self._clock)

    def _compose(self, store: SqliteStore, writer: StoreWriter, state: StateDir | None) -> None:
        settings = self._settings
        positions = store.positions()
        agent_id = state.agent_id if state else statedir.mint_agent_id()
        own = [str(state.path)] if state else []
        self._store = store
        self._delivery = Delivery(writer, self._clock, self._telemetry, self._readiness)
        roots = Roots()
        self._readiness.add("metrics", roots.problem)
        self._runner = MetricsRunner(_intervals(settings.metrics), roots, self._clock, self._telemetry, writer.offer_ticks)
        self._readers = LogReaders(
            settings.logs,
            settings.journal,
            settings.redact,
            self._delivery.send,
            positions,
            RunContext(self._host, agent_id, self._clock, self._telemetry, self._readiness),
            own=own,
            backfill_bytes=settings.backfill,
        )
        sources = WebSources(
            host=self._host,
            latest=self._runner.latest,
            store=store,
            verdict=lambda: self._judge.verdict,
            feed=self._feed,
            intervals=lambda: self._runner.intervals,
        )
        self._server = WebServer(settings, sources, self._clock, self._telemetry, self._readiness)

    def _announce(self, state: StateDir | None) -> None:
        print(f"fairlead watches {self._host}: {self._server.url}", flush=True)  # noqa: T201 - what the user waits for
        if problem := Roots().problem():
            log.warning("no metrics", problem=problem)
        log.info("started", url=self._server.url, state_dir=state.path if state else "in memory")
        sdnotify.notify("READY=1", f"STATUS=page at {self._server.url}")
        gc.collect()
        gc.freeze()

    def _written(self, intake: Intake) -> None:
        self._errors.add(intake.batches)
        self._feed.publish(intake)

    async def _judge_always(self, state: StateDir | None) -> None:
        kept = b""
        while True:
            now_ns = self._clock.wall_ns()
            seen = self._observer.observe(
                now_ns / 1e9, self._runner.latest(), self._errors.a_minute(), self._runner.stale(now_ns), self._readiness.problems()
            )
            self._judge.judge(seen)
            if state is not None and (fresh := self._judge.state()) != kept:
                kept = fresh
                with suppress(OSError):
                    await asyncio.to_thread(durable.write_atomically, state.path / "verdict.json", kept)
            await self._clock.sleep(JUDGE_S)

    def _restore_verdict(self, state: StateDir | None) -> None:
        with suppress(OSError):
            if state is not None:
                self._judge.restore((state.path / "verdict.json").read_bytes())

    async def _reload(self) -> None:
        """Take the configuration anew; a wrong one is told with its places, and the old one goes on."""
        try:
            settings = await asyncio.to_thread(self._read_settings)
            redactor = Redactor(settings.redact)
            await asyncio.to_thread(self._server.reload, settings)
        except FairleadError as error:
            for line in error.lines():
                log.error("configuration refused, the old one goes on", problem=line)
            return
        if settings.listen != self._settings.listen or settings.state_dir != self._settings.state_dir:
            log.warning("listen and state_dir change with a restart only")
        self._settings = settings
        logsetup.set_up(settings.log_level, settings.log_format)
        self._store.reload(settings.store)
        await self._runner.reload(_intervals(settings.metrics))
        await self._readers.reload(settings.logs, redactor)
        await self._delivery.reopen()
        log.info("configuration reloaded")


def _intervals(given: Intervals) -> dict[str, float]:
    return {name: float(given.get(name, interval)) for name, interval in DEFAULT_INTERVALS.items()}
