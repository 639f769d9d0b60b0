"""Periods: aligned, without drift, overruns counted, failures stated, the slow kept aside."""

import asyncio
from collections.abc import Sequence

import pytest

from fairlead.core.sample import MetricType, Tick
from fairlead.core.telemetry import Telemetry
from fairlead.metrics import runner as runner_module
from fairlead.metrics.collector import Collector, Roots
from fairlead.metrics.runner import MetricsRunner
from tests.support.samples import NOON_NS, SECOND_NS, ManualClock, layout, tick
from tests.support.waiting import until

LAYOUT = layout("fake", ("node_load1", MetricType.GAUGE, {}))


class Fake:
    """A collector whose failures and slowness a test steers."""

    aside = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.error: OSError | None = None
        self.closed = False

    def collect(self, time_ns: int) -> Tick:
        if self.error:
            raise self.error
        return tick(self.name, time_ns, LAYOUT, [1.0])

    def close(self) -> None:
        self.closed = True


class Bench:
    """A runner over fakes and a manual clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, intervals: dict[str, float], wall_ns: int = NOON_NS) -> None:
        self.fakes: dict[str, Fake] = {}
        self.clock, self.telemetry = ManualClock(wall_ns), Telemetry()
        self.delivered: list[Sequence[Tick]] = []
        monkeypatch.setattr(runner_module, "build_collectors", self.build)
        self.runner = MetricsRunner(intervals, Roots(), self.clock, self.telemetry, self.delivered.append)

    def build(self, names: Sequence[str], _: Roots) -> list[Collector]:
        made = [Fake(name) for name in names]
        self.fakes |= {fake.name: fake for fake in made}
        return list(made)

    def times(self, name: str) -> list[float]:
        return [(one.time_ns - NOON_NS) / SECOND_NS for ticks in self.delivered for one in ticks if one.collector == name]

    async def __aenter__(self) -> "Bench":
        self.task = asyncio.create_task(self.runner.run())
        await self.clock.settle()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self.runner.close()


async def test_ticks_are_aligned_and_delivered_together(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Bench(monkeypatch, {"cpu": 1.0, "memory": 5.0}, NOON_NS + 300_000_000) as bench:
        for _ in range(57):
            await bench.clock.advance(0.1)
    assert bench.times("cpu") == pytest.approx([0.3, 1, 2, 3, 4, 5, 6])
    assert bench.times("memory") == pytest.approx([0.3, 5])
    assert [len(ticks) for ticks in bench.delivered].count(2) == 2


async def test_overrun_ticks_are_counted_and_not_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Bench(monkeypatch, {"cpu": 1.0}) as bench:
        await bench.clock.advance(1.0)
        await bench.clock.advance(4.5)
        await bench.clock.advance(0.5)
    assert bench.times("cpu") == pytest.approx([0, 1, 5.5, 6])
    assert bench.telemetry.counter("fairlead_metrics_overrun_ticks_total", "", "collector").value("cpu") == 3


async def test_a_clock_that_steps_back_does_not_stop_the_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Bench(monkeypatch, {"cpu": 1.0}) as bench:
        await bench.clock.advance(1.0)
        bench.clock.step(-3600)
        for _ in range(4):
            await bench.clock.advance(1.0)
    assert bench.times("cpu")[-1] < -3590
    assert len(bench.times("cpu")) >= 4


async def test_a_failing_collector_is_counted_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Bench(monkeypatch, {"cpu": 1.0, "disk": 1.0}) as bench:
        bench.fakes["cpu"].error = OSError(5, "Input/output error")
        for _ in range(5):
            await bench.clock.advance(1.0)
        stale = bench.runner.stale(bench.clock.wall_ns())
        bench.fakes["cpu"].error = None
        await bench.clock.advance(1.0)
        assert bench.runner.stale(bench.clock.wall_ns()) == {}
    assert bench.telemetry.counter("fairlead_metrics_failed_ticks_total", "", "collector").value("cpu") == 5
    assert len(bench.times("disk")) == 7
    assert stale == {"cpu": 5.0}


async def test_reload_changes_periods_and_closes_what_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Bench(monkeypatch, {"cpu": 1.0, "memory": 5.0}) as bench:
        await bench.runner.reload({"cpu": 2.0, "load": 1.0})
        for _ in range(4):
            await bench.clock.advance(1.0)
        assert bench.fakes["memory"].closed
        assert [one.collector for one in bench.runner.latest()] == ["cpu", "load"]
    assert bench.times("cpu") == pytest.approx([0, 2, 4])
    assert bench.times("load") == pytest.approx([0, 1, 2, 3, 4])


async def test_the_slow_runs_aside_and_is_not_started_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fake, "aside", True)
    async with Bench(monkeypatch, {"filesystem": 1.0}) as bench:
        await until(lambda: bench.delivered, "the sample")
    assert bench.times("filesystem") == [0.0]
