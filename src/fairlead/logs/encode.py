"""Records as the bytes that a sink writes: NDJSON of ECS objects, or the bare lines."""

from collections.abc import Sequence

import orjson

from fairlead.core.record import Batch, to_ecs

JSON = "json"
RAW = "raw"


def encode(batches: Sequence[Batch], output: str) -> bytes:
    """Return the records of batches, a line each; `output` is JSON or RAW."""
    if output == RAW:
        return b"".join(record.message.encode(errors="backslashreplace") + b"\n" for batch in batches for record in batch.records)
    return b"".join(orjson.dumps(to_ecs(batch, record)) + b"\n" for batch in batches for record in batch.records)
