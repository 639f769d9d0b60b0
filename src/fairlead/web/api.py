"""What the API answers: these types make the answers and the OpenAPI document alike."""

from typing import Any

import msgspec


class StatusBody(msgspec.Struct, frozen=True):
    """About this program and what it keeps; times are RFC 3339."""

    version: str
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
    next: int | None


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


class LoginBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the login takes."""

    token: str
