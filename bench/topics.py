"""How many records a topic holds, asked again and again over one connection, and what they are."""

import asyncio
import logging
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition

import fairlead.net.kafka.codecs  # noqa: F401 - lets aiokafka read lz4 and zstd

T = TypeVar("T")
_ANSWER_S = 300.0


class Topics:
    """Looks at the topics of one broker; use as a context manager. Its loop runs in a thread of its own."""

    def __init__(self, brokers: str) -> None:
        self._brokers = brokers
        # It goes on asking for topics that were removed meanwhile, and says so.
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="topics", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._consumer = self._call(self._connect())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._call(self._consumer.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def count(self, topic: str, partitions: int) -> int:
        """Return how many records were ever appended to a topic."""
        ends = self._call(self._consumer.end_offsets([TopicPartition(topic, number) for number in range(partitions)]))
        return sum(ends.values())

    def records(self, topic: str, partitions: int, having: bytes = b"") -> list[tuple[int, bytes]]:
        """Return time (ms) and value of all records that a topic holds now and whose values have some bytes in them."""
        return self._call(self._read([TopicPartition(topic, number) for number in range(partitions)], having))

    async def _connect(self) -> Any:  # noqa: ANN401 - aiokafka has no types
        consumer = AIOKafkaConsumer(bootstrap_servers=self._brokers)
        await consumer.start()
        return consumer

    async def _read(self, partitions: list[TopicPartition], having: bytes) -> list[tuple[int, bytes]]:
        consumer, found = self._consumer, list[tuple[int, bytes]]()
        ends = await consumer.end_offsets(partitions)
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += [(record.timestamp, record.value) for record in records if having in record.value]
        consumer.unsubscribe()
        return found

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_ANSWER_S)
