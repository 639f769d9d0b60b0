"""What a frame of the spool holds: a batch of encoded lines, or a sample, as msgpack; and back to NDJSON for `spool export`."""

from array import array
from collections.abc import Iterator

import msgspec

from fairlead.core.record import Batch, Lines, Position
from fairlead.core.sink import Keyed
from fairlead.logs.encode import encoded


class _Batch(msgspec.Struct, frozen=True, tag="log"):
    source: str
    path: str
    start: int
    end: int
    created_ns: int
    position: Position
    host: str
    agent: str
    lines: list[tuple[bytes, bytes]]


class _Sample(msgspec.Struct, frozen=True, tag="metric"):
    key: str
    body: bytes


_decoder = msgspec.msgpack.Decoder(_Batch | _Sample)


def pack_batch(batch: Batch, output: str) -> bytes:
    """Return a batch as a frame; its lines are encoded as the sink wants them."""
    lines = [(part.data, part.ends.tobytes()) for part in encoded(batch, output)]
    return msgspec.msgpack.encode(
        _Batch(batch.source, batch.path, batch.start, batch.end, batch.created_ns, batch.position, batch.host, batch.agent, lines)
    )


def pack_sample(sample: Keyed) -> bytes:
    """Return a sample as a frame."""
    return msgspec.msgpack.encode(_Sample(sample.key, sample.body))


def unpack(frame: bytes) -> Batch | Keyed:
    """Return what a frame holds; ValueError where it is none."""
    found = _decoder.decode(frame)
    if isinstance(found, _Sample):
        return Keyed(found.key, found.body)
    lines = [Lines(data, array("q", ends)) for data, ends in found.lines]
    return Batch(found.source, found.path, found.start, found.end, found.created_ns, [], found.position, found.host, found.agent, lines)


def to_ndjson(frame: bytes) -> Iterator[bytes]:
    """Yield the records of a frame, without their newlines."""
    found = unpack(frame)
    if isinstance(found, Keyed):
        yield found.body
    else:
        for lines in found.lines:
            yield from lines
