"""Lines in one store and samples in another: a collector whose lines go to a cluster keeps what its hosts sample in its own SQLite."""

from collections.abc import Iterator, Sequence
from itertools import chain

import msgspec

from fairlead.core.record import Position
from fairlead.store.interface import (
    AgentLedger,
    AgentReport,
    Bucket,
    Intake,
    LogQuery,
    Mark,
    RecordId,
    SeriesRange,
    SourceAudit,
    StoredHost,
    StoredRecord,
)
from fairlead.store.opensearch.store import OpenSearchStore
from fairlead.store.sqlite import SqliteStore


class SplitStore:
    """See `store/interface.py`: samples are SQLite's, all else is OpenSearch's. `write` and `sweep` belong to one thread."""

    def __init__(self, lines: OpenSearchStore, samples: SqliteStore) -> None:
        self._lines, self._samples = lines, samples

    def write(self, intake: Intake) -> None:
        """Store lines, then samples; what of it stands already, after a failure between the two, is passed over."""
        self._lines.write(intake)
        if intake.ticks:
            self._samples.write(Intake(ticks=intake.ticks))

    def positions(self) -> list[Position]:
        """Return how far each source was delivered, as its agent says."""
        return self._lines.positions()

    def span(self) -> tuple[int, int] | None:
        """Return the times (ns) of the oldest and newest sample or record; None where nothing is stored."""
        spans = [span for span in (self._lines.span(), self._samples.span()) if span]
        return (min(oldest for oldest, _ in spans), max(newest for _, newest in spans)) if spans else None

    def search(self, query: LogQuery, limit: int, before: StoredRecord | None = None) -> list[StoredRecord]:
        """Return the newest matches, oldest of them first; `before` continues a page towards the past."""
        return self._lines.search(query, limit, before)

    def scan(self, query: LogQuery, after: Mark | None = None, upto: Mark | None = None) -> Iterator[StoredRecord]:
        """Yield every match in order (`@timestamp`, source, offset), of all that is stored or of what was stored between two marks."""
        return self._lines.scan(query, after, upto)

    def record(self, record_id: RecordId) -> StoredRecord | None:
        """Return one record by its id."""
        return self._lines.record(record_id)

    def mark(self) -> Mark:
        """Return how far the store of lines has come."""
        return self._lines.mark()

    def context(self, record_id: RecordId, before: int, after: int) -> list[StoredRecord]:
        """Return the lines around a line of its own source, itself included."""
        return self._lines.context(record_id, before, after)

    def histogram(self, query: LogQuery, since_ns: int, until_ns: int, buckets: int) -> list[Bucket]:
        """Return evenly spaced bars over [since, until)."""
        return self._lines.histogram(query, since_ns, until_ns, buckets)

    def series(self, names: Sequence[str], since_s: float, until_s: float, points: int, host: str | None = None) -> SeriesRange:
        """Return the series of these metric names with about so many points, rolled up where the range is long."""
        return self._samples.series(names, since_s, until_s, points, host)

    def audit(self) -> list[SourceAudit]:
        """Return what stands of each source, by agent, path and source."""
        return self._lines.audit()

    def agents(self) -> list[AgentReport]:
        """Return the newest heartbeat of each agent."""
        return self._lines.agents()

    def ledger(self) -> list[AgentLedger]:
        """Return what the sources of each agent add up to."""
        return self._lines.ledger()

    def hosts(self) -> list[StoredHost]:
        """Return the hosts of which something stands, by name; samples are those that came through this collector."""
        found: dict[str, StoredHost] = {}
        for host in chain(self._lines.hosts(), self._samples.hosts()):
            known = found.get(host.name, host)
            found[host.name] = msgspec.structs.replace(known, newest_sample_ns=host.newest_sample_ns or known.newest_sample_ns)
        return [found[name] for name in sorted(found)]

    def sweep(self) -> bool:
        """Roll up samples and let old ones go; how long lines are kept is the cluster's own policy."""
        return self._samples.sweep()

    def close(self) -> None:
        """Close both."""
        self._lines.close()
        self._samples.close()
