"""The Store on OpenSearch, or on what speaks its bulk, search and index template APIs: many collectors may write to one.

There are no transactions, and none are needed: a document's id is made of what it is, so whatever is written again after a failure
changes nothing. Statements go behind the lines that they speak of. Samples are not kept here; see store/split.py.
"""

import ssl
from collections.abc import Callable, Iterator, Sequence

import msgspec

from fairlead.core.clock import Clock
from fairlead.core.errors import StateError
from fairlead.core.record import ERROR_LEVELS, Position
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
from fairlead.store.opensearch import indices, marks, said
from fairlead.store.opensearch.audit import audit
from fairlead.store.opensearch.client import REQUEST_TIMEOUT_S, Client
from fairlead.store.opensearch.documents import stored
from fairlead.store.opensearch.ledgers import Ledgers
from fairlead.store.opensearch.lines import LineWriter, Poison
from fairlead.store.opensearch.search import NEWEST_FIRST, OLDEST_FIRST, aggregated, hits, place_of, refresh, where
from fairlead.store.opensearch.settings import OpenSearchSettings

Poisoned = Callable[[Sequence[Poison]], None]
"""Takes what will never be a document."""
_MILLISECOND_NS = 1_000_000
_MOST_HOSTS = 10_000


class OpenSearchStore:
    """See `store/interface.py`; of samples it knows nothing. `write` belongs to one thread; the others may be called from any.

    `poisoned` is told, before `write` returns, of the lines that the cluster will never take, each with its reason; those lines are not
    stored, all others are. Every call raises SinkUnavailable while the cluster does not answer, and StateError for what it refuses.
    """

    def __init__(
        self,
        settings: OpenSearchSettings,
        clock: Clock,
        poisoned: Poisoned,
        tls: ssl.SSLContext | None = None,
        timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> None:
        self._settings, self._clock = settings, clock
        self.index = settings.index
        self._client = Client(settings, tls, timeout_s)
        self._prepared = False
        self._reached: dict[str, int] = {}
        self._lines = LineWriter(self._client, self.index)
        self._words = said.WordWriter(self._client, self.index)
        self._poisoned = poisoned
        self._ledgers = Ledgers(self._client, self.index)

    def prepare(self) -> None:
        """Put the templates, so that the indices are made as they shall be. `write` does it where it was not done."""
        indices.prepare(self._client, self._settings)
        self._prepared = True

    def check(self) -> None:
        """StateError where there is nothing to read."""
        if not indices.check(self._client, self.index):
            raise StateError(f"{self._settings.urls[0]}: there is no index {self.index} yet; start fairlead collect")

    def write(self, intake: Intake) -> None:
        """Store lines, then statements and reports; what stands already is passed over. On return all is on disk."""
        if not self._prepared:
            self.prepare()
        poison: list[Poison] = []
        again = self._lines.write(intake.batches, self._clock.wall_ns(), poison)
        self._words.write(intake.statements, intake.reports, (batch.source for batch in again), poison)
        if poison:
            # Last: what fails before is tried again from its beginning, and would be put aside twice.
            self._poisoned(poison)

    def positions(self) -> list[Position]:
        """Return how far each source was delivered, as its agent says."""
        told = (word.told for word in said.read_sources(self._client, self.index).values() if word.told)
        return [Position(t.source, t.path, t.offset, t.kind, skipped=t.skipped, unknown=t.unknown) for t in told]

    def span(self) -> tuple[int, int] | None:
        """Return the times (ns) of the oldest and newest record; None where nothing is stored."""
        refresh(self._client, self.index)
        everything = where(LogQuery())
        ends = [
            stored(hit).record.timestamp_ns
            for order in (OLDEST_FIRST, NEWEST_FIRST)
            for hit in hits(self._client, self.index, {"query": everything, "sort": order}, most=1)
        ]
        return (ends[0], ends[-1]) if ends else None

    def search(self, query: LogQuery, limit: int, before: StoredRecord | None = None) -> list[StoredRecord]:
        """Return the newest matches, oldest of them first; `before` continues a page towards the past."""
        refresh(self._client, self.index)
        asked = {"query": where(query), "sort": NEWEST_FIRST}
        if before is not None:
            asked["search_after"] = place_of(before)
        return [stored(hit) for hit in hits(self._client, self.index, asked, most=limit)][::-1]

    def scan(self, query: LogQuery, after: Mark | None = None, upto: Mark | None = None) -> Iterator[StoredRecord]:
        """Yield every match in order (`@timestamp`, source, offset), of all that is stored or of what is between two marks."""
        if after is not None or upto is not None:
            upto = self.mark() if upto is None else upto
            refresh(self._client, self.index)
            yield from marks.between(self._client, query, after or {}, upto)
            return
        refresh(self._client, self.index)
        for hit in hits(self._client, self.index, {"query": where(query), "sort": OLDEST_FIRST}):
            yield stored(hit)

    def record(self, record_id: RecordId) -> StoredRecord | None:
        """Return one record by its id."""
        refresh(self._client, self.index)
        asked = {"query": where(LogQuery(), {"ids": {"values": [str(record_id)]}}), "sort": OLDEST_FIRST}
        return next((stored(hit) for hit in hits(self._client, self.index, asked, most=1)), None)

    def mark(self) -> Mark:
        """Return how far each shard has come; one that is away for a moment, or has a new primary, has not begun anew."""
        found = marks.checkpoints(self._client, self.index)
        known = self._reached
        self._reached = reached = known | {shard: max(last, known.get(shard, last)) for shard, last in found.items()}
        return reached

    def context(self, record_id: RecordId, before: int, after: int) -> list[StoredRecord]:
        """Return the lines around a line of its own source, itself included."""
        middle = self.record(record_id)
        if middle is None:
            return []
        offset = {"order": "desc"}, {"order": "asc"}
        ranges = {"lt": middle.record.offset}, {"gte": middle.record.offset}
        parts = []
        for order, part, most in zip(offset, ranges, (before, after + 1), strict=True):
            conditions = {"term": {"fairlead.source": middle.source}}, {"range": {"log.offset": part}}
            asked = {"query": where(LogQuery(), *conditions), "sort": [{"log.offset": order}]}
            parts.append([stored(hit) for hit in hits(self._client, self.index, asked, most=most)])
        return parts[0][::-1] + parts[1]

    def histogram(self, query: LogQuery, since_ns: int, until_ns: int, buckets: int) -> list[Bucket]:
        """Return evenly spaced bars over [since, until), of whole milliseconds."""
        begin = since_ns // _MILLISECOND_NS
        step = max(1, -(-(until_ns - begin * _MILLISECOND_NS) // (buckets * _MILLISECOND_NS)))
        refresh(self._client, self.index)
        bars = {"field": "@timestamp", "fixed_interval": f"{step}ms", "offset": f"{begin % step}ms", "min_doc_count": 1}
        errors = {"filter": {"terms": {"log.level": list(ERROR_LEVELS)}}}
        bounded = where(msgspec.structs.replace(query, since_ns=since_ns, until_ns=until_ns))
        found = aggregated(self._client, self.index, {"date_histogram": bars, "aggs": {"errors": errors}}, bounded)
        counted = {bar["key"]: (bar["doc_count"], bar["errors"]["doc_count"]) for bar in found.get("buckets", ())}
        starts = range(begin, -(-until_ns // _MILLISECOND_NS), step)
        return [Bucket(start * _MILLISECOND_NS, *counted.get(start, (0, 0))) for start in starts]

    def series(self, names: Sequence[str], since_s: float, until_s: float, points: int, host: str | None = None) -> SeriesRange:
        """Return nothing: samples are kept elsewhere."""
        return SeriesRange(step_s=(until_s - since_s) / points, times_s=[], series=[])

    def audit(self) -> list[SourceAudit]:
        """Return what stands of each source, by agent, path and source: counted anew in the documents themselves."""
        return audit(self._client, self.index)

    def agents(self) -> list[AgentReport]:
        """Return the newest heartbeat of each agent."""
        return said.read_agents(self._client, self.index)

    def ledger(self) -> list[AgentLedger]:
        """Return what the sources of each agent add up to; what is lost, as of the last audit that there was time for."""
        return self._ledgers.read()

    def hosts(self) -> list[StoredHost]:
        """Return the hosts of which lines stand, by name."""
        refresh(self._client, self.index)
        found = aggregated(self._client, self.index, {"terms": {"field": "host.name", "size": _MOST_HOSTS}})
        return [StoredHost(name) for name in sorted(bucket["key"] for bucket in found.get("buckets", ()))]

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
