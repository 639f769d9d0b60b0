"""Searches on a real OpenSearch: the conformance suite of stores as far as lines go, and the same answers as SQLite's to any query."""

import contextlib
import random
import uuid
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from fairlead.core.errors import UsageError
from fairlead.core.record import LEVELS, Batch
from fairlead.store.interface import LogQuery
from fairlead.store.opensearch.settings import OpenSearchSettings
from fairlead.store.opensearch.store import OpenSearchStore
from fairlead.store.query import parse_query
from fairlead.store.settings import StoreSettings
from fairlead.store.sqlite import open_store
from tests.rig.opensearch import OpenSearch
from tests.store.test_store import (
    test_a_histogram_counts_lines_and_errors,
    test_context_is_of_the_same_source_in_its_order,
    test_no_text_is_an_error,
    test_pages_go_back_to_the_first_line,
    test_queries_find_what_they_say,
)
from tests.support.samples import NOON_NS, SECOND_NS, ManualClock, batch, put

__all__ = [
    "test_a_histogram_counts_lines_and_errors",
    "test_context_is_of_the_same_source_in_its_order",
    "test_no_text_is_an_error",
    "test_pages_go_back_to_the_first_line",
    "test_queries_find_what_they_say",
]
pytestmark = pytest.mark.real
WORDS = (
    "get",
    "GET",
    "Größe",
    "grosse",
    "größe",
    "naïve",
    "naive",
    "Ärger",
    "дом",
    "Дом",
    "ΣΑΣ",
    "σας",
    "数据",
    "٣٤",
    "x²",
    "e\u0301a",
    "ſ",
)
GLUE = (" ", ".", "/", "_", "-", "\t", "\0", "\u200b", "\ufeff", "€", "´", "—", ": ", "=", "«", "]")
PATHS = ("/var/log/a.log", "/var/log/b[1].log", "/var/log/b-1.log", "/srv/x y/ü.log", "/var/log/a.log.1", "/VAR/a.log", "/v.*/a|b", "")
GLOBS = (
    "*",
    "/var/*",
    "*.log",
    "*/b[[]1].log",
    "*b[!1]1*",
    "/var/log/?.log",
    "*[a-b].log",
    "*[z-a]*",
    "*[!z-a]log",
    "*x y*",
    "/v.[*]*",
    "",
)


@pytest.fixture(scope="module")
def prepared(opensearch: OpenSearch) -> Iterator[OpenSearchStore]:
    """A store on an index of two shards, which the tests of this file share one after the other."""
    index = f"searched-{uuid.uuid4().hex[:12]}"
    made = OpenSearchStore(OpenSearchSettings([opensearch.url], index, shards=2, replicas=0), ManualClock(), _nothing_is_poison)
    put(made, [batch("s", 0, ["one"])])
    yield made
    made.close()
    opensearch.ask("DELETE", f"/{index}")


@pytest.fixture
def store(opensearch: OpenSearch, prepared: OpenSearchStore) -> OpenSearchStore:
    """An empty store."""
    opensearch.ask("POST", f"/{prepared.index}/_delete_by_query?refresh=true", {"query": {"match_all": {}}})
    return prepared


def _nothing_is_poison(refused: object) -> None:
    raise AssertionError(refused)


def random_text(chance: random.Random, words: int) -> str:
    return "".join(chance.choice(WORDS) + chance.choice(GLUE) for _ in range(chance.randint(1, words)))


def random_lines(chance: random.Random) -> list[Batch]:
    """Return lines within 100 s; many of them bear the same time."""
    found = []
    for number in range(120):
        texts = [random_text(chance, 8) for _ in range(chance.randint(1, 4))]
        begin_ns = NOON_NS + chance.randrange(400) * SECOND_NS // 4
        made = batch(f"s{number % 5}", number * 10_000, texts, chance.choice(PATHS), chance.choice((None, *LEVELS)), begin_ns)
        made.host = chance.choice(("one", "Two", ""))
        found.append(made)
    return found


def random_query(chance: random.Random) -> str:
    terms = (
        lambda: random_text(chance, 2),
        lambda: f"-{random_text(chance, 1)}",
        lambda: f'"{random_text(chance, 3)}"',
        lambda: f'file:"{chance.choice(GLOBS)}"',
        lambda: f"level:{chance.choice(LEVELS)}",
        lambda: f"host:{chance.choice(('one', 'two'))}",
    )
    return " ".join(chance.choice(terms)() for _ in range(chance.randint(0, 3)))


def test_any_query_finds_what_sqlite_finds(store: OpenSearchStore, tmp_path: Path) -> None:
    chance = random.Random(11)
    lines = random_lines(chance)
    put(store, lines)
    counts = []
    with contextlib.closing(open_store(tmp_path, StoreSettings(), ManualClock())) as embedded:
        put(embedded, lines)
        for _ in range(150):
            text = random_query(chance)
            since_ns = chance.choice((None, NOON_NS + chance.randrange(50) * SECOND_NS + 1))
            query = parse_query(text, since_ns, since_ns and since_ns + 30 * SECOND_NS)
            expected = [(found.source, found.path, found.host, found.record) for found in embedded.scan(query)]
            assert [(found.source, found.path, found.host, found.record) for found in store.scan(query)] == expected, text
            assert [found.record for found in store.search(query, 10)] == [found.record for found in embedded.search(query, 10)]
            asked = query, NOON_NS, NOON_NS + 100 * SECOND_NS, 10
            assert store.histogram(*asked) == embedded.histogram(*asked), text
            counts.append(len(expected))
    assert sum(1 for count in counts if 0 < count < len(lines)) > 40, "most queries say something"


def test_a_glob_finds_the_paths_that_fnmatch_does(store: OpenSearchStore) -> None:
    chance = random.Random(5)
    paths = sorted({"".join(chance.choices("ab-]!.\\", k=chance.randint(0, 4))) for _ in range(200)} | set(PATHS))
    put(store, [batch(f"s{number}", 0, ["x"], path=path) for number, path in enumerate(paths)])
    for _ in range(150):
        glob = "".join(chance.choices("ab*?[]!-.\\", k=chance.randint(0, 6)))
        found = {record.path for record in store.scan(LogQuery(files=(glob,)))}
        assert found == {path for path in paths if fnmatchcase(path, glob)}, glob


def test_too_much_at_once_is_told_and_no_error_of_the_cluster(store: OpenSearchStore) -> None:
    put(store, [batch("s", 0, ["one"])])
    with pytest.raises(UsageError, match="more than 500 words"):
        store.search(parse_query(" ".join(f"w{number}" for number in range(600))), 10)
    with pytest.raises(UsageError, match="does not take this query"):
        store.search(LogQuery(files=("*a" + "?" * 200,)), 10)
