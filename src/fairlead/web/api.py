"""What the API answers: these types make the answers and the OpenAPI document alike."""

from typing import Any, Literal

import msgspec


class StatusBody(msgspec.Struct, frozen=True):
    """About this program and what it keeps; times are RFC 3339. A collector stores what agents of many hosts send."""

    version: str
    role: Literal["host", "collector"]
    host: str
    started: str
    now: str
    oldest: str | None
    newest: str | None
    ready: bool
    problems: dict[str, str]
    intervals: dict[str, float]


class SampleHost(msgspec.Struct, frozen=True):
    """Whose sample it is."""

    name: str


class SampleMetric(msgspec.Struct, frozen=True):
    """One series and its number."""

    name: str
    type: str
    labels: dict[str, str]
    value: float


class SampleBody(msgspec.Struct, frozen=True, rename={"timestamp": "@timestamp"}):
    """One sample: the object of `fairlead metrics --json`."""

    timestamp: str
    host: SampleHost
    metrics: list[SampleMetric]


class LogsBody(msgspec.Struct, frozen=True):
    """ECS records with `fairlead.id`, oldest first; `next` is the `before` of the page before, null where there is none."""

    records: list[dict[str, Any]]
    next: int | str | None


class RecordsBody(msgspec.Struct, frozen=True):
    """ECS records with `fairlead.id`, in the order of their file."""

    records: list[dict[str, Any]]


class HistogramBar(msgspec.Struct, frozen=True):
    """Lines from `start` (seconds since the epoch) on."""

    start: float
    count: int
    errors: int


class HistogramBody(msgspec.Struct, frozen=True):
    """Bars of `step_s` seconds."""

    step_s: float
    buckets: list[HistogramBar]


class LogFile(msgspec.Struct, frozen=True):
    """A source as far as it is stored."""

    path: str
    source: str
    offset: int


class FilesBody(msgspec.Struct, frozen=True):
    """The sources, by path."""

    files: list[LogFile]


AgentState = Literal["alive", "late", "silent", "stopped"]


class AgentBody(msgspec.Struct, frozen=True):
    """One agent: alive up to 3 of its intervals after its last heartbeat came, late up to 10, then silent; stopped if that one said so.

    `heartbeat` is when it came by the collector's clock. Null is what the agent did not tell; `lines_per_s` (over the last minute) is
    null until the collector has read its store twice. `lost` counts ranges of bytes that are missing, `unknown` gaps of unknown size.
    """

    agent: str
    host: str
    version: str
    state: AgentState
    heartbeat: str
    heartbeat_age_s: float
    interval_s: float
    sources: int | None
    lag_bytes: float | None
    lag_s: float | None
    spool_bytes: float | None
    lines_per_s: float | None
    lost: int
    unknown: int


class AgentsBody(msgspec.Struct, frozen=True):
    """The agents, by host."""

    agents: list[AgentBody]


class HostBody(msgspec.Struct, frozen=True):
    """A host of which lines or samples stand, and the time of its newest sample."""

    name: str
    newest_sample: str | None


class HostsBody(msgspec.Struct, frozen=True):
    """The hosts, by name."""

    hosts: list[HostBody]


class AuditSource(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """One source, as `fairlead audit --json` shows it; of its gaps the first 100."""

    agent: str
    source: str
    path: str
    lines: int
    start: int
    end: int
    lost: int
    doubled: int
    unknown: int
    gaps: list[tuple[int, int]]
    refused: int


class AuditBody(msgspec.Struct, frozen=True):
    """A page of the audit made at `audited`; the sums are those of all sources. `next` is the `after` of the page that follows, or null."""

    sources: list[AuditSource]
    lost: int
    doubled: int
    unknown: int
    audited: str
    next: str | None


class LoginBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the login takes."""

    token: str
