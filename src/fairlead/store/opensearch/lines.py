"""Log lines on their way into OpenSearch."""

from collections.abc import Callable, Iterable, Sequence

import orjson

from fairlead.core.logsetup import Log
from fairlead.core.record import Batch, Record, to_ecs
from fairlead.store.opensearch.bulk import Bulk
from fairlead.store.opensearch.client import Client
from fairlead.store.opensearch.documents import Encoder
from fairlead.store.opensearch.growth import Growth, Line, fail_where_changed

log = Log("store")
Poison = tuple[bytes, str]
"""What will never be a document, and the reason."""
Encode = Callable[[Record], bytes]


class LineWriter:
    """Writes batches; what comes again is passed over, unless it has grown."""

    def __init__(self, client: Client, index: str) -> None:
        self._client, self._index = client, index
        self._growth = Growth(client, index)

    def write(self, batches: Sequence[Batch], ingested_ns: int, poison: list[Poison]) -> list[Batch]:
        """Store every line, and return for each that stood already its batch.

        A line whose fields do not fit the index is stored with them aside; one that the index cannot take even so goes to `poison`.
        """
        encoders = ((batch, Encoder(batch, ingested_ns).encode) for batch in batches)
        new = (((batch, record), encode, b"") for batch, encode in encoders for record in batch.records)
        standing, grown = self._growth.part(self._put(new, ingested_ns, poison).there)
        self._growth.make_room(batches, standing, grown)
        longer = ((one.line, Encoder(one.line[0], ingested_ns).encode, one.action) for one in grown)
        fail_where_changed(self._put(longer, ingested_ns, poison))
        return [batch for batch, _ in standing]

    def _put(self, lines: Iterable[tuple[Line, Encode, bytes]], ingested_ns: int, poison: list[Poison]) -> Bulk[Line]:
        """Put lines, each by an action of its own where one is given; return what became of them."""
        bulk = Bulk[Line](self._client, self._index)
        actions: dict[int, bytes] = {}
        for line, encode, action in lines:
            try:
                document = encode(line[1])
            except (TypeError, ValueError, OverflowError) as error:
                poison.append((_as_bytes(*line), f"{type(error).__name__}: {error}"))
            else:
                bulk.add(_by(action, document), line)
                if action:
                    actions[id(line)] = action
        bulk.flush()
        if bulk.malformed:
            log.warning("fields do not fit the index, kept aside", lines=len(bulk.malformed), first=bulk.malformed[0].reason)
            bare = Bulk[Line](self._client, self._index)
            for line, _ in bulk.malformed:
                bare.add(_by(actions.get(id(line), b""), Encoder(line[0], ingested_ns).encode_bare(line[1])), line)
            bare.flush()
            bulk.there += bare.there
            poison += [(_as_bytes(*line), reason) for line, reason in bare.malformed]
        return bulk


def _by(action: bytes, document: bytes) -> bytes:
    """Return the two lines of a document with another action as the first."""
    return action + document.partition(b"\n")[2] if action else document


def _as_bytes(batch: Batch, record: Record) -> bytes:
    ecs = to_ecs(batch, record)
    try:
        return orjson.dumps(ecs)
    except TypeError:
        return repr(ecs).encode(errors="backslashreplace")
