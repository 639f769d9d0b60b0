"""Reads agents' records from Kafka as a member of a consumer group, and hands each round over whole before it reads on.

Where the store keeps the offsets itself (SQLite: in the transaction that stores the lines), it alone says where to go on, and a store
that is new begins at the earliest record. Else the group's committed offsets do, and the store passes over what it has.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from typing import Any

import aiokafka
import msgspec
from aiokafka.errors import KafkaError

import fairlead.net.kafka.lost_connection  # noqa: F401 - a write on a lost connection is told as one
from fairlead.core.clock import Clock
from fairlead.core.errors import SinkUnavailable
from fairlead.core.logsetup import Log
from fairlead.core.readiness import Readiness
from fairlead.core.telemetry import Telemetry
from fairlead.logs.collector.decode import Decoder, Poison, add_bare_line
from fairlead.logs.collector.intake import Take
from fairlead.logs.collector.settings import KafkaSourceSettings
from fairlead.net.kafka.connection import REQUEST_TIMEOUT_S, LastComplaint, client_options
from fairlead.net.kafka.consumer import BatchConsumer, Piece, Record
from fairlead.store.interface import Intake

log = Log("collect")
SESSION_TIMEOUT_S = 10.0
HEARTBEAT_S = 1.0
"""How soon a member learns of another that came or went: until it has, the group stands still."""
KIND = b"fairlead-kind"
_HEADERS = itemgetter(4)
_ROUND_PIECES = 4
_FETCH_BYTES = 4 << 20
_FETCH_WAIT_S = 0.05
"""aiokafka asks a broker for one thing at a time: while it waits for partitions that have nothing, it does not ask for those that have."""
_POLL_S = 0.5
_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 15.0
_TOPICS_S = 5.0
"""How soon a topic is noticed that was missing, or made anew, and a cluster that is away."""
_LAST_COMMIT_S = 2.0
_MAX_POLL_S = 3600.0
"""A store that takes nothing for so long still keeps its partitions."""


Place = tuple[str, int]
"""Under what the store keeps the offset of a partition: its topic with the topic's id, and its number."""


class _Assigned(aiokafka.ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Goes on where the store stands. A topic that was deleted and made anew is another one: it is read from its beginning."""

    def __init__(self, consumer: BatchConsumer, topics: Sequence[str], stored: Callable[[], Mapping[Place, int]] | None) -> None:
        self._consumer, self._topics, self._stored = consumer, topics, stored
        self._ids: dict[str, str] = {}

    def place(self, partition: Any) -> Place:  # noqa: ANN401 - aiokafka has no types
        """Return under what the offset of a partition is kept."""
        topic_id = self._ids.get(partition.topic)
        return f"{partition.topic}@{topic_id}" if topic_id else partition.topic, partition.partition

    async def on_partitions_revoked(self, revoked: Any) -> None:  # noqa: ANN401 - aiokafka has no types
        """Nothing: each round is stored before the next is read."""

    async def on_partitions_assigned(self, assigned: Any) -> None:  # noqa: ANN401 - aiokafka has no types
        """Set each partition to the offset that the store keeps of it, or to its beginning."""
        log.info("partitions assigned", partitions=",".join(f"{p.topic}/{p.partition}" for p in sorted(assigned)) or "none")
        if not assigned:
            return
        while True:
            try:
                self._ids |= await self._consumer.topic_ids(self._topics)
                break
            except (KafkaError, OSError):
                await asyncio.sleep(_PAUSE_S)
        if self._stored is None:
            return
        stored = await asyncio.to_thread(self._stored)
        with_id = {topic.rpartition("@")[0] for topic, _ in stored}
        fresh = []
        for partition in assigned:
            offset = stored.get(self.place(partition))
            if offset is None and partition.topic not in with_id:
                offset = stored.get((partition.topic, partition.partition))
            if offset is None:
                fresh.append(partition)
            else:
                self._consumer.seek(partition, offset)
        if fresh:
            await self._consumer.seek_to_beginning(*fresh)

    async def compare(self, ids: Mapping[str, str]) -> None:
        """Begin topics anew that were made anew so quickly that nobody noticed, by the ids that topics have now."""
        anew = {topic for topic, topic_id in ids.items() if self._ids.get(topic, topic_id) != topic_id}
        self._ids |= ids
        if partitions := [partition for partition in self._consumer.assignment() if partition.topic in anew]:
            log.warning("topic was deleted and made anew, it is read from its beginning", topics=",".join(sorted(anew)))
            await self._consumer.seek_to_beginning(*partitions)


class KafkaSource:
    """`take` stores an intake; `stored` returns the offsets that the store keeps, None where it keeps none."""

    def __init__(
        self,
        settings: KafkaSourceSettings,
        take: Take,
        stored: Callable[[], Mapping[Place, int]] | None,
        clock: Clock,
        telemetry: Telemetry,
        readiness: Readiness,
    ) -> None:
        self._settings, self._take, self._stored, self._clock = settings, take, stored, clock
        self._options = client_options(settings, "source.kafka")
        self._decoder = Decoder(clock)
        self._problem, self._away = "not connected yet", False
        self._store_problem = ""
        self._records = telemetry.counter("fairlead_collect_kafka_records_total", "Records read from Kafka and stored.", "topic")
        self._errors = telemetry.counter("fairlead_collect_kafka_errors_total", "Times that the connection was made anew.")
        readiness.add("kafka", lambda: self._problem or self._store_problem)

    async def run(self) -> None:
        """Read until cancelled."""
        self._complaint = LastComplaint("source.kafka", self._options)
        pause_s = _PAUSE_S
        try:
            while True:
                try:
                    await self._consume()
                except (KafkaError, OSError) as error:
                    self._errors.add()
                    self._tell_away(error)
                    await self._clock.sleep(pause_s)
                    pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                else:
                    pause_s = _PAUSE_S
        finally:
            self._complaint.detach()

    def _tell_away(self, error: Exception) -> None:
        """Take note that no broker answers. It is told once: the reason may change with each broker that is asked."""
        reason = self._complaint.take() or str(error) or "no answer in time"
        problem = f"source.kafka: {reason}"
        if not self._away:
            log.warning("kafka unavailable", problem=problem)
        self._problem, self._away = problem, True

    def _tell(self, problem: str) -> None:
        """Take note of what keeps topics from being read, or that nothing does; a change is told."""
        if problem:
            problem = f"source.kafka: {problem}"
            if problem != self._problem:
                log.warning("a topic cannot be read", problem=problem)
        elif self._problem:
            log.info("reading from kafka", topics=",".join(self._settings.topics), group=self._settings.group)
        self._problem, self._away = problem, False

    async def _consume(self) -> None:
        topics, consumer = self._settings.topics, self._make_consumer()
        assigned = _Assigned(consumer, topics, self._stored)
        asking: asyncio.Task[dict[str, str]] | None = None
        ask_due_s = self._clock.monotonic()
        try:
            await consumer.start()
            # Behind the start, which would wait for topics that are missing, and keep the others waiting.
            consumer.subscribe(topics, listener=assigned)
            while True:
                if asking is None and self._clock.monotonic() >= ask_due_s:
                    # Beside the reading: a broker that is frozen would hold it up, and others may have something.
                    asking = asyncio.create_task(consumer.topic_ids(topics), name="topic ids")
                elif asking is not None and asking.done():
                    await self._learn(consumer, assigned, asking)
                    asking, ask_due_s = None, self._clock.monotonic() + (_PAUSE_S if self._problem else _TOPICS_S)
                found = await consumer.getmany(timeout_ms=int(_POLL_S * 1000), max_records=_ROUND_PIECES)
                if found:
                    await self._store(consumer, found, {partition: assigned.place(partition) for partition in found})
        finally:
            if asking is not None:
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)
            with suppress(KafkaError, TimeoutError, asyncio.TimeoutError):
                await asyncio.wait_for(consumer.stop(), REQUEST_TIMEOUT_S)

    def _make_consumer(self) -> BatchConsumer:
        settings = self._settings
        return BatchConsumer(
            **self._options | {"metadata_max_age_ms": int(_TOPICS_S * 1000)},
            group_id=settings.group,
            group_instance_id=settings.instance_id or None,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            session_timeout_ms=int(SESSION_TIMEOUT_S * 1000),
            heartbeat_interval_ms=int(HEARTBEAT_S * 1000),
            max_poll_interval_ms=int(_MAX_POLL_S * 1000),
            rebalance_timeout_ms=int(SESSION_TIMEOUT_S * 1000),
            max_partition_fetch_bytes=_FETCH_BYTES,
            fetch_max_bytes=4 * _FETCH_BYTES,
            fetch_max_wait_ms=int(_FETCH_WAIT_S * 1000),
        )

    async def _learn(self, consumer: BatchConsumer, assigned: _Assigned, asked: "asyncio.Task[dict[str, str]]") -> None:
        """Take note of how the topics are. A round that is empty may be one that no broker answered: aiokafka raises nothing then."""
        try:
            ids = asked.result()
        except (KafkaError, OSError) as error:
            self._tell_away(error)
        else:
            await assigned.compare(ids)
            self._tell(consumer.topic_problem(self._settings.topics, ids))

    async def _store(self, consumer: BatchConsumer, found: Mapping[Any, Sequence[Piece]], places: Mapping[Any, Place]) -> None:
        """Hand a round over; while the store takes nothing, nothing is read."""
        intake, poison, counts = await asyncio.to_thread(self._decode, found, places)
        pause_s = _PAUSE_S
        while True:
            try:
                await self._take(intake, poison)
                break
            except SinkUnavailable as error:
                self._store_problem = str(error)
                await self._clock.sleep(error.retry_after_s or pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        self._store_problem = ""
        for topic, count in counts.items():
            self._records.add(count, topic)
        await _commit(consumer, {partition: pieces[-1].next for partition, pieces in found.items()})

    def _decode(self, found: Mapping[Any, Sequence[Piece]], places: Mapping[Any, Place]) -> tuple[Intake, list[Poison], Counter[str]]:
        intake, poison, counts = Intake(), list[Poison](), Counter[str]()
        for partition, pieces in found.items():
            for piece in pieces:
                records = piece.records()
                counts[partition.topic] += len(records)
                for headers, run in groupby(records, _HEADERS):
                    poison += self._decoded(_kind(headers), list(run), partition, places[partition], intake)
            intake.consumed[places[partition]] = pieces[-1].next
        return intake, poison, counts

    def _decoded(self, kind: str, records: list[Record], partition: Any, place: Place, intake: Intake) -> list[Poison]:  # noqa: ANN401 - aiokafka has no types
        """Add records with the same headers to an intake, and return those that are none."""
        values = [value or b"" for _, _, _, value, _ in records]

        def keep(at: int) -> None:
            offset, time_ms, *_ = records[at]
            # In a topic that was made anew the same offsets are other lines.
            source = f"kafka:{place[0]}/{place[1]}"
            add_bare_line(intake, values[at], source, f"kafka:{partition.topic}", offset, time_ms * 1_000_000)

        # Other producers name no kind; an agent with `format: raw` does.
        poison = self._decoder.decode(kind or "log", values, intake, keep if kind in ("", "log") else None)
        return [msgspec.structs.replace(one, place=f"{partition.topic}/{partition.partition}") for one in poison]


def _kind(headers: Sequence[tuple[bytes, bytes | None]]) -> str:
    return next((value.decode(errors="replace") for name, value in headers if name == KIND and value), "")


async def _commit(consumer: BatchConsumer, offsets: Mapping[Any, int]) -> None:
    """Commit offsets for those who watch the group's lag, and for stores that keep none; a member that lost a partition has nothing to say.

    Cancelled, it is waited for: aiokafka would leave its own task behind.
    """
    committing = asyncio.ensure_future(consumer.commit(offsets))
    try:
        await asyncio.wait([committing])
    except asyncio.CancelledError:
        await asyncio.wait([committing], timeout=_LAST_COMMIT_S)
        committing.cancel()
        await asyncio.gather(committing, return_exceptions=True)
        raise
    with suppress(KafkaError):
        committing.result()
