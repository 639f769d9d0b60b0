"""What agents say of their sources and of themselves, and what collectors saw come again: small documents beside the lines.

An agent's word has a version that only grows, so one that comes late, by whatever collector, never takes the place of a newer one.
What came again is counted by each collector in a document of its own, for all its life.
"""

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
import orjson

from fairlead.store.interface import AgentReport, Statement
from fairlead.store.opensearch.bulk import Bulk
from fairlead.store.opensearch.client import Client
from fairlead.store.opensearch.documents import id_part
from fairlead.store.opensearch.indices import agents_of, sources_of
from fairlead.store.opensearch.lines import Poison
from fairlead.store.opensearch.search import hits, refresh

_VERSIONS = range(1 << 63)
_AGENT = ""
"""`by` of a statement; a collector's documents bear its own name."""


class SourceWord(msgspec.Struct):
    """All that is said of one source."""

    source: str
    told: Statement | None = None
    refused: int = 0


class WordWriter:
    """Writes statements, heartbeats and counts of repeats."""

    def __init__(self, client: Client, index: str) -> None:
        self._client, self._sources, self._agents = client, sources_of(index), agents_of(index)
        self._collector = str(uuid.uuid4())
        self._again: Counter[str] = Counter()

    def write(self, statements: Sequence[Statement], reports: Sequence[AgentReport], again: Iterable[str], poison: list[Poison]) -> None:
        """Keep the newest of each, and count the sources of lines that came again; what can be no document goes to `poison`."""
        counted = Counter(again)
        self._again += counted
        sources = Bulk[bytes](self._client, self._sources)
        for told in statements:
            document = msgspec.to_builtins(told) | {"by": _AGENT}
            version = told.offset + told.skipped + told.unknown
            if min(told.offset, told.skipped, told.unknown) < 0 or version not in _VERSIONS:
                poison.append((msgspec.json.encode(told), "offset, skipped and unknown are no numbers of bytes"))
            else:
                sources.add(_put(id_part(told.source), document, version), msgspec.json.encode(told))
        for source in counted:
            document = {"source": source, "by": self._collector, "refused": self._again[source]}
            sources.add(_put(f"{id_part(source)}:{self._collector}", document), b"")
        sources.flush()
        agents = Bulk[bytes](self._client, self._agents)
        for report in reports:
            version = min(max(report.told_ns, 0), _VERSIONS[-1])
            agents.add(_put(id_part(report.agent), msgspec.to_builtins(report), version), msgspec.json.encode(report))
        agents.flush()
        poison += [*sources.malformed, *agents.malformed]


def read_sources(client: Client, index: str) -> dict[str, SourceWord]:
    """Return what is said of each source."""
    found: dict[str, SourceWord] = {}
    for document in _all(client, sources_of(index), ["source", "by"]):
        word = found.setdefault(document["source"], SourceWord(document["source"]))
        if document.pop("by") == _AGENT:
            word.told = msgspec.convert(document, Statement)
        else:
            word.refused += document["refused"]
    return found


def read_agents(client: Client, index: str) -> list[AgentReport]:
    """Return the newest heartbeat of each agent, by host."""
    return [msgspec.convert(document, AgentReport) for document in _all(client, agents_of(index), ["host", "agent"])]


def _all(client: Client, index: str, order: list[str]) -> Iterator[dict[str, Any]]:
    refresh(client, index)
    for hit in hits(client, index, {"sort": order}):
        yield hit["_source"]


def _put(identity: str, document: dict[str, Any], version: int | None = None) -> bytes:
    action: dict[str, Any] = {"_id": identity}
    if version is not None:
        action |= {"version": version, "version_type": "external_gte"}
    return orjson.dumps({"index": action}) + b"\n" + orjson.dumps(document) + b"\n"
