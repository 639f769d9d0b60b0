"""The proof out of the documents themselves: each source's are summed up, and where the sums do not fit, looked at one by one."""

from collections.abc import Iterator

import msgspec

from fairlead.core.record import FOREIGN
from fairlead.store.interface import SourceAudit, Statement
from fairlead.store.opensearch.client import Client
from fairlead.store.opensearch.said import SourceWord, read_sources
from fairlead.store.opensearch.search import Json, aggregated, hits, refresh

_SOURCES_A_PAGE = 2000
_KEYS = {"source": "fairlead.source", "agent": "agent.id", "path": "log.file.path", "kind": "fairlead.kind"}


class Standing(msgspec.Struct):
    """What stands of one source, as the cluster sums it up."""

    agent: str = ""
    path: str = ""
    kind: str = "file"
    lines: int = 0
    bytes: int = 0
    first: int = 1 << 63
    end: int = 0

    def tiles(self, begin: int, end: int) -> bool:
        """Tell whether the sums are those of lines that cover [begin, end) without a gap or an overlap."""
        return self.first >= begin and self.end == end and self.bytes == end - begin


def audit(client: Client, index: str) -> list[SourceAudit]:
    """Return what stands of each source and what its agent says of it, by agent, path and source."""
    # First what is said: the lines that it is said of are stored before it.
    words = read_sources(client, index)
    refresh(client, index)
    standing = _standing(client, index)
    found = [
        _judge(client, index, source, standing.get(source, Standing()), words.get(source, SourceWord(source)))
        for source in standing.keys() | words.keys()
    ]
    return sorted(found, key=lambda one: (one.agent, one.path, one.source))


def _standing(client: Client, index: str) -> dict[str, Standing]:
    found: dict[str, Standing] = {}
    for bucket in _buckets(client, index):
        key = bucket["key"]
        one = found.setdefault(key["source"], Standing())
        end = int(bucket["end"]["value"])
        if end >= one.end:
            # The path under which it was read last.
            one.agent, one.path, one.kind, one.end = key["agent"] or "", key["path"] or "", key["kind"] or one.kind, end
        one.lines += bucket["doc_count"]
        one.bytes += int(bucket["bytes"]["value"])
        one.first = min(one.first, int(bucket["first"]["value"]))
    return found


def _buckets(client: Client, index: str) -> Iterator[Json]:
    keys = [{name: {"terms": {"field": field, "missing_bucket": name != "source"}}} for name, field in _KEYS.items()]
    composite: Json = {"size": _SOURCES_A_PAGE, "sources": keys}
    sums = {
        "first": {"min": {"field": "log.offset"}},
        "end": {"max": {"field": "fairlead.end"}},
        "bytes": {"sum": {"field": "fairlead.bytes"}},
    }
    while True:
        page = aggregated(client, index, {"composite": composite, "aggs": sums})
        yield from page.get("buckets", ())
        if "after_key" not in page:
            return
        composite["after"] = page["after_key"]


def _judge(client: Client, index: str, source: str, standing: Standing, word: SourceWord) -> SourceAudit:
    told = word.told or Statement(standing.agent, source, standing.path, 0, kind=standing.kind)
    foreign = FOREIGN in (told.kind, standing.kind)
    reached, gaps, doubled = max(standing.end, told.skipped), list[tuple[int, int]](), 0
    if not foreign and not (standing.lines == 0 or standing.tiles(told.skipped, reached)):
        gaps, doubled = _holes(_ranges(client, index, source), told.skipped)
    if told.offset > reached:
        gaps.append((reached, told.offset))
    return SourceAudit(
        agent=told.agent,
        source=source,
        path=told.path,
        lines=standing.lines,
        start=told.skipped,
        end=max(reached, told.offset),
        gaps=tuple(gaps),
        doubled=doubled,
        unknown=told.unknown,
        refused=word.refused,
    )


def _ranges(client: Client, index: str, source: str) -> Iterator[tuple[int, int]]:
    """Yield the bytes of each line, by offset."""
    asked = {
        "query": {"term": {"fairlead.source": source}},
        "_source": False,
        "docvalue_fields": ["log.offset", "fairlead.end"],
        "sort": ["log.offset"],
    }
    for hit in hits(client, index, asked):
        yield hit["fields"]["log.offset"][0], hit["fields"]["fairlead.end"][0]


def _holes(ranges: Iterator[tuple[int, int]], begin: int) -> tuple[list[tuple[int, int]], int]:
    """Return the gaps behind `begin`, and how many lines begin before the end of those before them."""
    gaps: list[tuple[int, int]] = []
    reached, doubled, first = begin, 0, True
    for start, end in ranges:
        if start > reached:
            gaps.append((reached, start))
        elif start < reached and not first:
            doubled += 1
        reached, first = max(reached, end), False
    return gaps, doubled
