"""What a store does, whatever keeps the bytes. Calls block: the loop reaches them through `store/writer.py` and threads."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Protocol

import msgspec

from fairlead.core.record import Batch, Position, Record, format_time
from fairlead.core.record import to_ecs as ecs_of
from fairlead.core.sample import Tick

RecordId = int | str
"""What a record is asked for again by; how it is made is the store's own business."""
Mark = Mapping[str, int]
"""How far each part of a store had come; only a store looks into it. Two that are equal have nothing between them."""


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

    id: RecordId
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


Count = Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)]
"""A number that an agent tells; every store can keep it."""


class Statement(msgspec.Struct, frozen=True):
    """What an agent says of a source: all up to `offset` was delivered, but for the `skipped` first bytes, left out by policy."""

    agent: str
    source: str
    path: str
    offset: Count
    skipped: Count = 0
    unknown: Count = 0
    """How often bytes vanished of which nobody can know the number."""
    kind: str = "file"


class AgentReport(msgspec.Struct, frozen=True):
    """An agent's heartbeat: when it was told (its clock), when it came (ours), and its numbers."""

    agent: str
    host: str
    version: str
    told_ns: int
    received_ns: int
    numbers: dict[str, Any] = {}


class Intake(msgspec.Struct):
    """What is stored in one go. `consumed`: how far (next offset) each Kafka partition (topic, number) is stored with it."""

    batches: list[Batch] = []
    ticks: list[tuple[str, list[Tick]]] = []
    """By host."""
    statements: list[Statement] = []
    reports: list[AgentReport] = []
    consumed: dict[tuple[str, int], int] = {}

    def add(self, other: "Intake") -> None:
        """Take another's content along."""
        self.batches += other.batches
        self.ticks += other.ticks
        self.statements += other.statements
        self.reports += other.reports
        self.consumed = self.consumed | other.consumed

    def lines(self) -> int:
        """Return how many lines it holds."""
        return sum(len(batch) for batch in self.batches)


class SourceAudit(msgspec.Struct, frozen=True):
    """What stands of one source of one agent: bytes [start, end), and what is wrong with it."""

    agent: str
    source: str
    path: str
    lines: int
    start: int
    end: int
    gaps: tuple[tuple[int, int], ...] = ()
    """Ranges of bytes that existed and are not stored."""
    doubled: int = 0
    """Lines that stand more than once."""
    unknown: int = 0
    refused: int = 0
    """Lines that came again and were refused: the work of acknowledgements that were lost, no fault."""


class AgentLedger(msgspec.Struct, frozen=True):
    """What the ledgers of an agent's sources add up to, as they were written down; only the audit counts lines."""

    agent: str
    sources: int
    lines: int
    """Lines that were taken in, retention's among them: a number that only grows."""
    lost: int
    """Ranges of bytes that existed and are not stored."""
    unknown: int


class StoredHost(msgspec.Struct, frozen=True):
    """A host of which lines or samples stand, and when the newest sample was taken (ns)."""

    name: str
    newest_sample_ns: int | None = None


class Store(Protocol):
    """One interface, one conformance suite (tests/store/)."""

    def write(self, intake: Intake) -> None:
        """Store everything in ONE transaction, positions included. Durable on return.

        A line that stands already is passed over; one that has grown takes the place of its shorter form and of all that is inside it.
        """
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

    def scan(self, query: LogQuery, after: Mark | None = None, upto: Mark | None = None) -> Iterator[StoredRecord]:
        """Yield every match in order (`@timestamp`, source, offset), of all that is stored or of what was stored between two marks."""
        ...

    def record(self, record_id: RecordId) -> StoredRecord | None:
        """Return one record by its id, which may have been through text; None where there is no such record."""
        ...

    def mark(self) -> Mark:
        """Return how far the store has come: what is stored from now on lies behind it."""
        ...

    def context(self, record_id: RecordId, before: int, after: int) -> list[StoredRecord]:
        """Return the lines around a line of its own source, itself included."""
        ...

    def histogram(self, query: LogQuery, since_ns: int, until_ns: int, buckets: int) -> list[Bucket]:
        """Return evenly spaced bars over [since, until)."""
        ...

    def series(self, names: Sequence[str], since_s: float, until_s: float, points: int, host: str | None = None) -> SeriesRange:
        """Return the series of these metric names with about so many points, rolled up where the range is long."""
        ...

    def audit(self) -> list[SourceAudit]:
        """Return what stands of each source, by agent, path and source."""
        ...

    def agents(self) -> list[AgentReport]:
        """Return the newest heartbeat of each agent."""
        ...

    def ledger(self) -> list[AgentLedger]:
        """Return what the ledgers say, by agent: cheap enough to be asked every few seconds with 100,000 sources."""
        ...

    def hosts(self) -> list[StoredHost]:
        """Return the hosts of which something stands, by name."""
        ...

    def close(self) -> None:
        """Close; what was written stays."""
        ...
