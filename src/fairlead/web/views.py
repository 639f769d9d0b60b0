"""The API's answers out of the store; each view is a plain function from typed parameters to a typed body."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec

import fairlead
from fairlead.core.clock import Clock
from fairlead.core.errors import FairleadError, UsageError
from fairlead.core.readiness import Readiness
from fairlead.core.record import format_time
from fairlead.core.sample import to_json
from fairlead.core.verdict import Verdict
from fairlead.net.answers import ApiError
from fairlead.store.interface import LogQuery, SeriesPoints, SeriesRange, Store, StoredRecord, to_ecs
from fairlead.store.query import parse_query
from fairlead.web.api import (
    AgentsBody,
    AuditBody,
    FilesBody,
    HistogramBar,
    HistogramBody,
    HostBody,
    HostsBody,
    LogFile,
    LogsBody,
    RecordsBody,
    StatusBody,
)
from fairlead.web.auditing import Auditing
from fairlead.web.parameters import AuditParameters, ContextParameters, HistogramParameters, LogsParameters, SeriesParameters
from fairlead.web.sources import WebSources

READ_DEADLINE_S = 30.0
_READERS = 2
_WAITING = 32

T = TypeVar("T")


class StoreReads:
    """Runs reads of the store in a few threads, each with a deadline; what is too much is refused, not queued up."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_READERS, thread_name_prefix="store reader")
        self._running = 0

    async def run(self, call: Callable[..., T], *arguments: Any) -> T:  # noqa: ANN401 - of any call
        """Return what a call returns; ApiError 503 where too many wait or the store is slow or fails, 400 where too much is asked."""
        if self._running >= _WAITING:
            raise ApiError(503, "too many requests wait for the store", retry_after_s=1)
        self._running += 1
        future = asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)
        future.add_done_callback(self._ended)
        try:
            return await asyncio.wait_for(asyncio.shield(future), READ_DEADLINE_S)
        except TimeoutError:
            raise ApiError(503, f"the store did not answer within {READ_DEADLINE_S:.0f} s", retry_after_s=5) from None
        except UsageError as error:
            raise ApiError(400, str(error)) from None
        except FairleadError as error:
            raise ApiError(503, str(error), retry_after_s=5) from None

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _ended(self, _: "asyncio.Future[Any]") -> None:
        self._running -= 1


class Views:
    """What the API shows of its sources."""

    def __init__(self, sources: WebSources, clock: Clock, readiness: Readiness) -> None:
        self._sources, self._clock, self._readiness = sources, clock, readiness
        self._started = format_time(clock.wall_ns())
        self._auditing = Auditing(clock)

    def verdict(self) -> Verdict:
        """Whether the host is all right."""
        if self._sources.verdict is None:
            raise ApiError(404, "no verdict is made here")
        return self._sources.verdict()

    def status(self) -> StatusBody:
        """About this program."""
        span = self._store().span()
        problems = {name: reason for name, reason in self._readiness.problems().items() if reason}
        return StatusBody(
            version=fairlead.__version__,
            role="collector" if self._sources.fleet else "host",
            host=self._sources.host,
            started=self._started,
            now=format_time(self._clock.wall_ns()),
            oldest=format_time(span[0]) if span else None,
            newest=format_time(span[1]) if span else None,
            ready=not problems,
            problems=problems,
            intervals=self._sources.intervals() if self._sources.intervals else {},
        )

    def metrics(self) -> dict[str, Any]:
        """Return the newest sample of each collector."""
        if self._sources.latest is None:
            raise ApiError(404, "nothing is sampled here")
        ticks = self._sources.latest()
        return to_json(ticks, self._sources.host, max((tick.time_ns for tick in ticks), default=time.time_ns()))

    def series(self, asked: SeriesParameters) -> SeriesRange:
        """Return series over time."""
        since_s, until_s = asked.bounds_s(self._clock)
        found = self._store().series(asked.name, since_s, until_s, asked.points, asked.host or None)
        labels = [label.strip() for label in asked.by.split(",") if label.strip()]
        return sum_by(found, labels) if asked.by else found

    def logs(self, asked: LogsParameters) -> LogsBody:
        """Return a page of lines."""
        since_s, until_s = asked.bounds_s(self._clock) if asked.since or asked.until else (None, None)
        query = query_of(asked.q, asked.host, _ns(since_s), _ns(until_s))
        before = None
        if asked.before:
            before = self._store().record(asked.before)
            if before is None:
                raise ApiError(404, "no such record", "before", "the `next` of a page")
        found = self._store().search(query, asked.limit, before)
        return LogsBody([show(record) for record in found], found[0].id if len(found) == asked.limit else None)

    def histogram(self, asked: HistogramParameters) -> HistogramBody:
        """Return lines over time."""
        since_s, until_s = asked.bounds_s(self._clock)
        bars = self._store().histogram(query_of(asked.q, asked.host), int(since_s * 1e9), int(until_s * 1e9), asked.buckets)
        step_s = (bars[1].start_ns - bars[0].start_ns) / 1e9 if len(bars) > 1 else until_s - since_s
        return HistogramBody(step_s, [HistogramBar(bar.start_ns / 1e9, bar.count, bar.errors) for bar in bars])

    def context(self, asked: ContextParameters) -> RecordsBody:
        """Return the lines around a line."""
        found = self._store().context(asked.id, asked.before, asked.after)
        if not found:
            raise ApiError(404, "no such record", "id")
        return RecordsBody([show(record) for record in found])

    def files(self) -> FilesBody:
        """Return the sources."""
        positions = sorted(self._store().positions(), key=lambda position: position.path)
        return FilesBody([LogFile(position.path, position.source, position.offset) for position in positions])

    def agents(self) -> AgentsBody:
        """Return the fleet."""
        if self._sources.fleet is None:
            raise ApiError(404, "no agents deliver here")
        return AgentsBody(self._sources.fleet.read())

    def hosts(self) -> HostsBody:
        """Return the hosts of which something stands."""
        hosts = self._store().hosts()
        return HostsBody(
            [HostBody(host.name, None if host.newest_sample_ns is None else format_time(host.newest_sample_ns)) for host in hosts]
        )

    def audit(self, asked: AuditParameters) -> AuditBody:
        """Return what stands of each source."""
        return self._auditing.page(self._store(), asked)

    def _store(self) -> Store:
        if self._sources.store is None:
            raise ApiError(404, "there is no store here")
        return self._sources.store


def show(record: StoredRecord) -> dict[str, Any]:
    """Return a stored record as the API shows it."""
    return to_ecs(record) | {"fairlead.id": record.id}


def query_of(text: str, host: str, since_ns: int | None = None, until_ns: int | None = None) -> LogQuery:
    """Return the query of a text, narrowed to one host unless that is empty."""
    query = parse_query(text, since_ns, until_ns)
    if not host:
        return query
    # Of a host that the text itself leaves out nothing is asked for: NUL is the name of none.
    return msgspec.structs.replace(query, hosts=(host,) if not query.hosts or host in query.hosts else ("\0",))


def sum_by(found: SeriesRange, labels: list[str]) -> SeriesRange:
    """Sum the series of a name over all labels but these; a step has a sum where any of them has a value."""
    groups: dict[tuple[str, ...], SeriesPoints] = {}
    for one in found.series:
        kept = {label: one.labels[label] for label in labels if label in one.labels}
        group = groups.get((one.name, *kept.values()))
        if group is None:
            groups[(one.name, *kept.values())] = SeriesPoints(one.name, kept, one.mean, one.minimum, one.maximum)
            continue
        group.mean, group.minimum, group.maximum = (
            [b if a is None else a if b is None else a + b for a, b in zip(sums, values, strict=True)]
            for sums, values in ((group.mean, one.mean), (group.minimum, one.minimum), (group.maximum, one.maximum))
        )
    return SeriesRange(found.step_s, found.times_s, list(groups.values()))


def _ns(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds * 1e9)
