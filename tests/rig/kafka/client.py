"""What tests do at a broker, called without a loop: each call runs aiokafka in a thread of its own to its end."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, for_code

import fairlead.net.kafka.codecs  # noqa: F401 - lets aiokafka read lz4 and zstd

T = TypeVar("T")
DEADLINE_S = 30.0
REQUEST_TIMEOUT_MS = 10_000


class Consumed(NamedTuple):
    """A record as it stands in a topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]
    timestamp_ms: int


def is_ready(bootstrap: str, brokers: int) -> bool:
    """True when so many brokers are in service and each partition has its leader among them."""

    async def ask(admin: Any) -> bool:
        cluster = await admin.describe_cluster()
        topics = await admin.describe_topics()
        return len(cluster["brokers"]) == brokers and all(_has_leaders(topic) for topic in topics)

    try:
        return _with_admin(bootstrap, ask)
    except (KafkaError, OSError):
        return False


def has_topic(bootstrap: str, topic: str) -> bool:
    """True when a topic is there and each of its partitions has a leader."""

    async def ask(admin: Any) -> bool:
        return any(_has_leaders(found) for found in await admin.describe_topics([topic]))

    return _with_admin(bootstrap, ask)


def create_topic(bootstrap: str, topic: str, partitions: int, replicas: int, config: Mapping[str, str]) -> None:
    """Make a topic; a KafkaError says why it cannot be."""

    async def create(admin: Any) -> None:
        answer = await admin.create_topics([NewTopic(topic, partitions, replicas, topic_configs=dict(config))])
        for _, code, message in answer.topic_errors:
            if code:
                raise for_code(code)(message)

    _with_admin(bootstrap, create)


def delete_topic(bootstrap: str, topic: str) -> None:
    """Remove a topic; a KafkaError says why it cannot be."""

    async def delete(admin: Any) -> None:
        for _, code in (await admin.delete_topics([topic])).topic_error_codes:
            if code:
                raise for_code(code)(topic)

    _with_admin(bootstrap, delete)


def produce(bootstrap: str, topic: str, values: Sequence[bytes], key: bytes | None, headers: Sequence[tuple[str, bytes]]) -> None:
    """Append records, uncompressed; returns once all replicas in sync have them."""

    async def send() -> None:
        async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", request_timeout_ms=REQUEST_TIMEOUT_MS) as producer:
            sent = [await producer.send(topic, value, key, headers=list(headers)) for value in values]
            await asyncio.gather(*sent)

    _finished(send)


def consume(bootstrap: str, topic: str) -> list[Consumed]:
    """Return what a topic holds now, partition by partition; batches of gzip, lz4 and zstd, too."""

    async def read() -> list[Consumed]:
        consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest", request_timeout_ms=REQUEST_TIMEOUT_MS)
        found: list[Consumed] = []
        async with consumer:
            ends = await consumer.end_offsets(consumer.assignment())
            while any([await consumer.position(partition) < end for partition, end in ends.items()]):
                for partition, records in (await consumer.getmany(timeout_ms=500)).items():
                    new = (r for r in records if r.offset < ends[partition])
                    found += [Consumed(r.partition, r.offset, r.key, r.value, list(r.headers), r.timestamp) for r in new]
        return sorted(found, key=lambda record: record[:2])

    return _finished(read)


def _has_leaders(topic: dict[str, Any]) -> bool:
    return topic["error_code"] == 0 and all(part["error_code"] == 0 and part["leader"] >= 0 for part in topic["partitions"])


def _with_admin(bootstrap: str, act: Callable[[Any], Awaitable[T]]) -> T:
    async def connected() -> T:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=REQUEST_TIMEOUT_MS)
        try:
            await admin.start()
            return await act(admin)
        finally:
            await admin.close()

    return _finished(connected)


def _finished(work: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine to its end; the thread lets coroutines call this, too, whose loop waits meanwhile."""
    results: list[T] = []
    errors: list[BaseException] = []

    async def bounded() -> T:
        return await asyncio.wait_for(work(), DEADLINE_S)

    def run() -> None:
        try:
            results.append(asyncio.run(bounded()))
        except BaseException as error:  # the caller's thread raises it again
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
