"""The parameters of the API's requests: typed, strictly converted, and described in the OpenAPI document from the same types."""

import math
from datetime import datetime
from typing import Annotated, TypeVar, get_origin, get_type_hints

import msgspec

from fairlead.core.clock import Clock
from fairlead.net.aio import web
from fairlead.net.answers import ApiError

DEFAULT_RANGE_S = 300.0
_LATEST_S = 253_402_300_799.0

Time = Annotated[str, msgspec.Meta(description="Seconds since the epoch, or RFC 3339.", examples=["1764000000", "2026-01-31T12:00:00Z"])]
Query = Annotated[str, msgspec.Meta(max_length=4096, description="As `fairlead logs QUERY`.")]
Host = Annotated[str, msgspec.Meta(max_length=1024, description="Only what is of this host, as /api/v1/hosts names it; empty: of all.")]

T = TypeVar("T")


class NoParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """None."""


class Range(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A range of time; the last five minutes where nothing is given."""

    since: Time = ""
    until: Time = ""

    def bounds_s(self, clock: Clock) -> tuple[float, float]:
        """Return both ends in seconds since the epoch."""
        until_s = parse_time(self.until, "until") if self.until else clock.wall_ns() / 1e9
        since_s = parse_time(self.since, "since") if self.since else until_s - DEFAULT_RANGE_S
        if since_s >= until_s:
            raise ApiError(400, "the range is empty", "since", "a time before until")
        return since_s, until_s


class SeriesParameters(Range, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which metrics, over which time, in how many steps."""

    name: Annotated[
        list[Annotated[str, msgspec.Meta(pattern="^[a-zA-Z_:][a-zA-Z0-9_:]*$", max_length=128)]], msgspec.Meta(min_length=1, max_length=32)
    ]
    points: Annotated[int, msgspec.Meta(ge=1, le=2000)] = 300
    by: Annotated[str, msgspec.Meta(max_length=128, description="Sum series over all labels but these (comma).")] = ""
    host: Host = ""


class LogsParameters(Range, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which lines; newest page first, `before` continues towards the past."""

    q: Query = ""
    host: Host = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 200
    before: Annotated[str, msgspec.Meta(max_length=1024, description="The `next` of a page: the page before it.")] = ""


class HistogramParameters(Range, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Lines over time."""

    q: Query = ""
    host: Host = ""
    buckets: Annotated[int, msgspec.Meta(ge=1, le=500)] = 60


class ContextParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The lines around a line."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=1024, description="The `fairlead.id` of a record.")]
    before: Annotated[int, msgspec.Meta(ge=0, le=200)] = 10
    after: Annotated[int, msgspec.Meta(ge=0, le=200)] = 10


class StreamParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which lines are followed."""

    q: Query = ""
    host: Host = ""


class AuditParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which sources; page by page."""

    findings: Annotated[bool, msgspec.Meta(description="Only sources of which something is lost, doubled or unknown.")] = False
    agent: Annotated[str, msgspec.Meta(max_length=1024, description="Only this agent's sources.")] = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1000
    after: Annotated[str, msgspec.Meta(max_length=4096, description="The `next` of the page before.")] = ""


def parse(request: web.BaseRequest, kind: type[T]) -> T:
    """Return a request's parameters; ApiError 400 with the place for what is unknown, doubled or out of range."""
    lists = {name for name, hint in get_type_hints(kind).items() if get_origin(hint) is list}
    given: dict[str, object] = {}
    for name in request.query:
        values = request.query.getall(name)
        if name not in lists and len(values) > 1:
            raise ApiError(400, "given more than once", name, "once")
        given[name] = values if name in lists else values[0]
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        raise ApiError(400, what.replace("`", ""), where.rstrip("`") or "query", "see /api/v1/openapi.json") from None


def parse_time(text: str, where: str) -> float:
    """Return seconds since the epoch of a number or an RFC 3339 time."""
    try:
        seconds = float(text)
    except ValueError:
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            raise ApiError(400, f"{text[:64]!r} is not a time", where, "seconds since the epoch, or RFC 3339") from None
        if found.tzinfo is None:
            raise ApiError(400, "a time without its zone", where, "RFC 3339, such as 2026-01-31T12:00:00Z") from None
        seconds = found.timestamp()
    if not math.isfinite(seconds) or not 0 <= seconds <= _LATEST_S:
        raise ApiError(400, "not a time of this era", where, "seconds since the epoch, or RFC 3339")
    return seconds
