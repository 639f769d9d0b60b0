"""The ledger of each source: what it takes, what it refuses, and what the audit finds of it."""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from fairlead.core.record import Batch, Position, Record
from fairlead.store.interface import AgentReport, Intake, LogQuery, SourceAudit, Statement
from fairlead.store.settings import StoreSettings
from fairlead.store.sqlite import SqliteStore, blocks, open_store, schema
from tests.support.samples import NOON_NS, ManualClock, put


@pytest.fixture
def store(tmp_path: Path, _leak_check: None) -> Iterator[SqliteStore]:
    """An empty store."""
    made = open_store(tmp_path, StoreSettings(), ManualClock())
    yield made
    made.close()


def lines(*ranges: tuple[int, int], source: str = "s", skipped: int = 0) -> Batch:
    """Return a batch of another host's with these ranges of bytes as its lines."""
    records = [Record(NOON_NS, f"line at {start}", start, end) for start, end in ranges]
    position = Position(source, "/a.log", ranges[-1][1], kind="remote", skipped=skipped)
    return Batch(source, "/a.log", ranges[0][0], ranges[-1][1], NOON_NS, records, position, "host", "agent")


def take(store: SqliteStore, *batches: Batch, told: Sequence[Statement] = ()) -> SourceAudit:
    """Store batches and statements; return the audit of the one source that there is."""
    store.write(Intake(batches=list(batches), statements=list(told)))
    [found] = store.audit()
    return found


def told(offset: int, skipped: int = 0, unknown: int = 0) -> Statement:
    return Statement("agent", "s", "/a.log", offset, skipped, unknown)


def test_lines_that_tile_are_whole(store: SqliteStore) -> None:
    found = take(store, lines((0, 10), (10, 30)), lines((30, 31)))
    assert (found.agent, found.path, found.lines, found.start, found.end) == ("agent", "/a.log", 3, 0, 31)
    assert (found.gaps, found.doubled, found.unknown, found.refused) == ((), 0, 0, 0)


def test_a_redelivery_is_refused(store: SqliteStore) -> None:
    take(store, lines((0, 10), (10, 20)))
    found = take(store, lines((0, 10), (10, 20), (20, 30)))
    assert (found.lines, found.end, found.refused, found.doubled) == (3, 30, 2, 0)


def test_a_gap_is_lost_until_it_is_filled(store: SqliteStore) -> None:
    found = take(store, lines((0, 10)), lines((40, 50)))
    assert found.gaps == ((10, 40),)
    assert take(store, lines((20, 30))).gaps == ((10, 20), (30, 40))
    found = take(store, lines((10, 20), (20, 30), (30, 40)))
    assert (found.gaps, found.lines, found.refused) == ((), 5, 1)


def test_a_gap_survives_a_restart(store: SqliteStore, tmp_path: Path) -> None:
    take(store, lines((0, 10)), lines((20, 30)))
    store.close()
    again = open_store(tmp_path, StoreSettings(), ManualClock())
    try:
        assert take(again, lines((30, 40))).gaps == ((10, 20),)
        assert take(again, lines((10, 20), (20, 30))).refused == 1
    finally:
        again.close()


def test_a_line_that_overlaps_what_stands_is_refused(store: SqliteStore) -> None:
    found = take(store, lines((0, 10), (10, 20)), lines((5, 15)))
    assert (found.lines, found.refused, found.doubled) == (2, 1, 0)


def test_what_an_agent_delivered_and_never_came_is_lost(store: SqliteStore) -> None:
    found = take(store, lines((0, 10)), told=[told(25)])
    assert (found.gaps, found.end) == (((10, 25),), 25)
    assert take(store, lines((10, 25))).gaps == ()


def test_what_policy_passed_over_is_not_lost(store: SqliteStore) -> None:
    assert take(store, lines((100, 110))).gaps == ((0, 100),)
    found = take(store, told=[told(110, skipped=100)])
    assert (found.gaps, found.start) == ((), 100)


def test_an_unknown_gap_stays_told(store: SqliteStore) -> None:
    assert take(store, lines((0, 10)), told=[told(10, unknown=1)]).unknown == 1
    assert take(store, told=[told(10)]).unknown == 1


def test_a_line_that_vanished_from_the_store_is_lost(store: SqliteStore, tmp_path: Path) -> None:
    take(store, lines((0, 10), (10, 20), (20, 30)))
    with sqlite3.connect(tmp_path / "store.db") as connection:
        connection.execute("DELETE FROM line WHERE offset = 10")
    connection.close()
    [found] = store.audit()
    assert (found.lines, len(found.gaps)) == (2, 1)


def test_a_line_that_stands_twice_is_doubled(store: SqliteStore, tmp_path: Path) -> None:
    take(store, lines((0, 10), (10, 20)))
    with sqlite3.connect(tmp_path / "store.db") as connection:
        connection.execute(
            "INSERT INTO line (source, offset, end, origin, time_ns, created_ns, ingested_ns, message)"
            " SELECT source, 5, 15, origin, time_ns, created_ns, ingested_ns, 'twice' FROM line WHERE offset = 0"
        )
    connection.close()
    [found] = store.audit()
    assert found.doubled == 2


def test_a_hosts_own_positions_are_kept(store: SqliteStore) -> None:
    batch = lines((50, 60), skipped=50)
    batch.position = Position("s", "/a.log", 60, skipped=50, updated_ns=1)
    found = take(store, batch)
    assert (found.gaps, found.start, [p.offset for p in store.positions()]) == ((), 50, [60])


def test_what_retention_lets_go_of_is_not_lost(tmp_path: Path) -> None:
    clock = ManualClock()
    store = open_store(tmp_path, StoreSettings(), clock)
    try:
        put(store, [lines((0, 10), (10, 20))])
        clock.step(8 * 86400)
        while store.sweep():
            pass
        late = lines((20, 30))
        late.records[0].timestamp_ns = clock.wall_ns()
        put(store, [late])
        [found] = store.audit()
        assert (found.lines, found.gaps, found.end) == (3, (), 30)
    finally:
        store.close()


def test_offsets_and_heartbeats_are_kept_with_the_lines(store: SqliteStore) -> None:
    old, new = (AgentReport("agent", "host", "1", told_ns, told_ns, {"lag_bytes": told_ns}) for told_ns in (5, 9))
    store.write(Intake(batches=[lines((0, 10))], reports=[new, old], consumed={("logs", 0): 5}))
    assert (store.agents(), store.consumed()) == ([new], {("logs", 0): 5})


def test_a_store_of_version_1_gets_its_ledger(tmp_path: Path) -> None:
    made = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    old_index = "CREATE VIRTUAL TABLE line_text USING fts5 (message, content = 'line', content_rowid = 'id', tokenize = 'unicode61');"
    tables = schema._TABLES.replace(schema._LEDGER, "").replace(blocks.TABLES, old_index)
    made.executescript(f"{tables} PRAGMA application_id = {schema.APPLICATION_ID}; PRAGMA user_version = 1; PRAGMA journal_mode = WAL;")
    made.execute("INSERT INTO source (name) VALUES ('s')")
    made.execute("INSERT INTO origin (source, path, host, agent) VALUES ('s', '/a.log', 'host', 'agent')")
    for start in (0, 10, 30):
        made.execute(
            "INSERT INTO line (source, offset, end, origin, time_ns, created_ns, ingested_ns, message) VALUES (1, ?, ?, 1, ?, 0, 0, 'x')",
            (start, start + 10, NOON_NS),
        )
    made.close()
    store = open_store(tmp_path, StoreSettings(), ManualClock())
    try:
        found = take(store, lines((30, 40), (40, 50)))
        assert (found.lines, found.end, found.refused, found.gaps) == (4, 50, 1, ())
        assert (len(store.search(LogQuery((("x",),)), 10)), store.problems()) == (3, [])
    finally:
        store.close()
