"""A query in OpenSearch's words, and its hits page by page. Text of a query is only ever a value."""

import re
from collections.abc import Iterator
from typing import Any

from fairlead.core.errors import UsageError
from fairlead.core.record import LEVELS
from fairlead.store.interface import LogQuery, StoredRecord
from fairlead.store.opensearch.client import Client, Refused
from fairlead.store.opensearch.documents import time_text
from fairlead.store.opensearch.indices import ABSENT_IS_EMPTY

OLDEST_FIRST: list[Any] = [{"@timestamp": {"order": "asc", "missing": 0}}, "fairlead.source", "log.offset"]
NEWEST_FIRST: list[Any] = [
    {"@timestamp": {"order": "desc", "missing": 0}},
    {"fairlead.source": {"order": "desc"}},
    {"log.offset": {"order": "desc"}},
]
_PAGE = 2000
_WHOLE = f"{ABSENT_IS_EMPTY}&allow_partial_search_results=false"
"""A shard that does not answer fails the search: what it holds must not look as if it were not there."""
_MOST_WORDS = 500
_TIMES_NS = range(1 << 63)
_NOTHING = "[^\0-\U0010ffff]"
_OF_REGEX = re.compile(r'[.?+*|{}\[\]()"\\#@&<>~^$-]')
Json = dict[str, Any]


def refresh(client: Client, index: str) -> None:
    """Make findable what was acknowledged until now. Where nothing was written since, this costs next to nothing."""
    client.ask("POST", f"/{index}/_refresh?{ABSENT_IS_EMPTY}")


def hits(client: Client, index: str, body: Json, *, most: int | None = None, preference: str = "") -> Iterator[Json]:
    """Yield the hits of a sorted search, fetched page by page; with `most` so many at most. UsageError for a query that is too much."""
    parameters = f"{_WHOLE}&filter_path=hits.hits{f'&preference={preference}' if preference else ''}"
    asked = {"track_total_hits": False, **body}
    left = most
    while left is None or left > 0:
        size = _PAGE if left is None else min(_PAGE, left)
        page = _ask(client, index, parameters, {**asked, "size": size}).get("hits", {}).get("hits", [])
        yield from page
        if len(page) < size:
            return
        asked["search_after"] = page[-1]["sort"]
        left = None if left is None else left - size


def aggregated(client: Client, index: str, aggregation: Json, query: Json | None = None) -> Json:
    """Return the outcome of an aggregation over all documents, or those of a query; empty where there is no index."""
    body = {"size": 0, "track_total_hits": False, "aggs": {"of": aggregation}} | ({"query": query} if query else {})
    found: Json = _ask(client, index, f"{_WHOLE}&filter_path=aggregations", body).get("aggregations", {}).get("of", {})
    return found


def _ask(client: Client, index: str, parameters: str, body: Json) -> Json:
    try:
        found: Json = client.ask("POST", f"/{index}/_search?{parameters}", body)
        return found
    except Refused as error:
        if error.status == 400:
            raise UsageError(f"the store does not take this query; ask for less at once ({error})") from None
        raise


def where(query: LogQuery, *more: Json) -> Json:
    """Return a query as a condition without scores; `more` are further conditions."""
    phrases = sorted({" ".join(phrase) for phrase in query.phrases})
    excluded = sorted({" ".join(phrase) for phrase in query.excluded})
    if sum(len(phrase.split()) for phrase in phrases + excluded) > _MOST_WORDS:
        raise UsageError(f"the query has more than {_MOST_WORDS} words; ask for fewer")
    # What others may have put into the index has no source.
    conditions: list[Json] = [{"exists": {"field": "fairlead.source"}}, *more]
    conditions += [_phrase(phrase, "all") for phrase in phrases]
    if query.files:
        conditions.append({"bool": {"should": [_path(glob) for glob in query.files]}})
    if query.hosts:
        conditions.append({"terms": {"host.name": list(query.hosts)}})
    if query.levels:
        conditions.append({"terms": {"log.level": [level for level in query.levels if level in LEVELS]}})
    if query.since_ns is not None:
        conditions.append({"range": {"@timestamp": {"gte": _bound(query.since_ns)}}})
    if query.until_ns is not None:
        conditions.append({"range": {"@timestamp": {"lt": _bound(query.until_ns)}}})
    return {"bool": {"filter": conditions, "must_not": [_phrase(phrase, "none") for phrase in excluded]}}


def place_of(found: StoredRecord) -> list[int | str]:
    """Return where a record stands in the order of lines."""
    time_ns = found.record.timestamp_ns
    return [time_ns if time_ns in _TIMES_NS else 0, found.source, found.record.offset]


def _phrase(text: str, of_no_words: str) -> Json:
    return {"match_phrase": {"message": {"query": text, "zero_terms_query": of_no_words}}}


def _bound(time_ns: int) -> str:
    """Return a time for comparison; what no nanoseconds can be, compares as the first or last that can."""
    held_ns = min(max(time_ns, 0), _TIMES_NS[-1])
    return f"{time_text(held_ns)[:-1]}{held_ns % 1000:03d}Z"


def _path(glob: str) -> Json:
    return {"regexp": {"log.file.path": {"value": regex_of(glob), "flags": "NONE"}}}


def regex_of(glob: str) -> str:
    """Return the Lucene regular expression of a glob as Python's fnmatch knows it."""
    found, at = "", 0
    while at < len(glob):
        character = glob[at]
        at += 1
        if character == "*":
            found += "" if found.endswith(".*") else ".*"
        elif character == "?":
            found += "."
        elif character == "[" and (end := glob.find("]", at + (2 if glob[at : at + 1] == "!" else 1))) > 0:
            found += _class(glob[at:end])
            at = end + 1
        else:
            found += _escaped(character)
    return found


def _escaped(character: str) -> str:
    return _OF_REGEX.sub(r"\\\g<0>", character)


def _class(inside: str) -> str:
    """Return a character class; one of no characters matches nothing, as of `[z-a]`."""
    negated = inside.startswith("!")
    inside = inside[1:] if negated else inside
    ranges: list[tuple[str, str]] = []
    at = 0
    while at < len(inside):
        if inside[at + 1 : at + 2] == "-" and at + 2 < len(inside):
            ranges.append((inside[at], inside[at + 2]))
            at += 3
        else:
            ranges.append((inside[at], inside[at]))
            at += 1
    kept = "".join(_escaped(low) if low == high else f"{_escaped(low)}-{_escaped(high)}" for low, high in ranges if low <= high)
    if not kept:
        return "." if negated else _NOTHING
    return f"[{'^' if negated else ''}{kept}]"
