"""Records as the bytes that a sink writes: NDJSON of ECS objects, or the bare lines."""

from array import array
from collections.abc import Sequence

import orjson

from fairlead.core.record import Batch, Lines, to_ecs

JSON = "json"
RAW = "raw"


def join(records: Sequence[bytes]) -> Lines:
    """Return encoded records as lines."""
    ends, at = array("q"), -1
    for record in records:
        at += len(record) + 1
        ends.append(at)
    return Lines(b"".join([part for record in records for part in (record, b"\n")]), ends)


def encode_records(batch: Batch, output: str) -> Lines:
    """Return a batch's records; `output` is JSON or RAW."""
    if output == RAW:
        return join([record.message.encode(errors="backslashreplace") for record in batch.records])
    return join([orjson.dumps(to_ecs(batch, record)) for record in batch.records])


def encoded(batch: Batch, output: str) -> list[Lines]:
    """Return what leaves of a batch: its lines as they were encoded when they were read, or its records encoded now."""
    return batch.lines if batch.lines or not batch.records else [encode_records(batch, output)]


def encode(batches: Sequence[Batch], output: str) -> bytes:
    """Return all of it in one piece."""
    return b"".join(lines.data for batch in batches for lines in encoded(batch, output))
