"""Ticks, batches and clocks as tests need them."""

import asyncio
import heapq
from array import array
from collections.abc import Sequence

from fairlead.core.record import Batch, Position, Record
from fairlead.core.sample import Family, Layout, MetricType, Series, Tick
from fairlead.store.interface import Intake, Store

SECOND_NS = 1_000_000_000
NOON_NS = 1_767_268_800 * SECOND_NS
"""2026-01-01T12:00:00Z."""


class ManualClock:
    """A clock that a test moves: `advance` moves both clocks and wakes the sleepers that are due."""

    def __init__(self, wall_ns: int = NOON_NS) -> None:
        self._wall_ns, self._monotonic_s = wall_ns, 1000.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def wall_ns(self) -> int:
        return self._wall_ns

    def monotonic(self) -> float:
        return self._monotonic_s

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._monotonic_s + seconds, id(future), future))
        await future

    def step(self, seconds: float) -> None:
        """Step the wall clock only, as an administrator or NTP does."""
        self._wall_ns += int(seconds * SECOND_NS)

    async def advance(self, seconds: float) -> None:
        """Let time pass, and whoever slept act."""
        self._wall_ns += round(seconds * SECOND_NS)
        self._monotonic_s += seconds
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= self._monotonic_s + 1e-9:
            _, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                future.set_result(None)
            await self.settle()

    async def settle(self) -> None:
        """Let everything that is ready run."""
        for _ in range(20):
            await asyncio.sleep(0)


def layout(collector: str, *series: tuple[str, MetricType, dict[str, str]]) -> Layout:
    """Return a layout of series."""
    return Layout(tuple(Series(Family(name, kind, f"Help of {collector}."), tuple(labels.items())) for name, kind, labels in series))


def tick(collector: str, time_ns: int, of: Layout, values: Sequence[float]) -> Tick:
    """Return a tick."""
    return Tick(collector, time_ns, of, array("d", values))


def batch(
    source: str, start: int, messages: Sequence[str], path: str = "/var/log/app.log", level: str | None = None, time_ns: int = NOON_NS
) -> Batch:
    """Return a batch of lines of ten bytes and more, a second apart."""
    records, offset = [], start
    for i, message in enumerate(messages):
        end = offset + len(message.encode()) + 1
        records.append(Record(time_ns + i * SECOND_NS, message, offset, end, level))
        offset = end
    return Batch(source, path, start, offset, time_ns, records, Position(source, path, offset), "host", "agent")


def put(store: Store, batches: Sequence[Batch], ticks: Sequence[Tick] = (), host: str = "host") -> None:
    """Store batches, and ticks of a host."""
    store.write(Intake(batches=list(batches), ticks=[(host, list(ticks))] if ticks else []))
