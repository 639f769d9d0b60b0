"""Log lines on their way: the types between tail, sink and store. The unit is the batch, never the line.

ECS field names: https://www.elastic.co/guide/en/ecs/current/ (facts only); the exact words stand in contracts.md.
"""

from datetime import UTC, datetime
from typing import Any

import msgspec

FLAG_TRUNCATED = "truncated"
FLAG_INVALID_UTF8 = "invalid_utf8"
FLAG_BINARY = "binary"
ERROR_LEVELS = ("error", "critical", "alert", "emergency")
LEVELS = ("trace", "debug", "info", "notice", "warning", *ERROR_LEVELS)
"""The levels that `log.level` may bear, mildest first; an error line is level error or worse."""


class Record(msgspec.Struct, gc=False):
    """One line of a source, or one journal entry."""

    timestamp_ns: int
    message: str
    offset: int
    end: int
    level: str | None = None
    flags: tuple[str, ...] = ()
    fields: dict[str, Any] | None = None
    """Further ECS fields by dotted name, such as `process.pid`."""


class Position(msgspec.Struct, frozen=True):
    """How far a source has been read, and by what it is known again. `offset` is the contiguous acknowledged watermark in bytes.

    For the journal `kind` is `journal`, `offset` counts entries and `cursor` is journald's own.
    """

    source: str
    path: str
    offset: int
    kind: str = "file"
    device: int = 0
    inode: int = 0
    birth_ns: int = 0
    head_bytes: int = 0
    """How many of the file's first bytes `head_hash` covers; grows with the file up to a limit."""
    head_hash: str = ""
    tail_bytes: int = 0
    """How many bytes just before `offset` `tail_hash` covers."""
    tail_hash: str = ""
    cursor: str = ""
    skipped: int = 0
    """Bytes passed over by policy (`backfill`, `read_from: end`), told as skipped, not lost."""
    updated_ns: int = 0
    met_ns: int = 0
    """When the source was discovered."""


class Batch(msgspec.Struct):
    """Consecutive lines of one source: bytes [start, end) of it; `position` is what to remember once they are durable."""

    source: str
    path: str
    start: int
    end: int
    created_ns: int
    records: list[Record]
    position: Position
    host: str = ""
    agent: str = ""


def to_ecs(batch: Batch, record: Record) -> dict[str, Any]:
    """Return one record as the flat ECS object (dotted keys) that `--json`, the sinks and the interface share."""
    ecs: dict[str, Any] = {
        "@timestamp": format_time(record.timestamp_ns),
        "event.created": format_time(batch.created_ns),
        "message": record.message,
        "log.file.path": batch.path,
        "log.offset": record.offset,
        "fairlead.source": batch.source,
        "fairlead.end": record.end,
        "host.name": batch.host,
        "agent.id": batch.agent,
    }
    if record.level:
        ecs["log.level"] = record.level
    if record.flags:
        ecs["fairlead.flags"] = list(record.flags)
    if record.fields:
        ecs.update(record.fields)
    return ecs


def format_time(ns: int) -> str:
    """Return nanoseconds since the epoch as RFC 3339 in UTC with microseconds, the way ECS writes a date."""
    seconds, rest = divmod(ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}Z"
