"""The full-text index: whatever was stored when, a search finds what a look at every line finds."""

import contextlib
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairlead.core.units import Duration
from fairlead.store.interface import LogQuery
from fairlead.store.query import parse_query
from fairlead.store.settings import StoreSettings
from fairlead.store.sqlite import SqliteStore, open_store
from fairlead.store.sqlite.blocks import BLOCK_LINES, GROUP_BLOCKS, SLICES
from tests.support.samples import NOON_NS, SECOND_NS, ManualClock, batch, put

WORDS = ["refused", "timeout", "Größe", "grosse", "日本", "a-b", "user", "GET", "5", "x" * 70]


@pytest.fixture
def store(tmp_path: Path, _leak_check: None) -> Iterator[SqliteStore]:
    """An empty store."""
    made = open_store(tmp_path, StoreSettings(), ManualClock())
    yield made
    made.close()


def found(store: SqliteStore, text: str) -> list[str]:
    return [one.record.message for one in store.scan(parse_query(text))]


def count(store: SqliteStore, table: str) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{store.file}?mode=ro", uri=True)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def long_line(number: int) -> str:
    """A line that fills a block by itself."""
    return " ".join(f"w{number}x{i}" for i in range(1000)) + f" only{number} every{number % 10}"


def test_lines_are_found_in_what_waits_and_in_groups_and_after_opening_again(store: SqliteStore) -> None:
    total = 2 * GROUP_BLOCKS + 40
    for begin in range(0, total, 300):
        put(store, [batch("s", begin * 20_000, [long_line(i) for i in range(begin, min(begin + 300, total))])])
    assert (count(store, "block_group"), count(store, "slice"), count(store, "signature")) == (2, 2 * SLICES, 40)
    for number in (0, 5, GROUP_BLOCKS - 1, GROUP_BLOCKS, 2 * GROUP_BLOCKS, total - 1):
        assert found(store, f"ONLY{number}") == [long_line(number)]
        assert found(store, f"only{number} every{(number + 1) % 10}") == []
    assert len(found(store, "every7")) == len([i for i in range(total) if i % 10 == 7])
    assert found(store, "nowhere") == []
    assert store.problems() == []
    again = open_store(store.file.parent, StoreSettings(), ManualClock())  # type: ignore[union-attr]  # it has a file
    try:
        put(again, [batch("s", 10**9, ["the next line"])])
        assert (found(again, "next line"), found(again, "only3 every3")) == (["the next line"], [long_line(3)])
        assert again.problems() == []
    finally:
        again.close()


def test_a_block_takes_lines_of_many_commits(store: SqliteStore) -> None:
    for number in range(BLOCK_LINES + 10):
        put(store, [batch("s", 100 * number, [f"line {number}"])])
        assert found(store, f"line {number}") == [f"line {number}"]
    assert (count(store, "block"), count(store, "signature")) == (2, 2)
    assert store.problems() == []


def test_a_write_that_fails_leaves_the_index_as_it_was(store: SqliteStore) -> None:
    put(store, [batch("s", 0, ["one"])])
    bad = batch("s", 100, ["lost", "two"])
    bad.records[1].message = None  # type: ignore[assignment]  # what the schema refuses
    with pytest.raises(sqlite3.IntegrityError):
        put(store, [bad])
    put(store, [batch("s", 200, ["three"])])
    assert (found(store, "one"), found(store, "lost"), found(store, "three")) == (["one"], [], ["three"])
    assert store.problems() == []


def test_blocks_and_groups_go_with_their_last_line(tmp_path: Path) -> None:
    clock = ManualClock()
    store = open_store(tmp_path, StoreSettings(max_age=Duration(3600)), clock)
    try:
        total = GROUP_BLOCKS + 10
        put(store, [batch("s", 0, [long_line(i) for i in range(total)], time_ns=NOON_NS - total * SECOND_NS)])
        clock.step(3600 - total + GROUP_BLOCKS - 1.5)
        while store.sweep():
            pass
        assert found(store, "every3") == [long_line(i) for i in range(GROUP_BLOCKS - 1, total) if i % 10 == 3]
        assert (count(store, "block"), count(store, "block_group"), store.problems()) == (11, 1, [])
        clock.step(1)
        while store.sweep():
            pass
        assert (count(store, "block"), count(store, "block_group"), count(store, "slice"), store.problems()) == (10, 0, 0, [])
        clock.step(60)
        while store.sweep():
            pass
        assert [count(store, table) for table in ("line", "block", "signature")] == [0, 0, 0]
        # The ids come again.
        put(store, [batch("s", 10**8, ["young line", "another"], time_ns=clock.wall_ns())])
        assert (found(store, "young"), found(store, "only3"), store.problems()) == (["young line"], [], [])
    finally:
        store.close()


def test_blocks_that_went_while_they_waited_are_in_no_group(tmp_path: Path) -> None:
    clock = ManualClock()
    store = open_store(tmp_path, StoreSettings(max_age=Duration(3600)), clock)
    try:
        old, young = GROUP_BLOCKS - 100, 203
        put(store, [batch("s", 0, [long_line(i) for i in range(old)], time_ns=NOON_NS - 2 * old * SECOND_NS)])
        put(store, [batch("t", 0, [long_line(old)])])
        clock.step(3600 - old)
        while store.sweep():
            pass
        put(store, [batch("u", 0, [long_line(i) for i in range(old + 1, old + young)])])
        assert [count(store, table) for table in ("block", "signature", "block_group")] == [young, young, 0]
        assert (found(store, f"only{old + 5}"), store.problems()) == ([long_line(old + 5)], [])
    finally:
        store.close()


def test_ids_that_come_again_are_indexed_anew(store: SqliteStore) -> None:
    put(store, [batch("s", 0, ["one", "two"])])
    put(store, [batch("t", 0, ["very old"], time_ns=1)])
    store.reload(StoreSettings(max_age=Duration(7200)))
    while store.sweep():
        pass
    put(store, [batch("s", 100, ["four", "five"])])
    assert [found(store, word) for word in ("two", "old", "four", "five")] == [["two"], [], ["four"], ["five"]]
    assert store.problems() == []


OF_VERSION_2 = """
DROP TABLE block; DROP TABLE signature; DROP TABLE block_group; DROP TABLE slice;
CREATE TABLE block (first INTEGER PRIMARY KEY, last INTEGER NOT NULL);
CREATE VIRTUAL TABLE block_text USING fts5 (words, content = '', detail = none, columnsize = 0, tokenize = 'unicode61');
INSERT INTO block VALUES (1, 4); INSERT INTO block_text (rowid, words) VALUES (1, 'one two three four');
DELETE FROM line WHERE id = 2; PRAGMA user_version = 2;
"""


def test_a_store_of_version_2_is_indexed_anew(tmp_path: Path) -> None:
    store = open_store(tmp_path, StoreSettings(), ManualClock())
    put(store, [batch("s", 0, ["one", "two", "three", "four"])])
    store.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "store.db")) as connection:
        connection.executescript(OF_VERSION_2)
    store = open_store(tmp_path, StoreSettings(), ManualClock())
    try:
        put(store, [batch("s", 100, ["five"])])
        assert [found(store, word) for word in ("one", "two", "four", "five")] == [["one"], [], ["four"], ["five"]]
        assert store.problems() == []
    finally:
        store.close()


def test_what_is_wrong_with_the_index_is_told(store: SqliteStore) -> None:
    put(store, [batch("s", 100_000 * i, [long_line(i)]) for i in range(GROUP_BLOCKS + 5)])
    damages = {
        "5 signatures or groups of them lack words": "UPDATE signature SET bits = zeroblob(1984)",
        "1 signatures or groups of them lack words": "UPDATE slice SET rows = zeroblob(3968) WHERE id % 100 = 7",
        "1 signatures or groups": "DELETE FROM slice WHERE id % 100 = 9",
        "3 blocks have no signature": "DELETE FROM signature WHERE first > (SELECT max(first) - 3 FROM block)",
        "2 lines stand in no block": "DELETE FROM block WHERE first BETWEEN 8 AND 9",
    }
    for problem, damage in damages.items():
        with contextlib.closing(sqlite3.connect(store.file)) as connection:  # type: ignore[arg-type]  # it has a file
            connection.execute(damage)
            assert len([one for one in _problems(connection) if problem in one]) == 1


def _problems(connection: sqlite3.Connection) -> list[str]:
    from fairlead.store.sqlite import index

    return index.problems(connection)


def test_searches_find_what_a_look_at_every_line_finds(store: SqliteStore) -> None:
    chosen = random.Random(7)
    lines: list[str] = []
    offset = 0
    for _ in range(120):
        messages = [
            " ".join(chosen.choices(WORDS, k=chosen.choice([0, 1, 3, 8]))) + f" id{chosen.randrange(500)}"
            for _ in range(chosen.choice([1, 2, 40]))
        ]
        put(store, [batch("s", offset, messages)])
        offset += 100_000
        lines += messages
    for _ in range(60):
        words = chosen.choices([*WORDS, "id7", "id8 timeout", "absent"], k=chosen.choice([1, 2]))
        query = parse_query(" ".join(words))
        everything = [one.record.message for one in store.scan(LogQuery()) if _matches(one.record.message, words)]
        assert [one.record.message for one in store.scan(query)] == everything
        assert [one.record.message for one in store.search(query, 10**6)] == everything
    assert store.problems() == []


def _matches(message: str, words: list[str]) -> bool:
    plain = f" {message.lower()} ".replace("-", " ").replace("größe", "große")
    return all(f" {part.replace('-', ' ')} " in plain for word in words for part in word.lower().replace("größe", "große").split())
