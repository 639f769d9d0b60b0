"""A line as a document and back: its flat ECS object, with what the audit counts by.

A document's id is made of its source and offset, so a line that comes again, from whatever collector, is the same document; one that has
grown meanwhile replaces it (growth.py). Fields
that the index cannot take (a text where it has numbers, an object where it has a text) stand in `fairlead.aside`, which is kept
and not looked at; nothing of a line is lost for them.
"""

import hashlib
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

from fairlead.core.record import FOREIGN, LEVELS, Batch, Record, parse_time
from fairlead.store.interface import StoredRecord

ASIDE = "fairlead.aside"
_LONGEST_ID = 400
"""Bytes of a source in an id; OpenSearch takes 512 as an id."""
_OWN = ("@timestamp", "message", "log", "fairlead", "event", "host", "agent")
"""Objects with fields of ours: what else comes into them comes by dotted names."""


class Encoder:
    """Makes the lines of one batch the two lines of `_bulk` that create a document."""

    def __init__(self, batch: Batch, ingested_ns: int) -> None:
        key = orjson.dumps(id_part(batch.source))[1:-1]
        same = {
            "event.created": time_text(batch.created_ns),
            "event.ingested": time_text(ingested_ns),
            "log.file.path": batch.path,
            "fairlead.source": batch.source,
            "host.name": batch.host,
            "agent.id": batch.agent,
        }
        if batch.position.kind == FOREIGN:
            same["fairlead.kind"] = FOREIGN
        # Texts stand doubled percent signs: they become part of a format.
        head = b'{"create":{"_id":"' + key.replace(b"%", b"%%") + b':%d"}}\n'
        numbers = b'{"log.offset":%d,"fairlead.end":%d,"fairlead.bytes":%d,"@timestamp":"%b",'
        self._format = head + numbers + orjson.dumps(same)[1:-1].replace(b"%", b"%%") + b',"message":%b%b}\n'

    def encode(self, record: Record) -> bytes:
        """Return a line as it is meant to stand; TypeError where it cannot be JSON."""
        more = b""
        if record.level:
            more = b',"log.level":' + orjson.dumps(record.level)
        if record.flags:
            more += b',"fairlead.flags":' + orjson.dumps(record.flags)
        if record.fields:
            taken, aside = _sorted_out(record.fields)
            if taken:
                more += b"," + orjson.dumps(taken)[1:-1]
            if aside:
                more += b',"fairlead.aside":' + orjson.dumps(aside)
        return self._fill(record, more)

    def encode_bare(self, record: Record) -> bytes:
        """Return a line whose fields the index does not take, with all that is optional aside."""
        aside: dict[str, Any] = dict(record.fields or {})
        more = b""
        if record.level in LEVELS:
            more = b',"log.level":' + orjson.dumps(record.level)
        elif record.level:
            aside["log.level"] = record.level
        if record.flags:
            aside["fairlead.flags"] = record.flags
        return self._fill(record, more + b',"fairlead.aside":' + orjson.dumps(aside))

    def _fill(self, record: Record, more: bytes) -> bytes:
        offset, end = record.offset, record.end
        time = time_text(record.timestamp_ns).encode()
        return self._format % (offset, offset, end, end - offset, time, orjson.dumps(record.message), more)


def stored(hit: dict[str, Any]) -> StoredRecord:
    """Return the record of a hit."""
    ecs: dict[str, Any] = hit["_source"]
    if ASIDE in ecs:
        ecs = ecs.pop(ASIDE) | ecs
    take = ecs.pop
    flags = take("fairlead.flags", None)
    take("fairlead.bytes", None)
    take("fairlead.kind", None)
    return StoredRecord(
        id=hit["_id"],
        source=take("fairlead.source"),
        path=take("log.file.path"),
        host=take("host.name"),
        agent=take("agent.id"),
        created_ns=parse_time(take("event.created")),
        ingested_ns=parse_time(take("event.ingested")),
        record=Record(
            timestamp_ns=parse_time(take("@timestamp")),
            message=take("message"),
            offset=take("log.offset"),
            end=take("fairlead.end"),
            level=take("log.level", None),
            flags=tuple(flags) if flags else (),
            fields=ecs or None,
        ),
    )


def id_part(source: str) -> str:
    """Return what stands for a source in ids: itself, or its hash where it is too long."""
    return source if len(source.encode()) <= _LONGEST_ID else hashlib.sha256(source.encode()).hexdigest()


def id_of(source: str, offset: int) -> str:
    """Return the id of a line's document."""
    return f"{id_part(source)}:{offset}"


def time_text(ns: int) -> str:
    """Return a time as `core.record.format_time` writes it."""
    seconds, rest = divmod(ns, 1_000_000_000)
    return f"{_second(seconds)}.{rest // 1000:06d}Z"


@lru_cache(4096)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]


def _sorted_out(fields: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fields to index, and those that would get into ours."""
    aside = {name: value for name, value in fields.items() if _interferes(name, value)}
    return ({name: value for name, value in fields.items() if name not in aside} if aside else fields), aside


def _interferes(name: str, value: object) -> bool:
    root = name.partition(".")[0]
    return root == "fairlead" or name == "event.ingested" or (root in _OWN and (isinstance(value, dict | list) or "." not in name))
