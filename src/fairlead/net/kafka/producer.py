"""An idempotent producer whose unit is the record batch: acks from all replicas in sync, no message time-out that drops.

Each partition has one request under way at a time, so order holds. A batch whose answer was lost is sent again under its
sequence number, and the broker passes a repeat over; when numbers cannot be trusted any more, a new producer id is asked for, and
what may then stand twice in Kafka is told apart by its source and offset. Format: https://kafka.apache.org/documentation/#recordbatch
"""

import asyncio
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Awaitable, Sequence
from typing import Any, Literal

import msgspec
from aiokafka import errors
from aiokafka.client import AIOKafkaClient
from aiokafka.partitioner import murmur2
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import InitProducerIdRequest
from aiokafka.structs import TopicPartition

import fairlead.net.kafka.lost_connection  # noqa: F401 - a write on a lost connection is told as one
from fairlead._native import kafkabatch
from fairlead.core.errors import SinkUnavailable
from fairlead.core.logsetup import Log
from fairlead.core.record import Lines
from fairlead.net.kafka.connection import REQUEST_TIMEOUT_S, LastComplaint, missing_topic

log = Log("kafka")
Compression = Literal["lz4", "zstd", "none"]
_CODES = {"none": 0, "lz4": 3, "zstd": 4}
_LEVELS = {0: 0, 3: -1, 4: 1}
"""lz4 at -1 takes three quarters of the time of its default on lines of words, for a twentieth more bytes."""
MAX_BATCH_BYTES = 900_000
"""Uncompressed: so no batch of several records is above the brokers' default message.max.bytes of 1 MiB."""
_RECORD_OVERHEAD_BYTES = 40
_RETRY_S = 0.1
_HEAL_S = 5.0
"""A partition without a leader is asked for so long before the sink counts as unavailable."""
_TOO_LARGE = (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError)
_NEVER = (errors.InvalidTimestampError, errors.UnsupportedForMessageFormatError, errors.PolicyViolationError)
_NOT_ALLOWED = (errors.TopicAuthorizationFailedError, errors.ClusterAuthorizationFailedError)
_INVALID_RECORD = 87
_SEQUENCE_LOST = (errors.OutOfOrderSequenceNumber, errors.UnknownProducerId, errors.InvalidProducerEpoch, errors.InvalidProducerIdMapping)
_TRANSPORT = (errors.KafkaConnectionError, errors.NodeNotReadyError, errors.RequestTimedOutError, errors.CorrelationIdError)

Headers = tuple[tuple[bytes, bytes], ...]


class Part(msgspec.Struct, frozen=True):
    """Records of one key: `count` of `lines` from number `first` on; `owner` is handed back with what is refused."""

    key: bytes
    headers: Headers
    lines: Lines
    first: int
    count: int
    owner: Any = None

    def begin(self) -> int:
        """Return where the first record begins in the data."""
        return self.lines.ends[self.first - 1] + 1 if self.first else 0


class Refused(Exception):
    """The broker will never take these records."""

    def __init__(self, reason: str, parts: Sequence[Part]) -> None:
        super().__init__(reason)
        self.parts = parts


class _Identity:
    """A producer id and the next sequence number of each partition."""

    def __init__(self, producer_id: int, epoch: int) -> None:
        self.producer_id, self.epoch = producer_id, epoch
        self.sequences: dict[TopicPartition, int] = {}


class _Waiting:
    """A built batch that was not acknowledged yet, and under which number it was sent."""

    def __init__(self, parts: Sequence[Part], batch: bytearray) -> None:
        self.parts, self.batch = parts, batch
        self.identity: _Identity | None = None
        self.sequence = 0

    def count(self) -> int:
        return sum(part.count for part in self.parts)


class Producer:
    """`send` returns once all records are acknowledged; called again with the same object after an error, it goes on with the rest.

    `name` begins errors, and its first word is where the settings stand.
    """

    def __init__(self, name: str, options: dict[str, Any], compression: Compression) -> None:
        self._name, self._options, self._compression = name, options, _CODES[compression]
        self._client: AIOKafkaClient | None = None
        self._connecting = asyncio.Lock()
        """Held while a client is made: the partitions are delivered side by side."""
        self._identity: _Identity | None = None
        self._sending: object = None
        self._queues: dict[TopicPartition, deque[_Waiting]] = {}
        self._complaint = LastComplaint(name.partition(" ")[0], options)

    async def send(self, topic: str, parts: Sequence[Part]) -> None:
        """Produce records to a topic. SinkUnavailable: later; Refused: never, and a call with the same parts goes on behind them."""
        if not parts:
            return
        if parts is not self._sending:
            if any(self._queues.values()):
                # What was given up may stand or not: its numbers cannot be used for anything else.
                self._identity = None
            self._queues = await self._prepare(topic, parts)
            self._sending = parts
        running = [asyncio.ensure_future(self._drain(partition, queue)) for partition, queue in self._queues.items() if queue]
        try:
            results = await asyncio.gather(*running, return_exceptions=True)
        except asyncio.CancelledError:
            await asyncio.gather(*running, return_exceptions=True)
            raise
        problems = [result for result in results if isinstance(result, BaseException)]
        for problem in sorted(problems, key=lambda problem: not isinstance(problem, Refused)):
            raise problem
        self._sending = None

    async def close(self) -> None:
        """Close the connections."""
        self._complaint.detach()
        await self._disconnect()

    async def _prepare(self, topic: str, parts: Sequence[Part]) -> dict[TopicPartition, deque[_Waiting]]:
        """Share parts out to partitions and build their batches."""
        partitions = sorted(await self._partitions(topic))
        groups: dict[TopicPartition, list[Part]] = {}
        chosen: dict[bytes, TopicPartition] = {}
        for part in parts:
            if part.key not in chosen:
                chosen[part.key] = TopicPartition(topic, partitions[(murmur2(part.key) & 0x7FFFFFFF) % len(partitions)])
            groups.setdefault(chosen[part.key], []).append(part)

        def build() -> dict[TopicPartition, deque[_Waiting]]:
            return {
                partition: deque(_Waiting(packed, self._build(packed)) for packed in _pack(group, MAX_BATCH_BYTES))
                for partition, group in groups.items()
            }

        return await asyncio.to_thread(build)

    def _build(self, parts: Sequence[Part]) -> bytearray:
        rows = [(part.key, part.headers, part.lines.data, part.begin(), part.lines.ends, part.first, part.count) for part in parts]
        return kafkabatch.build(rows, _now_ms(), self._compression, _LEVELS[self._compression])

    async def _drain(self, partition: TopicPartition, queue: "deque[_Waiting]") -> None:
        """Deliver the batches of one partition, one after the other."""
        while queue:
            waiting = queue[0]
            error, text = await self._produce(partition, waiting)
            if error is None:
                queue.popleft()
            elif issubclass(error, _TOO_LARGE) and waiting.count() > 1:
                queue.popleft()
                self._identity = None
                queue.extendleft(_Waiting(half, self._build(half)) for half in reversed(_halves(waiting.parts)))
            elif issubclass(error, (*_TOO_LARGE, *_NEVER)):
                queue.popleft()
                self._identity = None
                raise Refused(f"{self._name}: {partition.topic}: {text}", waiting.parts)
            else:
                raise SinkUnavailable(f"{self._name}: {partition.topic}: {text}")

    async def _produce(self, partition: TopicPartition, waiting: _Waiting) -> tuple[type[errors.KafkaError] | None, str]:
        """Send one batch until it is acknowledged or refused; SinkUnavailable when that takes too long."""
        deadline_s = asyncio.get_running_loop().time() + _HEAL_S
        while True:
            client = await self._connected()
            node = client.cluster.leader_for_partition(partition)
            error: type[errors.KafkaError] = errors.LeaderNotAvailableError
            text = "partition has no leader" if node is None or node < 0 else ""
            if not text:
                await self._seal(partition, waiting)
                request = ProduceRequest(
                    None, -1, int(REQUEST_TIMEOUT_S * 1000), [(partition.topic, [(partition.partition, bytes(waiting.batch))])]
                )
                response = await self._ask(client.send(node, request))
                code = response.topics[0][1][0][1]
                error, text = _meaning(code)
                if error in (errors.NoError, errors.DuplicateSequenceNumber):
                    if waiting.identity is self._identity and self._identity is not None:
                        self._identity.sequences[partition] = waiting.sequence + waiting.count()
                    return None, ""
                if issubclass(error, _SEQUENCE_LOST):
                    log.warning("producer id asked for anew", topic=partition.topic, partition=partition.partition, reason=text)
                    self._identity = waiting.identity = None
                elif not (error.retriable or error.invalid_metadata):
                    return error, text
            if asyncio.get_running_loop().time() >= deadline_s:
                return error, text
            await asyncio.sleep(_RETRY_S)
            await self._learn(client.force_metadata_update())
            if client.cluster.partitions_for_topic(partition.topic) is None:
                raise SinkUnavailable(f"{self._name}: {missing_topic(partition.topic)}")

    async def _seal(self, partition: TopicPartition, waiting: _Waiting) -> None:
        """Number a batch, once, unless its numbers were lost."""
        if self._identity is None:
            self._identity = await self._new_identity()
        if waiting.identity is None:
            waiting.identity, waiting.sequence = self._identity, self._identity.sequences.get(partition, 0)
            kafkabatch.seal(waiting.batch, waiting.identity.producer_id, waiting.identity.epoch, waiting.sequence & 0x7FFFFFFF)

    async def _new_identity(self) -> _Identity:
        client = await self._connected()
        deadline_s = asyncio.get_running_loop().time() + _HEAL_S
        while True:
            node = client.get_random_node()
            if node is None:
                raise SinkUnavailable(f"{self._name}: no broker is known")
            answer = await self._ask(client.send(node, InitProducerIdRequest(None, 60_000)))
            error, text = _meaning(answer.error_code)
            if error is errors.NoError:
                return _Identity(answer.producer_id, answer.producer_epoch)
            if not error.retriable or asyncio.get_running_loop().time() >= deadline_s:
                raise SinkUnavailable(f"{self._name}: no producer id: {text}")
            await asyncio.sleep(_RETRY_S)

    async def _partitions(self, topic: str) -> set[int]:
        """Return a topic's partitions; SinkUnavailable where there is no such topic."""
        client = await self._connected()
        found: set[int] | None = client.cluster.partitions_for_topic(topic)
        if found is None:
            await self._learn(client.add_topic(topic))
            if client.cluster.partitions_for_topic(topic) is None:
                await self._learn(client.force_metadata_update())
            found = client.cluster.partitions_for_topic(topic)
        if not found:
            hidden = topic in client.cluster.unauthorized_topics
            raise SinkUnavailable(f"{self._name}: {f'this user may not see topic {topic}' if hidden else missing_topic(topic)}")
        return found

    async def _connected(self) -> AIOKafkaClient:
        async with self._connecting:
            if self._client is None:
                self._client = await self._connect()
            return self._client

    async def _connect(self) -> AIOKafkaClient:
        client = AIOKafkaClient(**self._options)
        try:
            await asyncio.wait_for(client.bootstrap(), 2 * REQUEST_TIMEOUT_S)
        except (errors.KafkaError, OSError, TimeoutError) as error:
            await client.close()
            raise SinkUnavailable(f"{self._name}: {self._complaint.take() or error or 'no answer in time'}") from None
        except BaseException:
            await client.close()
            raise
        return client

    async def _ask(self, answer: Awaitable[Any]) -> Any:  # noqa: ANN401 - aiokafka's responses have no types
        """Wait for an answer; without one, the connections are made anew the next time."""
        try:
            return await asyncio.wait_for(answer, 2 * REQUEST_TIMEOUT_S)
        except (*_TRANSPORT, OSError, TimeoutError) as error:
            await self._disconnect()
            raise SinkUnavailable(f"{self._name}: {self._complaint.take() or str(error) or 'no answer in time'}") from None
        except errors.KafkaError as error:
            raise SinkUnavailable(f"{self._name}: {error}") from None

    async def _learn(self, learned: Awaitable[Any]) -> None:
        """Wait for metadata; a client that learns none in time is made anew."""
        try:
            await asyncio.wait_for(learned, REQUEST_TIMEOUT_S)
        except TimeoutError:
            await self._disconnect()
            raise SinkUnavailable(f"{self._name}: {self._complaint.take() or 'no metadata in time'}") from None

    async def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()


def _pack(parts: Sequence[Part], limit_bytes: int) -> list[list[Part]]:
    """Cut parts, in order, into groups that hold about so many bytes at most; a record is never cut."""
    packs: list[list[Part]] = [[]]
    room = limit_bytes
    for part in parts:
        first, left = part.first, part.count
        while left:
            fits = _fitting(part.lines, first, left, room)
            if not fits and packs[-1]:
                packs.append([])
                room = limit_bytes
                continue
            fits = fits or 1
            piece = msgspec.structs.replace(part, first=first, count=fits)
            packs[-1].append(piece)
            room -= part.lines.ends[first + fits - 1] - piece.begin() + fits * _RECORD_OVERHEAD_BYTES
            first, left = first + fits, left - fits
    return packs


def _fitting(lines: Lines, first: int, left: int, room: int) -> int:
    """Return how many records from `first` on take no more than `room` bytes, the overhead of each included."""
    begin = lines.ends[first - 1] + 1 if first else 0
    return bisect_right(range(left), room, key=lambda i: lines.ends[first + i] - begin + (i + 1) * _RECORD_OVERHEAD_BYTES)


def _halves(parts: Sequence[Part]) -> list[list[Part]]:
    """Cut parts in two halves of about as many records."""
    left = sum(part.count for part in parts) // 2
    halves: list[list[Part]] = [[], []]
    for part in parts:
        fits = min(left, part.count)
        left -= fits
        if fits:
            halves[0].append(msgspec.structs.replace(part, count=fits))
        if part.count > fits:
            halves[1].append(msgspec.structs.replace(part, first=part.first + fits, count=part.count - fits))
    return halves


def _meaning(code: int) -> tuple[type[errors.KafkaError], str]:
    """Return the error of a code, and what to say of it."""
    if code == _INVALID_RECORD:
        return errors.PolicyViolationError, "the broker finds a record invalid"
    error: type[errors.KafkaError] = errors.for_code(code)
    remedy = "; give this user the right to write there" if error in _NOT_ALLOWED else ""
    return error, f"{error.__name__} ({code}){remedy}"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
