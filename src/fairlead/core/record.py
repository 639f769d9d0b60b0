"""Log lines on their way: the types between tail, sink and store. The unit is the batch, never the line.

ECS field names: https://www.elastic.co/guide/en/ecs/current/ (facts only); the exact words stand in contracts.md.
"""

from array import array
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

FLAG_TRUNCATED = "truncated"
FLAG_INVALID_UTF8 = "invalid_utf8"
FLAG_BINARY = "binary"
REMOTE = "remote"
"""Position.kind of another host's source: its agent keeps where it stands."""
FOREIGN = "kafka"
"""Position.kind of a Kafka partition whose bare lines are counted by Kafka's offsets, which may leave numbers out."""
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
    unknown: int = 0
    """How often bytes vanished of which nobody can know the number: truncated, or deleted, before all was read."""
    spooled: bool = False
    """Whether what stands before `offset` may still wait in the spool, and not be at the sink yet."""


class Lines(msgspec.Struct):
    """Records as the bytes that leave: each ends before the newline at `ends[i]` (an `array('q')`) of `data`."""

    data: bytes
    ends: "array[int]"

    def split(self, at: int) -> "tuple[Lines, Lines]":
        """Return the first `at` records, and the others."""
        cut = self.ends[at - 1] + 1 if at else 0
        return Lines(self.data[:cut], self.ends[:at]), Lines(self.data[cut:], array("q", [end - cut for end in self.ends[at:]]))

    def __iter__(self) -> Iterator[bytes]:
        begin = 0
        for end in self.ends:
            yield self.data[begin:end]
            begin = end + 1


class Batch(msgspec.Struct):
    """Consecutive lines of one source: bytes [start, end) of it; `position` is what to remember once they are durable.

    The lines are `records`, or `lines` where they were encoded as they were read.
    """

    source: str
    path: str
    start: int
    end: int
    created_ns: int
    records: Sequence[Record]
    position: Position
    host: str = ""
    agent: str = ""
    lines: list[Lines] = []

    def __len__(self) -> int:
        return len(self.records) + sum(len(lines.ends) for lines in self.lines)


def halves(batches: Sequence[Batch]) -> "list[list[Batch]]":
    """Split batches in two; an empty list where there is but one record."""
    whole = [batch for batch in batches if len(batch)]
    if len(whole) > 1:
        middle = len(whole) // 2
        return [whole[:middle], whole[middle:]]
    if not whole or len(whole[0]) < 2:
        return []
    [batch] = whole
    middle = len(batch) // 2
    if batch.records:
        first, second = batch.records[:middle], batch.records[middle:]
        return [[msgspec.structs.replace(batch, records=first)], [msgspec.structs.replace(batch, records=second)]]
    if len(batch.lines) > 1:
        part = len(batch.lines) // 2
        return [[msgspec.structs.replace(batch, lines=batch.lines[:part])], [msgspec.structs.replace(batch, lines=batch.lines[part:])]]
    one, other = batch.lines[0].split(middle)
    return [[msgspec.structs.replace(batch, lines=[one])], [msgspec.structs.replace(batch, lines=[other])]]


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


def parse_time(text: str) -> int:
    """Return nanoseconds since the epoch of a time from 1970 to 2261 as `format_time` writes it; ValueError for any other text."""
    if len(text) != 27 or text[19] != "." or text[26] != "Z":
        raise ValueError(f"{text!r} is not a time such as 2026-01-01T12:00:00.000000Z")
    return _seconds(text[:19]) * 1_000_000_000 + int(text[20:26]) * 1000


@lru_cache(4096)
def _seconds(text: str) -> int:
    when = datetime.fromisoformat(text)
    if not 1970 <= when.year < 2262:
        raise ValueError(f"{text!r} is not a time from 1970 to 2261")
    return int(when.replace(tzinfo=UTC).timestamp())
