"""The indices of a collector's store, and the templates by which the cluster makes them when the first document comes.

`INDEX` holds a document for each line; `INDEX-sources` what is said of each source, `INDEX-agents` the newest heartbeat of each agent.
"""

from typing import Any

from fairlead.core.errors import StateError
from fairlead.store.opensearch.analysis import ANALYZER, analysis
from fairlead.store.opensearch.client import Client
from fairlead.store.opensearch.settings import OpenSearchSettings

VERSION = 1
_PRIORITY = 500
_MARK = {"_meta": {"fairlead": VERSION}}
_KEYWORD: dict[str, Any] = {"type": "keyword"}
_NAME: dict[str, Any] = {"type": "keyword", "ignore_above": 8191}
"""Lucene refuses terms of more than 32766 bytes, and with it the document."""
_COUNT: dict[str, Any] = {"type": "long", "index": False}
_TIME: dict[str, Any] = {"type": "date_nanos", "index": False, "ignore_malformed": True}
_LONGEST_GLOB = 65536
ABSENT_IS_EMPTY = "ignore_unavailable=true&allow_no_indices=true"
"""For searches: an index that no document made yet holds nothing."""


def sources_of(index: str) -> str:
    """Return the name of the index of what is said of sources."""
    return f"{index}-sources"


def agents_of(index: str) -> str:
    """Return the name of the index of heartbeats."""
    return f"{index}-agents"


def prepare(client: Client, settings: OpenSearchSettings) -> None:
    """Put the templates; StateError where an index of that name is there already and is none of fairlead's."""
    check(client, settings.index)
    ledger = [sources_of(settings.index), agents_of(settings.index)]
    _put(client, settings.index, [settings.index], _line_settings() | _sizes(settings), _line_mappings())
    _put(client, f"{settings.index}-ledger", ledger, _sizes(settings), _ledger_mappings())


def check(client: Client, index: str) -> bool:
    """Tell whether the index of lines is there; StateError where it is none of fairlead's, or of a newer one."""
    found = client.ask("GET", f"/{index}/_mapping?{ABSENT_IS_EMPTY}")
    for name, about in found.items():
        version = about.get("mappings", {}).get("_meta", {}).get("fairlead")
        if version is None:
            raise StateError(f"index {name} was not made by fairlead; give another one with store.opensearch.index")
        if version > VERSION:
            raise StateError(f"index {name} is of version {version}, this program knows {VERSION}; run the newer fairlead")
    return bool(found)


def _put(client: Client, name: str, patterns: list[str], settings: dict[str, Any], mappings: dict[str, Any]) -> None:
    template = {"settings": settings, "mappings": _MARK | mappings}
    client.ask("PUT", f"/_index_template/{name}", {"index_patterns": patterns, "priority": _PRIORITY, "template": template})


def _sizes(settings: OpenSearchSettings) -> dict[str, Any]:
    sizes = {"index.number_of_shards": settings.shards, "index.number_of_replicas": settings.replicas}
    return {name: number for name, number in sizes.items() if number is not None}


def _line_settings() -> dict[str, Any]:
    return {
        "index.mapping.ignore_malformed": True,
        "index.max_regex_length": _LONGEST_GLOB,
        # A bulk request is answered when it is on disk.
        "index.translog.durability": "request",
        "analysis": analysis(),
    }


def _line_mappings() -> dict[str, Any]:
    return {
        "date_detection": False,
        "dynamic_templates": [
            {"texts": {"match_mapping_type": "string", "mapping": {"type": "keyword", "ignore_above": 1024}}},
        ],
        "properties": {
            # What cannot be a time of nanoseconds (before 1970) stands all the same, and sorts as the oldest.
            "@timestamp": {"type": "date_nanos", "ignore_malformed": True},
            "event.created": _TIME,
            "event.ingested": _TIME,
            "message": {"type": "text", "analyzer": ANALYZER, "norms": False},
            "log.file.path": _NAME,
            "log.offset": {"type": "long", "ignore_malformed": False},
            "log.level": {"type": "keyword", "ignore_above": 64},
            "host.name": _NAME,
            "agent.id": _NAME,
            "fairlead.source": _KEYWORD,
            "fairlead.end": _COUNT | {"ignore_malformed": False},
            "fairlead.bytes": _COUNT | {"ignore_malformed": False},
            "fairlead.kind": _KEYWORD,
            "fairlead.flags": _KEYWORD,
            "fairlead.aside": {"type": "object", "enabled": False},
        },
    }


def _ledger_mappings() -> dict[str, Any]:
    keywords = dict.fromkeys(("source", "by", "agent", "host"), _NAME)
    return {"dynamic": False, "properties": keywords | {"unknown": _COUNT | {"ignore_malformed": True}}}
