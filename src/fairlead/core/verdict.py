"""Whether a host is all right, as it is judged in one place and shown in another."""

from enum import StrEnum

import msgspec


class Status(StrEnum):
    """From good to bad; `unknown` where nothing could be observed yet."""

    OK = "ok"
    UNKNOWN = "unknown"
    WARNING = "warning"
    CRITICAL = "critical"


class VerdictFinding(msgspec.Struct, frozen=True):
    """One thing that was judged: what it is, how bad, since when, by which limit, and where to look."""

    key: str
    title: str
    status: Status
    text: str
    """The value in words, with its unit."""
    since_s: float
    """When this status began, seconds since the epoch."""
    limit: str = ""
    """The limit that was crossed, in words."""
    series: tuple[str, ...] = ()
    """Metric names that show it over time."""
    query: str = ""
    """A log query that shows it."""


class Verdict(msgspec.Struct, frozen=True):
    """The worst of its findings, since when it is so, and why in a sentence."""

    status: Status
    since_s: float
    summary: str
    findings: tuple[VerdictFinding, ...]
