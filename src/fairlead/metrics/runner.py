"""Runs the collectors, each at its own period.

Ticks are aligned: a collector of period P is due whenever the wall clock passes a multiple of P, so samples of different
collectors and hosts meet, and nothing drifts. A tick whose time has passed before it could run is counted and left out,
never queued up. A clock that steps only moves the next due time.
"""

import asyncio
import math
from collections.abc import Callable, Sequence

from fairlead.core.clock import Clock
from fairlead.core.logsetup import Log
from fairlead.core.sample import Tick
from fairlead.core.telemetry import Telemetry
from fairlead.metrics.collector import Collector, Roots
from fairlead.metrics.registry import build_collectors

log = Log("metrics")
Deliver = Callable[[Sequence[Tick]], None]
_STALE_PERIODS = 3
_STEP_S = 2.0


class MetricsRunner:
    """One timer for all collectors; those due at the same time are delivered in one call, on the loop."""

    def __init__(self, intervals: dict[str, float], roots: Roots, clock: Clock, telemetry: Telemetry, deliver: Deliver) -> None:
        self._roots, self._clock, self._deliver = roots, clock, deliver
        self._intervals = dict(intervals)
        self._collectors = {collector.name: collector for collector in build_collectors(intervals, roots)}
        self._due_ns: dict[str, int] = {}
        self._latest: dict[str, Tick] = {}
        self._failing: set[str] = set()
        self._aside: dict[str, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self._overruns = telemetry.counter(
            "fairlead_metrics_overrun_ticks_total", "Ticks left out because their time had passed.", "collector"
        )
        self._failures = telemetry.counter("fairlead_metrics_failed_ticks_total", "Ticks whose collector failed.", "collector")
        self._ticks = telemetry.counter("fairlead_metrics_ticks_total", "Ticks sampled.", "collector")

    @property
    def intervals(self) -> dict[str, float]:
        """Seconds by collector, as they are in force."""
        return dict(self._intervals)

    async def run(self) -> None:
        """Sample until cancelled; each collector once at the start."""
        self._sample(list(self._intervals), self._clock.wall_ns())
        try:
            while True:
                await self._sleep_until_due()
                now_ns = self._clock.wall_ns()
                due = [name for name, due_ns in self._due_ns.items() if due_ns <= now_ns]
                self._count_overruns(due, now_ns)
                self._sample(due, now_ns)
        finally:
            for task in self._aside.values():
                task.cancel()
            await asyncio.gather(*self._aside.values(), return_exceptions=True)

    def latest(self) -> list[Tick]:
        """Return the newest tick of each collector that has one, in the order of the registry's keys asked for."""
        return [self._latest[name] for name in self._intervals if name in self._latest]

    def stale(self, now_ns: int) -> dict[str, float]:
        """Return the collectors without a good tick for three periods, with the seconds since their last."""
        found = {}
        for name, interval in self._intervals.items():
            tick = self._latest.get(name)
            age_s = (now_ns - tick.time_ns) / 1e9 if tick else math.inf
            if tick and age_s > max(_STALE_PERIODS * interval, _STEP_S):
                found[name] = age_s
        return found

    async def reload(self, intervals: dict[str, float]) -> None:
        """Take other periods; collectors that go are closed, those that come sample at once."""
        for name in self._intervals.keys() - intervals.keys():
            self._collectors.pop(name).close()
            self._latest.pop(name, None)
            self._due_ns.pop(name, None)
        fresh = [name for name in intervals if name not in self._collectors]
        self._collectors |= {collector.name: collector for collector in build_collectors(fresh, self._roots)}
        self._intervals = dict(intervals)
        self._sample(fresh, self._clock.wall_ns())
        now_ns = self._clock.wall_ns()
        self._due_ns = {name: _next_multiple(now_ns, interval) for name, interval in intervals.items()}
        self._changed.set()

    def close(self) -> None:
        """Close every collector."""
        for collector in self._collectors.values():
            collector.close()

    async def _sleep_until_due(self) -> None:
        """Wait in steps of at most two seconds, so that a stepped clock is noticed; wakes at a reload."""
        while True:
            now_ns = self._clock.wall_ns()
            for name, due_ns in self._due_ns.items():
                period_ns = int(self._intervals[name] * 1e9)
                if due_ns > now_ns + period_ns:
                    self._due_ns[name] = _next_multiple(now_ns, self._intervals[name])
            wait_s = min((due_ns - now_ns for due_ns in self._due_ns.values()), default=int(_STEP_S * 1e9)) / 1e9
            if wait_s <= 0:
                return
            self._changed.clear()
            sleep = asyncio.ensure_future(self._clock.sleep(min(wait_s, _STEP_S)))
            changed = asyncio.ensure_future(self._changed.wait())
            try:
                await asyncio.wait((sleep, changed), return_when=asyncio.FIRST_COMPLETED)
            finally:
                sleep.cancel()
                changed.cancel()

    def _count_overruns(self, due: Sequence[str], now_ns: int) -> None:
        for name in due:
            missed = (now_ns - self._due_ns[name]) // int(self._intervals[name] * 1e9)
            if missed > 0:
                self._overruns.add(missed, name)

    def _sample(self, names: Sequence[str], now_ns: int) -> None:
        ticks = []
        for name in names:
            self._due_ns[name] = _next_multiple(now_ns, self._intervals[name])
            collector = self._collectors[name]
            if collector.aside:
                self._start_aside(collector, now_ns)
            elif tick := self._collect(collector, now_ns):
                ticks.append(tick)
        if ticks:
            self._deliver(ticks)

    def _collect(self, collector: Collector, now_ns: int) -> Tick | None:
        try:
            tick = collector.collect(now_ns)
        except Exception as error:
            self._failures.add(1, collector.name)
            if collector.name not in self._failing:
                self._failing.add(collector.name)
                log.warning("collector failed", collector=collector.name, error=error)
            return None
        if collector.name in self._failing:
            self._failing.discard(collector.name)
            log.info("collector works again", collector=collector.name)
        self._ticks.add(1, collector.name)
        self._latest[collector.name] = tick
        return tick

    def _start_aside(self, collector: Collector, now_ns: int) -> None:
        running = self._aside.get(collector.name)
        if running and not running.done():
            self._overruns.add(1, collector.name)
            return
        self._aside[collector.name] = asyncio.create_task(self._collect_aside(collector, now_ns), name=f"collect {collector.name}")

    async def _collect_aside(self, collector: Collector, now_ns: int) -> None:
        if tick := await asyncio.to_thread(self._collect, collector, now_ns):
            self._deliver([tick])


def _next_multiple(now_ns: int, interval_s: float) -> int:
    period_ns = int(interval_s * 1e9)
    return (now_ns // period_ns + 1) * period_ns
