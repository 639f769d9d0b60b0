"""How far each shard of an index has come, so that a reader goes on with just what came since.

A shard numbers its operations. All up to its global checkpoint are done on each of its copies, so after a refresh they are found, and
none before them comes later: times could promise neither, as collectors stamp lines before they write them, each by its own clock.
"""

import heapq
from collections.abc import Iterator, Mapping

from fairlead.store.interface import LogQuery, StoredRecord
from fairlead.store.opensearch.client import Client
from fairlead.store.opensearch.documents import stored
from fairlead.store.opensearch.indices import ABSENT_IS_EMPTY
from fairlead.store.opensearch.search import OLDEST_FIRST, hits, place_of, where

_NOTHING_YET = -1
_FILTER = "filter_path=indices.*.shards.*.seq_no.global_checkpoint,indices.*.shards.*.routing.primary"


def checkpoints(client: Client, index: str) -> dict[str, int]:
    """Return the number of the last operation that is done, by `INDEX/SHARD`."""
    found = client.ask("GET", f"/{index}/_stats/docs?level=shards&{ABSENT_IS_EMPTY}&{_FILTER}")
    return {
        f"{name}/{shard}": copy["seq_no"]["global_checkpoint"]
        for name, about in found.get("indices", {}).items()
        for shard, copies in about["shards"].items()
        for copy in copies
        if copy["routing"]["primary"] and "seq_no" in copy
    }


def between(client: Client, query: LogQuery, after: Mapping[str, int], upto: Mapping[str, int]) -> Iterator[StoredRecord]:
    """Yield the matches that were stored behind one mark and not behind the other, in the order of lines."""
    grown = [(shard, after.get(shard, _NOTHING_YET), last) for shard, last in upto.items() if last > after.get(shard, _NOTHING_YET)]
    yield from heapq.merge(*(_of_shard(client, query, *part) for part in grown), key=place_of)


def _of_shard(client: Client, query: LogQuery, shard: str, after: int, last: int) -> Iterator[StoredRecord]:
    index, _, number = shard.rpartition("/")
    condition = where(query, {"range": {"_seq_no": {"gt": after, "lte": last}}})
    for hit in hits(client, index, {"query": condition, "sort": OLDEST_FIRST}, preference=f"_shards:{number}"):
        yield stored(hit)
