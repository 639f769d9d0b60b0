"""The collector's Kafka source against a real broker: what it hands over, and where it goes on."""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import orjson
import pytest

from fairlead.core.clock import SystemClock
from fairlead.core.errors import SinkUnavailable
from fairlead.core.readiness import Readiness
from fairlead.core.record import Batch, Position, Record, to_ecs
from fairlead.core.telemetry import Telemetry
from fairlead.logs.collector import kafka_source
from fairlead.logs.collector.decode import Poison
from fairlead.logs.collector.kafka_source import KafkaSource
from fairlead.logs.collector.settings import KafkaSourceSettings
from fairlead.store.interface import Intake
from tests.rig.kafka import Kafka
from tests.support.samples import NOON_NS
from tests.support.waiting import until

pytestmark = pytest.mark.real
LOG = [("fairlead-kind", b"log")]


class Desk:
    """Keeps what is handed over, as a store would."""

    def __init__(self) -> None:
        self.intake, self.poison = Intake(), list[Poison]()
        self.refusals = 0

    async def take(self, intake: Intake, poison: Sequence[Poison]) -> None:
        if self.refusals:
            self.refusals -= 1
            raise SinkUnavailable("full", 0.01)
        self.intake.add(intake)
        self.poison += poison

    def messages(self) -> list[str]:
        return [record.message for batch in self.intake.batches for record in batch.records]

    def stored(self) -> Mapping[tuple[str, int], int]:
        return self.intake.consumed


@asynccontextmanager
async def reading(kafka: Kafka, desk: Desk, *topics: str, group: str = "") -> AsyncIterator[Readiness]:
    readiness = Readiness()
    settings = KafkaSourceSettings(brokers=[kafka.address], topics=list(topics), group=group or topics[0])
    source = KafkaSource(settings, desk.take, desk.stored, SystemClock(), Telemetry(), readiness)
    task = asyncio.create_task(source.run())
    try:
        yield readiness
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def line(text: str, offset: int = 0) -> bytes:
    batch = Batch("s", "/a.log", 0, 0, NOON_NS, [], Position("s", "/a.log", 0), "host", "agent")
    return orjson.dumps(to_ecs(batch, Record(NOON_NS, text, offset, offset + len(text) + 1)))


async def test_a_topic_that_is_missing_keeps_no_other_waiting(kafka: Kafka) -> None:
    topic, desk = kafka.new_topic("there"), Desk()
    await asyncio.to_thread(kafka.produce, topic, line("one"), key=b"s", headers=LOG)
    async with reading(kafka, desk, topic, f"{topic}-missing"):
        await until(lambda: desk.messages() == ["one"], "the line")


async def test_bare_lines_are_counted_by_kafkas_offsets_and_what_is_no_record_is_poison(kafka: Kafka) -> None:
    topic, desk = kafka.new_topic("mixed"), Desk()
    heartbeat = [("fairlead-kind", b"heartbeat")]

    def produce() -> None:
        kafka.produce(topic, b"a bare line", b"caf\xc3\xa9 \xff", key=b"s")
        kafka.produce(topic, line("a record"), b'{"fairlead.source": 5}', key=b"s", headers=LOG)
        kafka.produce(topic, b"no heartbeat", key=b"s", headers=heartbeat)
        kafka.produce(topic, b"{}", key=b"s", headers=[("fairlead-kind", b"other")])

    await asyncio.to_thread(produce)
    async with reading(kafka, desk, topic):
        await until(lambda: list(desk.stored().values()) == [6], "all records")
    assert desk.messages() == ["a bare line", r"café \xff", "a record"]
    bare = desk.intake.batches[0]
    assert re.fullmatch(rf"kafka:{topic}@[0-9a-f]{{32}}/0", bare.source)
    assert (bare.path, bare.position.kind, bare.records[0].offset, bare.records[0].end) == (f"kafka:{topic}", "kafka", 0, 1)
    assert [one.place for one in desk.poison] == [f"{topic}/0"] * 3
    assert [one.value for one in desk.poison] == [b'{"fairlead.source": 5}', b"no heartbeat", b"{}"]


async def test_it_goes_on_where_the_store_stands_whatever_the_group_says(kafka: Kafka) -> None:
    topic, desk = kafka.new_topic("again"), Desk()
    await asyncio.to_thread(kafka.produce, topic, *(line(f"line {i}", 10 * i) for i in range(3)), key=b"s", headers=LOG)
    async with reading(kafka, desk, topic):
        await until(lambda: len(desk.messages()) == 3, "the lines")
    behind = Desk()
    behind.intake.consumed = {(topic, 0): 1}
    async with reading(kafka, behind, topic):
        await until(lambda: behind.messages() == ["line 1", "line 2"], "the lines that this store does not have")
    fresh = Desk()
    async with reading(kafka, fresh, topic):
        await until(lambda: len(fresh.messages()) == 3, "all lines, as the store is new")


async def test_a_topic_that_was_made_anew_is_read_from_its_beginning(kafka: Kafka) -> None:
    topic, desk = kafka.new_topic("anew"), Desk()
    await asyncio.to_thread(kafka.produce, topic, line("old", 0), b"bare old", key=b"s")
    async with reading(kafka, desk, topic):
        await until(lambda: len(desk.messages()) == 2, "the lines of the first topic")

    def make_anew() -> None:
        kafka.delete_topic(topic)
        kafka.create_topic(topic)
        kafka.produce(topic, *(line(f"new {i}", 10 * i) for i in range(3)), b"bare new", key=b"s")

    await asyncio.to_thread(make_anew)
    async with reading(kafka, desk, topic):
        await until(lambda: desk.messages()[2:] == ["new 0", "new 1", "new 2", "bare new"], "all lines of the second")
    assert sorted(desk.stored().values()) == [2, 4]
    assert len({batch.source for batch in desk.intake.batches if batch.source != "s"}) == 2


async def test_a_topic_that_was_made_anew_unnoticed_is_read_from_its_beginning(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_source, "_TOPICS_S", 0.5)
    topic, desk = kafka.new_topic("quick"), Desk()
    await asyncio.to_thread(kafka.produce, topic, line("old"), key=b"s")

    def make_anew() -> None:
        kafka.delete_topic(topic)
        kafka.create_topic(topic)
        kafka.produce(topic, *(line(f"new {i}", 10 * i) for i in range(5)), key=b"s")

    async with reading(kafka, desk, topic):
        await until(lambda: desk.messages() == ["old"], "the line of the first topic")
        await asyncio.to_thread(make_anew)
        await until(lambda: set(desk.messages()) == {"old", *(f"new {i}" for i in range(5))}, "all lines of the second")


async def test_a_store_that_takes_nothing_is_waited_for(kafka: Kafka) -> None:
    topic, desk = kafka.new_topic("full"), Desk()
    desk.refusals = 5
    await asyncio.to_thread(kafka.produce, topic, line("one"), key=b"s", headers=LOG)
    async with reading(kafka, desk, topic):
        await until(lambda: desk.messages() == ["one"], "the line")
    assert desk.refusals == 0


def told(caplog: pytest.LogCaptureFixture, message: str) -> list[str]:
    """Return the problems that the log tells under a message."""
    return [record.fields["problem"] for record in caplog.records if record.getMessage() == message and hasattr(record, "fields")]


async def test_a_topic_that_is_missing_is_told_with_what_to_do_until_it_is_made(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(kafka_source, "_TOPICS_S", 0.5)
    there, missing = kafka.new_topic("there"), f"missing-{uuid.uuid4().hex[:8]}"
    problem = f"source.kafka: topic {missing} does not exist; create it, or give auto.create.topics.enable"
    async with reading(kafka, desk := Desk(), there, missing) as readiness:
        await until(lambda: readiness.problems() == {"kafka": problem}, "the missing topic to be told")
        await asyncio.to_thread(kafka.create_topic, missing)
        await until(lambda: readiness.report()[0], "all to be well")
        await asyncio.to_thread(kafka.produce, missing, line("one"), key=b"s", headers=LOG)
        await until(lambda: desk.messages() == ["one"], "the line of the topic that was missing")
    assert told(caplog, "a topic cannot be read") == [problem]


async def test_a_broker_that_died_is_told_once_until_it_is_back(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(kafka_source, "_TOPICS_S", 0.2)
    monkeypatch.setattr(kafka_source, "_PAUSE_S", 0.2)
    topic = kafka.new_topic("died")
    await asyncio.to_thread(kafka.produce, topic, line("one"), key=b"s", headers=LOG)
    async with reading(kafka, desk := Desk(), topic) as readiness:
        await until(lambda: desk.messages() == ["one"] and readiness.report()[0], "the first line")
        await asyncio.to_thread(kafka.kill)
        try:
            await until(lambda: readiness.problems()["kafka"].endswith(": Connection refused"), "the loss to be told")
            assert not readiness.report()[0]
        finally:
            await asyncio.to_thread(kafka.restart)
        await asyncio.to_thread(kafka.produce, topic, line("two", 4), key=b"s", headers=LOG)
        await until(lambda: desk.messages() == ["one", "two"] and readiness.report()[0], "all to be well", 30)
    assert len(told(caplog, "kafka unavailable")) == 1
