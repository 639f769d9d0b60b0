"""The wall clock steps by hours, back and forth, under an agent that ships: nothing is lost, nothing waits for hours, no age is negative.

The kernel's own clock cannot be stepped for one process, so the agent's parts get theirs as a parameter. Times of files stay the kernel's:
an agent that began ahead of them and is stepped back sees what it would see on a host whose clock is stepped back.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest

from fairlead.core.clock import SystemClock
from fairlead.core.context import RunContext
from fairlead.core.errors import SinkUnavailable
from fairlead.core.readiness import Readiness
from fairlead.core.record import Batch
from fairlead.core.sink import Keyed, Kind
from fairlead.core.spool import Spool
from fairlead.core.telemetry import Telemetry
from fairlead.core.units import Duration
from fairlead.logs import follow
from fairlead.logs.checkpoint import CheckpointFile
from fairlead.logs.delivery import Delivery
from fairlead.logs.heartbeat import Heartbeat
from fairlead.logs.pipeline import Pipeline
from fairlead.logs.redact import Redactor
from fairlead.logs.settings import LogInput, Multiline
from fairlead.logs.ship import Shipper
from tests.support.waiting import until

HOUR_S = 3600.0


class SteppedClock(SystemClock):
    """The kernel's clocks, the wall clock ahead by `ahead_s`."""

    def __init__(self, ahead_s: float = 0.0) -> None:
        self.ahead_s = ahead_s

    def wall_ns(self) -> int:
        return super().wall_ns() + int(self.ahead_s * 1e9)


class Taking:
    """A sink that keeps what it is given; while it is `away` it takes nothing."""

    name = "taking"

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.ends: dict[str, int] = {}
        self.heartbeats: list[dict[str, object]] = []
        self.away = False

    async def start(self) -> None: ...

    async def reopen(self) -> None: ...

    async def close(self) -> None: ...

    async def send(self, batches: Sequence[Batch]) -> None:
        self._check()
        for batch in batches:
            for lines in batch.lines:
                for record in map(orjson.loads, lines):
                    assert self.ends.get(batch.source, 0) == record["log.offset"], "a gap, or a repeat"
                    self.ends[batch.source] = record["fairlead.end"]
                    self.texts.append(record["message"])
            for plain in batch.records:
                assert self.ends.get(batch.source, 0) == plain.offset, "a gap, or a repeat"
                self.ends[batch.source] = plain.end
                self.texts.append(plain.message)

    async def send_records(self, kind: Kind, records: Sequence[Keyed]) -> None:
        self._check()
        self.heartbeats += [orjson.loads(record.body) for record in records]

    def _check(self) -> None:
        if self.away:
            raise SinkUnavailable("away")


class Agent:
    """The parts of an agent that ships a folder's logs."""

    def __init__(self, folder: Path, sink: Taking, clock: SteppedClock, multiline: Multiline | None) -> None:
        context = RunContext("host", "agent", clock, Telemetry(), Readiness())
        self.checkpoint = CheckpointFile(folder, clock, context.readiness)
        self.spool = Spool(folder / "spool", 16 << 20, clock=clock)
        self.spool.open()
        delivery = Delivery(sink, clock, context.telemetry, context.readiness)
        self.shipper = Shipper(delivery, sink, "json", self.checkpoint, self.spool, context, grace_s=0.3)
        self.pipeline = Pipeline(
            [LogInput(paths=[f"{folder}/*.log"], multiline=multiline)], self.shipper.send, self.checkpoint.positions(), context,
            redactor=Redactor([]), away=self.shipper.away, cpu_share=1.0,
        )  # fmt: skip
        self.heartbeat = Heartbeat(self.shipper, context, 0.1, self._measure)

    def _measure(self) -> dict[str, float]:
        lag_bytes, lag_s = self.pipeline.lag()
        return {"lag_bytes": lag_bytes, "lag_s": lag_s, "spool_age_s": self.spool.oldest_age_s}

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for part in (self.pipeline.run(), self.shipper.run(), self.checkpoint.run(), self.heartbeat.run()):
                group.create_task(part)

    def close(self) -> None:
        self.spool.close()
        self.checkpoint.close()


@asynccontextmanager
async def agent(folder: Path, sink: Taking, clock: SteppedClock, multiline: Multiline | None = None) -> AsyncIterator[Agent]:
    """Run an agent over the logs of a folder."""
    made = await asyncio.to_thread(Agent, folder, sink, clock, multiline)
    running = asyncio.create_task(made.run())
    try:
        yield made
        assert not running.done(), running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await made.shipper.close()
        await asyncio.to_thread(made.close)


class Log:
    """A log that is written and rotated."""

    def __init__(self, folder: Path) -> None:
        self.file, self.written, self._rotations = folder / "app.log", list[str](), 0
        self.file.touch()

    def write(self, count: int) -> None:
        fresh = [f"line {len(self.written) + i}" for i in range(count)]
        self.written += fresh
        with self.file.open("a") as stream:
            stream.writelines(f"{text}\n" for text in fresh)

    def rotate(self) -> None:
        self._rotations += 1
        self.file.rename(self.file.with_name(f"app.log.{self._rotations}"))
        self.file.touch()


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "LINGER_S", 0.15)
    monkeypatch.setattr(follow, "SETTLE_NS", 50_000_000)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """An empty log."""
    return Log(tmp_path)


def check_ages(sink: Taking) -> None:
    """Fail for an age below 0."""
    numbers = [beat["fairlead.heartbeat"] for beat in sink.heartbeats if "fairlead.heartbeat" in beat]
    assert numbers
    for told in numbers:
        assert isinstance(told, dict)
        assert min(told["lag_s"], told["spool_age_s"], told["lag_bytes"]) >= 0, told


async def test_nothing_is_lost_when_the_clock_steps_between_rotations(tmp_path: Path, log: Log) -> None:
    sink, clock = Taking(), SteppedClock()
    async with agent(tmp_path, sink, clock):
        for ahead_h in (3, -2, 5, -6, 0):
            clock.ahead_s = ahead_h * HOUR_S
            log.write(20)
            await until(lambda: len(sink.texts) == len(log.written), "the lines")
            log.rotate()
        log.write(20)
        await until(lambda: len(sink.texts) == len(log.written), "the last lines")
    assert sorted(sink.texts) == sorted(log.written)
    check_ages(sink)


@pytest.mark.parametrize(("before_h", "after_h"), [(3, 0), (-3, 0), (0, -3), (0, 3)])
async def test_what_was_rotated_before_it_was_seen_is_read_when_the_clock_has_stepped(
    tmp_path: Path, log: Log, before_h: int, after_h: int
) -> None:
    sink, clock = Taking(), SteppedClock(before_h * HOUR_S)
    log.write(5)
    async with agent(tmp_path, sink, clock):
        await until(lambda: len(sink.texts) == 5, "the first lines")
        clock.ahead_s = after_h * HOUR_S
        for _ in range(3):
            # Without a pause: some of these come and go between two looks.
            log.rotate()
            log.write(5)
        await until(lambda: len(sink.texts) == len(log.written), "all lines")
    assert sorted(sink.texts) == sorted(log.written)


async def test_nothing_is_lost_when_the_clock_steps_in_an_outage(tmp_path: Path, log: Log) -> None:
    sink, clock = Taking(), SteppedClock()
    async with agent(tmp_path, sink, clock) as running:
        log.write(5)
        await until(lambda: len(sink.texts) == 5, "the first lines")
        sink.away = True
        log.write(5)
        await until(running.shipper.away, "the agent to notice")
        clock.ahead_s = -5 * HOUR_S
        for _ in range(2):
            seen = running.spool.frames
            log.write(5)
            log.rotate()
            await until(lambda: running.spool.frames > seen, "what was rotated away in the spool")  # noqa: B023 - awaited in the round
        log.write(5)
        assert running.spool.oldest_age_s >= 0
        clock.ahead_s = 5 * HOUR_S
        sink.away = False
        await running.shipper.reopen()
        await until(lambda: len(sink.texts) == len(log.written), "all lines")
        seen = len(sink.heartbeats)
        await until(lambda: len(sink.heartbeats) > seen, "a heartbeat")
    assert sorted(sink.texts) == sorted(log.written)
    check_ages(sink)


async def test_positions_hold_when_the_clock_stepped_while_no_agent_lived(tmp_path: Path, log: Log) -> None:
    sink = Taking()
    for ahead_h in (4, -4, 30 * 24, 0):
        log.write(10)
        async with agent(tmp_path, sink, SteppedClock(ahead_h * HOUR_S)):
            await until(lambda: len(sink.texts) == len(log.written), "the lines")
        log.rotate()
    assert sorted(sink.texts) == sorted(log.written)


@pytest.mark.parametrize("ahead_h", [3, -3])
async def test_a_record_that_waits_for_more_lines_comes_in_time_when_the_clock_steps(tmp_path: Path, log: Log, ahead_h: int) -> None:
    sink, clock = Taking(), SteppedClock()
    multiline = Multiline(start="^line", timeout=Duration(0.3))
    async with agent(tmp_path, sink, clock, multiline):
        log.write(3)
        await until(lambda: len(sink.texts) == 2, "what is complete")
        clock.ahead_s = ahead_h * HOUR_S
        await until(lambda: len(sink.texts) == 3, "the last one")
    assert sink.texts == log.written
