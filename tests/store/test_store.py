"""The conformance suite of stores: what every implementation of store/interface.py does."""

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairlead.core.errors import StateError
from fairlead.core.sample import MetricType
from fairlead.core.units import Duration, Size
from fairlead.store.interface import LogQuery
from fairlead.store.query import parse_query
from fairlead.store.settings import StoreSettings
from fairlead.store.sqlite import SqliteStore, lines, open_memory, open_store, schema
from tests.support.samples import NOON_NS, SECOND_NS, ManualClock, batch, layout, put, tick

CPU = layout("cpu", ("node_cpu_seconds_total", MetricType.COUNTER, {"cpu": "0"}), ("node_load1", MetricType.GAUGE, {}))


@pytest.fixture
def clock() -> ManualClock:
    """Noon, until a test moves it."""
    return ManualClock()


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock, _leak_check: None) -> Iterator[SqliteStore]:
    """An empty store."""
    opened = open_store(tmp_path, StoreSettings(), clock) if request.param == "file" else open_memory(StoreSettings(), clock)
    yield opened
    opened.close()


def messages(store: SqliteStore, text: str) -> list[str]:
    return [found.record.message for found in store.scan(parse_query(text))]


def test_a_batch_that_stands_already_is_stored_once(store: SqliteStore) -> None:
    first, second = batch("s", 0, ["one", "two"]), batch("s", 4, ["two", "three"])
    put(store, [first], [], "host")
    put(store, [first, second], [], "host")
    assert sorted(messages(store, "")) == ["one", "three", "two"]
    assert [position.offset for position in store.positions()] == [second.end]


def test_what_fails_leaves_nothing_behind(store: SqliteStore) -> None:
    good = batch("s", 0, ["one"])
    bad = batch("t", 0, ["two"])
    bad.records[0].message = None  # type: ignore[assignment]  # what the schema refuses
    with pytest.raises(sqlite3.IntegrityError):
        put(store, [good, bad], [tick("cpu", NOON_NS, CPU, [1, 2])], "host")
    assert messages(store, "") == []
    assert store.positions() == []
    put(store, [good], [], "host")
    assert messages(store, "") == ["one"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["GET /a.html 200", "user-agent curl", "failed: disk full", "Straße größer"]),
        ("get", ["GET /a.html 200"]),
        ("a.html", ["GET /a.html 200"]),
        ("html.a", []),
        ("agent user", ["user-agent curl"]),
        ('"user agent"', ["user-agent curl"]),
        ('"agent user"', []),
        ("-get -curl", ["failed: disk full", "Straße größer"]),
        ("disk -full", []),
        ("größer", ["Straße größer"]),
        ("GROSSER", []),
        ("level:error", ["failed: disk full"]),
        ("file:*/b.log", ["Straße größer"]),
        ("host:nobody", []),
        ("--", ["GET /a.html 200", "user-agent curl", "failed: disk full", "Straße größer"]),
        ('"', ["GET /a.html 200", "user-agent curl", "failed: disk full", "Straße größer"]),
    ],
)
def test_queries_find_what_they_say(store: SqliteStore, query: str, expected: list[str]) -> None:
    put(store, [batch("s", 0, ["GET /a.html 200", "user-agent curl"])], [], "host")
    put(store, [batch("s", 100, ["failed: disk full"], level="error", time_ns=NOON_NS + 10 * SECOND_NS)], [], "host")
    put(store, [batch("t", 0, ["Straße größer"], path="/var/log/b.log", time_ns=NOON_NS + 20 * SECOND_NS)], [], "host")
    assert messages(store, query) == expected


@pytest.mark.parametrize(
    "text", ['a"b', "NEAR(a b)", "a AND OR", "*", "a*", "^a", "col:x", "(", ")", "'", "\0", "a:b:c", "-", '-""', "é́", "file:", 'level:"x']
)
def test_no_text_is_an_error(store: SqliteStore, text: str) -> None:
    put(store, [batch("s", 0, ["a b"])], [], "host")
    found = messages(store, text)
    assert found in ([], ["a b"])
    bars = store.histogram(parse_query(text), NOON_NS, NOON_NS + SECOND_NS, 3)
    assert sum(bar.count for bar in bars) == len(found), "the histogram counts what the search finds"


def test_pages_go_back_to_the_first_line(store: SqliteStore) -> None:
    put(store, [batch("s", 0, [f"line {i}" for i in range(25)])], [], "host")
    pages, before = [], None
    while page := store.search(LogQuery(), 10, before):
        pages.append([found.record.message for found in page])
        before = page[0]
    assert [len(page) for page in pages] == [10, 10, 5]
    assert [line for page in reversed(pages) for line in page] == [f"line {i}" for i in range(25)]


@pytest.mark.parametrize("text", ["word", "word even", "rare", "-even word", "word level:error", "nothing"])
@pytest.mark.parametrize("limit", [1, 7, 40])
def test_pages_are_what_a_scan_finds_however_few_lines_are_searched_first(
    store: SqliteStore, text: str, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "_WINDOWS", (3, 20))
    chance = random.Random(7)
    for i in range(60):
        message = f"word {i} {'even' if i % 2 == 0 else 'odd'} {'rare' if i in (3, 50) else ''}"
        level = "error" if i % 5 == 0 else None
        # Several lines bear the same time, and what is stored later may be older.
        put(store, [batch(f"s{i % 3}", i * 1000, [message], time_ns=NOON_NS + chance.randint(0, 20) * SECOND_NS, level=level)], [], "host")
    query, pages, before = parse_query(text), [], None
    while page := store.search(query, limit, before):
        pages.append([found.id for found in page])
        before = page[0]
    assert [one for page in reversed(pages) for one in page] == [found.id for found in store.scan(query)]
    assert all(len(page) == limit for page in pages[:-1])


def test_context_is_of_the_same_source_in_its_order(store: SqliteStore) -> None:
    put(store, [batch("s", 0, [f"s{i}" for i in range(9)]), batch("t", 0, ["other"] * 9)], [], "host")
    middle = next(store.scan(parse_query("s4")))
    assert [found.record.message for found in store.context(middle.id, 2, 1)] == ["s2", "s3", "s4", "s5"]
    assert store.context(10**9, 1, 1) == []


def test_a_histogram_counts_lines_and_errors(store: SqliteStore) -> None:
    put(store, [batch("s", 0, ["a"] * 10), batch("t", 0, ["b"] * 5, level="critical")], [], "host")
    bars = store.histogram(LogQuery(), NOON_NS, NOON_NS + 10 * SECOND_NS, 2)
    assert [(bar.count, bar.errors) for bar in bars] == [(10, 5), (5, 0)]


def write_seconds(store: SqliteStore, begin: int, counts: list[float]) -> None:
    put(store, [], [tick("cpu", NOON_NS + (begin + i) * SECOND_NS, CPU, [value, value * 10]) for i, value in enumerate(counts)], "host")


def test_counters_are_rates_and_gauges_are_themselves(store: SqliteStore) -> None:
    write_seconds(store, 0, [float(i) * 0.5 for i in range(20)])
    begin = NOON_NS / 1e9
    found = store.series(["node_cpu_seconds_total", "node_load1"], begin, begin + 20, 20)
    assert found.step_s == 1.0
    rates, gauge = (one.mean for one in found.series)
    assert rates[0] is None
    assert rates[1:20] == pytest.approx([0.5] * 19)
    assert gauge[:20] == pytest.approx([5.0 * i for i in range(20)])


def test_a_reset_and_a_wrap_never_give_a_negative_rate(store: SqliteStore) -> None:
    write_seconds(store, 0, [1000.0, 1001.0, 2.0, 3.0, 4294967290.0, 5.0])
    begin = NOON_NS / 1e9
    rates = store.series(["node_cpu_seconds_total"], begin, begin + 6, 6).series[0].mean
    assert rates[1:4] == pytest.approx([1.0, 2.0, 1.0])
    assert rates[5] == pytest.approx(11.0)


def test_a_gap_is_a_gap(store: SqliteStore) -> None:
    write_seconds(store, 0, [float(i) for i in range(5)])
    write_seconds(store, 60, [float(60 + i) for i in range(5)])
    begin = NOON_NS / 1e9
    found = store.series(["node_cpu_seconds_total", "node_load1"], begin, begin + 65, 65)
    rates, gauge = (one.mean for one in found.series)
    assert rates[10:61] == [None] * 51
    assert gauge[5:60] == [None] * 55


def test_long_ranges_come_from_the_roll_up_with_its_extremes(store: SqliteStore, clock: ManualClock) -> None:
    write_seconds(store, 0, [float(i * i) for i in range(181)])
    clock.step(200)
    store.sweep()
    begin = NOON_NS / 1e9
    found = store.series(["node_cpu_seconds_total"], begin, begin + 86400, 1000)
    assert found.step_s >= 60
    first = found.series[0]
    assert first.minimum[0] == pytest.approx(1.0)
    assert first.maximum[0] is not None
    assert first.maximum[0] > 100


def test_old_lines_and_samples_go_and_young_ones_stay(store: SqliteStore, clock: ManualClock) -> None:
    store.reload(StoreSettings(max_age=Duration(3600), samples_max_age=Duration(3600)))
    put(store, [batch("s", 0, ["old"])], [tick("cpu", NOON_NS, CPU, [1, 1])], "host")
    put(
        store,
        [batch("s", 4, ["young"], time_ns=NOON_NS + 5000 * SECOND_NS)],
        [tick("cpu", NOON_NS + 5000 * SECOND_NS, CPU, [1, 1])],
        "host",
    )
    clock.step(5001)
    while store.sweep():
        pass
    assert messages(store, "") == ["young"]
    assert messages(store, "old") == []
    assert len(list(store.export_samples())) == 1
    assert store.problems() == []


def test_size_is_kept_by_letting_the_oldest_go(tmp_path: Path, clock: ManualClock) -> None:
    store = open_store(tmp_path, StoreSettings(max_size=Size(1 << 20)), clock)
    try:
        for i in range(40):
            lines = [f"{i} {j} " + "x" * 200 for j in range(200)]
            put(store, [batch("s", i * 10**6, lines, time_ns=NOON_NS + i * 1000 * SECOND_NS)], [], "host")
        clock.step(50000)
        while store.sweep():
            pass
        assert 0 < (tmp_path / "store.db").stat().st_size < 3 << 20
        kept = [found.record.message for found in store.scan(LogQuery())]
        assert kept[-1].startswith("39 199 ")
        assert not any(message.startswith("0 ") for message in kept)
    finally:
        store.close()


def test_what_was_written_is_there_after_opening_again(tmp_path: Path, clock: ManualClock) -> None:
    for expected in ([], ["one"]):
        store = open_store(tmp_path, StoreSettings(), clock)
        assert messages(store, "") == expected
        put(store, [batch("s", 0, ["one"])], [], "host")
        store.close()


def test_a_newer_store_is_refused_and_left_untouched(tmp_path: Path, clock: ManualClock) -> None:
    open_store(tmp_path, StoreSettings(), clock).close()
    file = tmp_path / "store.db"
    with sqlite3.connect(file) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    connection.close()
    before = file.read_bytes()
    with pytest.raises(StateError, match="run the newer fairlead"):
        open_store(tmp_path, StoreSettings(), clock)
    assert file.read_bytes() == before


def test_an_older_schema_is_migrated_in_one_step_or_not_at_all(tmp_path: Path, clock: ManualClock) -> None:
    open_store(tmp_path, StoreSettings(), clock).close()
    connection = sqlite3.connect(tmp_path / "store.db", isolation_level=None)

    def good(on: sqlite3.Connection) -> None:
        on.execute("CREATE TABLE added (x)")

    def bad(on: sqlite3.Connection) -> None:
        on.execute("CREATE TABLE half (x)")
        raise sqlite3.OperationalError("no")

    with pytest.raises(sqlite3.OperationalError):
        schema.migrate(connection, 1, 3, {1: good, 2: bad})
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name IN ('added', 'half')").fetchone()[0] == 0
    schema.migrate(connection, 1, 2, {1: good})
    assert connection.execute("PRAGMA user_version").fetchone()[0] == 2
    connection.close()


@pytest.mark.parametrize("damage", [b"not a database at all", None])
def test_a_corrupt_store_is_moved_aside_and_a_new_one_begun(tmp_path: Path, clock: ManualClock, damage: bytes | None) -> None:
    store = open_store(tmp_path, StoreSettings(), clock)
    put(store, [batch("s", 0, ["x" * 500] * 200)], [], "host")
    store.close()
    file = tmp_path / "store.db"
    content = bytearray(file.read_bytes())
    content[100:4096] = b"\xff" * 3996
    file.write_bytes(damage or bytes(content))
    store = open_store(tmp_path, StoreSettings(), clock)
    try:
        assert messages(store, "") == []
        assert len(list(tmp_path.glob("store.db.corrupt-*"))) >= 1
    finally:
        store.close()


def test_reading_a_store_that_is_not_there_says_what_to_do(tmp_path: Path, clock: ManualClock) -> None:
    with pytest.raises(StateError, match="there is no store yet"):
        open_store(tmp_path, StoreSettings(), clock, read_only=True)
