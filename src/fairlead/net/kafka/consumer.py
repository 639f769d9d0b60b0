"""aiokafka's consumer, but record batches come as they are: it makes an object of each record, and that takes longer than to store it.

Groups, rebalances, positions and fetches stay aiokafka's own. Its fetcher (aiokafka/consumer/fetcher.py) wraps what it fetched of a
partition in two classes, which it looks up by name in its module: `MemoryRecords`, which holds the bytes, and `PartitionRecords`, an
iterator whose `next_fetch_offset` is the position behind what it gave. Both are replaced here, and act as before for other consumers.
"""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from struct import Struct
from typing import Any, NamedTuple

import aiokafka
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException

from fairlead._native import kafkabatch
from fairlead.net.kafka.connection import missing_topic
from fairlead.net.kafka.topic_ids import read_topic_ids

PIECE_RECORDS, PIECE_BYTES = 5000, 1 << 20
"""A piece ends with the batch that brings it to so many records, or so many bytes as they came."""
LIMIT_BYTES = 128 << 20
"""A piece that unpacks to more is refused."""
_BASE_AND_LENGTH = Struct(">qi")
_LENGTH_END = 12
_LAST_DELTA, _COUNT, _HEADER_END = Struct(">23xi"), Struct(">57xi"), 61
"""The header of a batch: https://kafka.apache.org/documentation/#recordbatch"""

Record = tuple[int, int, bytes | None, bytes | None, tuple[tuple[bytes, bytes | None], ...]]
"""Offset, milliseconds since the epoch, key, value, headers."""


class Piece(NamedTuple):
    """Whole record batches of a partition; records before `first` were read already. Behind them it goes on at `next`."""

    data: memoryview
    first: int
    next: int

    def records(self) -> list[Record]:
        """Return the records; CorruptRecordException, a KafkaError, where that cannot be."""
        try:
            found = kafkabatch.parse(self.data, LIMIT_BYTES)
        except ValueError as error:
            raise CorruptRecordException(f"from offset {self.first} on: {error}") from error
        if found and found[0][0] < self.first:
            return [record for record in found if record[0] >= self.first]
        return found


class BatchConsumer(aiokafka.AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka has no types
    """`getmany` returns lists of Piece, and `max_records` counts these."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - aiokafka's own
        super().__init__(value_deserializer=_as_pieces, **options)

    async def topic_ids(self, topics: Sequence[str]) -> dict[str, str]:
        """Return the id of each topic that is there; KafkaError or OSError where no broker answers."""
        return await read_topic_ids(self._client, topics)

    def topic_problem(self, topics: Sequence[str], ids: Collection[str]) -> str:
        """Return what keeps topics from being read; an empty string where nothing does.

        `ids` has the topics that are there for certain: what the client knows of them may be some seconds old.
        """
        cluster = self._client.cluster
        problems = []
        for topic in topics:
            if topic in cluster.unauthorized_topics:
                problems.append(f"this user may not see topic {topic}")
            elif not (partitions := cluster.partitions_for_topic(topic)):
                if topic not in ids:
                    problems.append(missing_topic(topic))
            elif headless := partitions - (cluster.available_partitions_for_topic(topic) or set()):
                problems.append(f"{topic}/{min(headless)}: partition has no leader")
        return "; ".join(problems)

    async def stop(self) -> None:
        """Leave the group and close. aiokafka's own ends with the cancellation of a fetch that waits, its connections open."""
        try:
            await super().stop()
        except asyncio.CancelledError:
            stopping = asyncio.current_task()
            if stopping is None or stopping.cancelling():
                raise
            fetches = list(self._fetcher._pending_tasks)
            for fetch in fetches:
                fetch.cancel()
            await asyncio.gather(*fetches, return_exceptions=True)
            await self._client.close()


def _as_pieces(value: bytes) -> bytes:
    """Mark a consumer as one of these."""
    return value


class _KeptRecords(fetcher.MemoryRecords):  # type: ignore[misc]  # likewise
    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data


class _Pieces:
    def __init__(self, data: bytes, position: int) -> None:
        self._data, self._at = memoryview(data), 0
        self.next_fetch_offset = position

    def __iter__(self) -> Iterator[Piece]:
        return self

    def __next__(self) -> Piece:
        begin, first, count = self._at, self.next_fetch_offset, 0
        while count < PIECE_RECORDS and self._at - begin < PIECE_BYTES and len(self._data) - self._at >= _HEADER_END:
            base, length = _BASE_AND_LENGTH.unpack_from(self._data, self._at)
            end = self._at + _LENGTH_END + length
            if not self._at + _HEADER_END <= end <= len(self._data):
                break
            count += _COUNT.unpack_from(self._data, self._at)[0]
            # A batch that was compacted, or holds a transaction's end, has fewer records than offsets.
            self.next_fetch_offset = max(first, base + _LAST_DELTA.unpack_from(self._data, self._at)[0] + 1)
            self._at = end
        if self._at == begin:
            raise StopIteration
        return Piece(self._data[begin : self._at], first, self.next_fetch_offset)


_partition_records = fetcher.PartitionRecords


def _choose(partition: Any, records: _KeptRecords, aborted: Any, position: int, key: Any, value: Any, *options: Any) -> Any:  # noqa: ANN401 - aiokafka has no types
    if value is _as_pieces:
        return _Pieces(records.data, position)
    return _partition_records(partition, records, aborted, position, key, value, *options)


fetcher.MemoryRecords = _KeptRecords
fetcher.PartitionRecords = _choose
