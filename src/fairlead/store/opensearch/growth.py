"""A line that stands and comes again longer: the longer one takes the place of all that it overlaps.

An agent that was killed before its last records were acknowledged reads from there again, cuts what it finds as it now can, and sends all
of it. So a longer line is newer than what begins inside it, and what lies behind it comes once more, too.

The place of a line that was swallowed is kept by a document without a source: no search finds it, and the line cannot come back when the
agent's records are delivered again. These are put before the line itself: after a failure in between, the line has still to grow.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from fairlead.core.errors import SinkUnavailable
from fairlead.core.record import Batch, Record
from fairlead.store.opensearch.bulk import Bulk
from fairlead.store.opensearch.client import Client
from fairlead.store.opensearch.documents import ASIDE, id_of
from fairlead.store.opensearch.search import Json, hits, refresh

_IDS_A_SEARCH = 1000
Line = tuple[Batch, Record]


class Grown(NamedTuple):
    """A line that is longer than what stands in its place, and the line of `_bulk` that replaces just that."""

    line: Line
    action: bytes


class Growth:
    """Tells which lines have grown, and makes room for them. Belongs to one thread."""

    def __init__(self, client: Client, index: str) -> None:
        self._client, self._index = client, index
        self._torn: dict[str, int] = {}
        """Up to where the lines of a source were cut otherwise than those that come now: one that was swallowed ended behind that."""

    def part(self, again: Sequence[Line]) -> tuple[list[Line], list[Grown]]:
        """Part lines that just came again into those that stand already and those that have grown."""
        if not again:
            return [], []
        longest: dict[str, Line] = {}
        for line in again:
            known = longest.get(identity := id_of(line[0].source, line[1].offset))
            if known is None or known[1].end < line[1].end:
                longest[identity] = line
        grown = [
            Grown(longest.pop(hit["_id"]), self._action(hit))
            for hit in self._standing(list(longest))
            if longest[hit["_id"]][1].end > _end_of(hit)
        ]
        places = {id(one.line) for one in grown}
        return [line for line in again if id(line) not in places], grown

    def make_room(self, batches: Sequence[Batch], standing: Sequence[Line], grown: Sequence[Grown]) -> None:
        """Take away what begins inside the lines that have grown, and inside those behind them until the cuts agree again."""
        if not grown and not self._torn:
            return
        refresh(self._client, self._index)
        ends = {(batch.source, record.offset): record.end for (batch, record), _ in grown}
        sources = {source for source, _ in ends} | self._torn.keys()
        repeats = {(batch.source, record.offset, record.end) for batch, record in standing}
        for batch in batches:
            if batch.source in sources:
                for record in batch.records:
                    torn = record.offset < self._torn.get(batch.source, 0)
                    repeat = (batch.source, record.offset, record.end) in repeats
                    if ends.get((batch.source, record.offset)) == record.end or (torn and not repeat):
                        self._swallow(batch.source, record)

    def _swallow(self, source: str, record: Record) -> None:
        inside = {"range": {"log.offset": {"gt": record.offset, "lt": record.end}}}
        query = {"bool": {"filter": [{"term": {"fairlead.source": source}}, inside]}}
        asked = {"query": query, "sort": ["log.offset"], "_source": ["fairlead.end"], "seq_no_primary_term": True}
        bulk = Bulk[None](self._client, self._index)
        reached = max(record.end, self._torn.pop(source, 0))
        for hit in hits(self._client, self._index, asked):
            reached = max(reached, _end_of(hit))
            keeper = {ASIDE: {"fairlead.end": max(record.end, _end_of(hit))}}
            bulk.add(self._action(hit) + orjson.dumps(keeper) + b"\n", None)
        bulk.flush()
        fail_where_changed(bulk)
        if reached > record.end:
            self._torn[source] = reached

    def _standing(self, ids: Sequence[str]) -> Iterator[Json]:
        refresh(self._client, self._index)
        for begin in range(0, len(ids), _IDS_A_SEARCH):
            some = ids[begin : begin + _IDS_A_SEARCH]
            asked = {"query": {"ids": {"values": some}}, "sort": ["_doc"], "_source": ["fairlead.end", ASIDE], "seq_no_primary_term": True}
            yield from hits(self._client, self._index, asked, most=len(some))

    def _action(self, hit: Json) -> bytes:
        where = {"_id": hit["_id"], "if_seq_no": hit["_seq_no"], "if_primary_term": hit["_primary_term"]}
        if hit["_index"] != self._index:  # the name is an alias
            where["_index"] = hit["_index"]
        return orjson.dumps({"index": where}) + b"\n"


def fail_where_changed(bulk: Bulk[Any]) -> None:
    """Raise SinkUnavailable, so that all is done again, where another collector was at a document at the same time."""
    if bulk.there:
        raise SinkUnavailable("a line that has grown changed meanwhile")


def _end_of(hit: Json) -> int:
    """Return where a line ends, or what keeps the place of one."""
    source = hit["_source"]
    return int(source["fairlead.end"] if "fairlead.end" in source else source.get(ASIDE, {}).get("fairlead.end", 0))
