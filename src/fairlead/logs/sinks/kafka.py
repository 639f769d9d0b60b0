"""The `kafka` sink: a record a line, keyed by its source so that order holds; heartbeats and samples bear another kind in their header."""

from collections.abc import Sequence

from fairlead.core.errors import SinkRejected
from fairlead.core.record import Batch, Lines
from fairlead.core.sink import Keyed, Kind
from fairlead.logs.encode import encoded, join
from fairlead.logs.settings import KafkaSinkSettings
from fairlead.net.kafka.connection import client_options
from fairlead.net.kafka.producer import Headers, Part, Producer, Refused

KIND = b"fairlead-kind"
_LOG: Headers = ((KIND, b"log"),)


class KafkaSink:
    """A producer for each kind of record, so that a topic that is missing stalls nothing else.

    `topics`: kind -> its topic, where that is not the logs' own.
    """

    name = "kafka"

    def __init__(self, settings: KafkaSinkSettings, topics: dict[Kind, str]) -> None:
        self._settings, self._topics = settings, topics
        options = client_options(settings, "sink.kafka")
        self._logs = Producer("sink.kafka", options, settings.compression)
        self._others: dict[Kind, Producer] = {
            "heartbeat": Producer("sink.kafka heartbeats", options, settings.compression),
            "metric": Producer("sink.kafka metrics", options, settings.compression),
        }
        self._sending: Sequence[Batch] = ()
        self._parts: list[Part] = []

    async def start(self) -> None:
        """Nothing: the brokers are asked for with the first record."""

    async def send(self, batches: Sequence[Batch]) -> None:
        """Produce the records of batches that were not acknowledged yet, when these same batches are sent again."""
        if batches is not self._sending:
            # Lines that were encoded as they were read are only counted here; records of the journal are few.
            self._parts = self._cut(batches)
            self._sending = batches
        try:
            await self._logs.send(self._settings.topic, self._parts)
        except Refused as refused:
            raise SinkRejected(str(refused), [_refused(part) for part in refused.parts]) from None
        self._sending, self._parts = (), []

    async def send_records(self, kind: Kind, records: Sequence[Keyed]) -> None:
        """Produce samples or heartbeats."""
        headers: Headers = ((KIND, kind.encode()),)
        parts = [Part(record.key.encode(), headers, join([record.body]), 0, 1) for record in records]
        try:
            await self._others[kind].send(self._topics.get(kind) or self._settings.topic, parts)
        except Refused as refused:
            raise SinkRejected(str(refused)) from None

    async def reopen(self) -> None:
        """Nothing: connections are made anew when they break."""

    async def close(self) -> None:
        """Close the connections."""
        await self._logs.close()
        for producer in self._others.values():
            await producer.close()

    def _cut(self, batches: Sequence[Batch]) -> list[Part]:
        return [
            Part(batch.source.encode(), _LOG, lines, 0, len(lines.ends), batch)
            for batch in batches
            for lines in encoded(batch, self._settings.format)
            if lines.ends
        ]


def _refused(part: Part) -> Batch:
    """Return the records of a part as a batch of their own."""
    batch: Batch = part.owner
    _, rest = part.lines.split(part.first)
    lines, _ = rest.split(part.count)
    return Batch(
        batch.source,
        batch.path,
        batch.start,
        batch.end,
        batch.created_ns,
        [],
        batch.position,
        batch.host,
        batch.agent,
        [Lines(lines.data, lines.ends)],
    )
