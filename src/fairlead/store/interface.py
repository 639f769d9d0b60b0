"""What a store does, whatever keeps the bytes. Calls block: the loop reaches them through `store/writer.py` and threads."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import msgspec

from fairlead.core.record import Batch, Position, Record, format_time
from fairlead.core.record import to_ecs as ecs_of
from fairlead.core.sample import Tick


class LogQuery(msgspec.Struct, frozen=True):
    """A parsed `fairlead logs QUERY` and its bounds; `store/query.py` makes it from text, and text never meets a store's own syntax."""

    phrases: tuple[tuple[str, ...], ...] = ()
    """Each is a phrase of one or more words; all must be there."""
    excluded: tuple[tuple[str, ...], ...] = ()
    files: tuple[str, ...] = ()
    """Globs of paths; one must match."""
    hosts: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    since_ns: int | None = None
    until_ns: int | None = None


class StoredRecord(msgspec.Struct, gc=False):
    """A record as it was found: its id in the store, where it came from, and itself."""

    id: int
    source: str
    path: str
    host: str
    agent: str
    created_ns: int
    ingested_ns: int
    record: Record


def to_ecs(stored: StoredRecord) -> dict[str, Any]:
    """Return a stored record as the flat ECS object of `logs --json` and the API: the pipeline's, with when it was stored."""
    batch = Batch(
        source=stored.source,
        path=stored.path,
        start=stored.record.offset,
        end=stored.record.end,
        created_ns=stored.created_ns,
        records=[],
        position=Position(stored.source, stored.path, stored.record.end),
        host=stored.host,
        agent=stored.agent,
    )
    return ecs_of(batch, stored.record) | {"event.ingested": format_time(stored.ingested_ns)}


class Bucket(msgspec.Struct, gc=False):
    """One bar of a histogram: matching lines from `start_ns` on, and how many of them are error lines."""

    start_ns: int
    count: int
    errors: int


class SeriesPoints(msgspec.Struct):
    """One series over time: a gauge's value or a counter's rate per second; None where nothing was sampled (a gap)."""

    name: str
    labels: dict[str, str]
    mean: list[float | None]
    minimum: list[float | None]
    maximum: list[float | None]


class SeriesRange(msgspec.Struct):
    """Series on one grid of times: `times_s[i]` is the start of a step of `step_s` seconds."""

    step_s: float
    times_s: list[float]
    series: list[SeriesPoints]


class Store(Protocol):
    """One interface, one conformance suite (tests/store/)."""

    def write(self, batches: Sequence[Batch], ticks: Sequence[Tick], host: str) -> None:
        """Store everything in ONE transaction, positions included; a batch that stands already is passed over. Durable on return."""
        ...

    def positions(self) -> list[Position]:
        """Return where each source stood at the last write."""
        ...

    def span(self) -> tuple[int, int] | None:
        """Return the times (ns) of the oldest and newest sample or record; None where nothing is stored."""
        ...

    def search(self, query: LogQuery, limit: int, before: StoredRecord | None = None) -> list[StoredRecord]:
        """Return the newest matches, oldest of them first; `before` continues a page towards the past."""
        ...

    def scan(self, query: LogQuery, after_id: int = 0) -> Iterator[StoredRecord]:
        """Yield every match in order (`@timestamp`, source, offset); with `after_id` only those stored later than that record."""
        ...

    def record(self, record_id: int) -> StoredRecord | None:
        """Return one record by its id."""
        ...

    def newest_id(self) -> int:
        """Return the id of the record stored last; 0 where there is none."""
        ...

    def context(self, record_id: int, before: int, after: int) -> list[StoredRecord]:
        """Return the lines around a line of its own source, itself included."""
        ...

    def histogram(self, query: LogQuery, since_ns: int, until_ns: int, buckets: int) -> list[Bucket]:
        """Return evenly spaced bars over [since, until)."""
        ...

    def series(self, names: Sequence[str], since_s: float, until_s: float, points: int, host: str | None = None) -> SeriesRange:
        """Return the series of these metric names with about so many points, rolled up where the range is long."""
        ...

    def close(self) -> None:
        """Close; what was written stays."""
        ...
