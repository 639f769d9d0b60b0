"""The store on a real OpenSearch: each line once, whoever writes it how often, and the audit that proves it."""

import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from fairlead.core.errors import SinkUnavailable, StateError
from fairlead.core.record import FOREIGN, Batch, Position, Record
from fairlead.store.interface import AgentLedger, AgentReport, Intake, LogQuery, SourceAudit, Statement, StoredHost
from fairlead.store.opensearch.lines import LineWriter
from fairlead.store.opensearch.settings import OpenSearchSettings
from fairlead.store.opensearch.store import OpenSearchStore
from fairlead.store.query import parse_query
from tests.rig.opensearch import OpenSearch
from tests.store import test_growth as growing
from tests.store.test_growth import (
    test_a_record_grows_again_and_again_in_one_write_and_in_many,
    test_a_record_that_grew_came_behind_a_mark,
    test_a_record_that_grew_closes_the_gap_behind_it,
    test_a_record_that_grew_swallows_those_inside_it,
    test_a_record_that_grew_takes_the_place_of_its_shorter_form,
    test_records_whose_limits_moved_stand_whole_and_once,
)
from tests.store.test_ledger import (
    lines,
    test_a_gap_is_lost_until_it_is_filled,
    test_a_redelivery_is_refused,
    test_an_unknown_gap_stays_told,
    test_lines_that_tile_are_whole,
    test_what_an_agent_delivered_and_never_came_is_lost,
    test_what_policy_passed_over_is_not_lost,
    told,
)
from tests.support.samples import NOON_NS, SECOND_NS, ManualClock, batch, put

__all__ = [
    "test_a_gap_is_lost_until_it_is_filled",
    "test_a_record_grows_again_and_again_in_one_write_and_in_many",
    "test_a_record_that_grew_came_behind_a_mark",
    "test_a_record_that_grew_closes_the_gap_behind_it",
    "test_a_record_that_grew_swallows_those_inside_it",
    "test_a_record_that_grew_takes_the_place_of_its_shorter_form",
    "test_a_redelivery_is_refused",
    "test_an_unknown_gap_stays_told",
    "test_lines_that_tile_are_whole",
    "test_records_whose_limits_moved_stand_whole_and_once",
    "test_what_an_agent_delivered_and_never_came_is_lost",
    "test_what_policy_passed_over_is_not_lost",
]
pytestmark = pytest.mark.real

Poison = list[tuple[bytes, str]]
Open = Callable[[], OpenSearchStore]


@pytest.fixture
def poison() -> Poison:
    """What the store will never take."""
    return []


@pytest.fixture
def another(opensearch: OpenSearch, poison: Poison) -> Iterator[Open]:
    """Open stores on one new index, as many collectors do."""
    settings = OpenSearchSettings([opensearch.url], f"logs-{uuid.uuid4().hex[:12]}", shards=2, replicas=0)
    opened: list[OpenSearchStore] = []

    def open_store() -> OpenSearchStore:
        opened.append(OpenSearchStore(settings, ManualClock(), poison.extend))
        return opened[-1]

    yield open_store
    for store in opened:
        store.close()
    opensearch.ask("DELETE", f"/{settings.index}*")


@pytest.fixture
def store(another: Open) -> OpenSearchStore:
    """A store on an index of its own."""
    return another()


def messages(store: OpenSearchStore, text: str = "") -> list[str]:
    return [found.record.message for found in store.scan(parse_query(text))]


def line(message: str, start: int = 0, source: str = "s", **fields: Any) -> Batch:
    made = batch(source, start, [message])
    made.records[0].fields = fields or None
    return made


def take(store: OpenSearchStore, *batches: Batch, told: Sequence[Statement] = ()) -> SourceAudit:
    store.write(Intake(batches=list(batches), statements=list(told)))
    return audited(store)


def audited(store: OpenSearchStore) -> SourceAudit:
    [found] = store.audit()
    return found


def test_what_two_collectors_write_stands_once(another: Open) -> None:
    one, other = another(), another()
    put(one, [lines((0, 10), (10, 20))])
    put(other, [lines((0, 10), (10, 20), (20, 30))])
    put(one, [lines((20, 30))])
    found = audited(other)
    assert (found.lines, found.gaps, found.doubled, found.refused) == (3, (), 0, 3)


def test_a_write_larger_than_a_request_is_whole(store: OpenSearchStore) -> None:
    put(store, [batch("s", 0, [f"{number} {'x' * 8000}" for number in range(1500)])])
    found = audited(store)
    assert (found.lines, found.gaps, found.doubled) == (1500, (), 0)


@pytest.mark.parametrize(
    "fields",
    [
        {"x": {"y": 1}},
        {"x": ["text", {"z": 1}]},
        {"log": {"offset": 7}, "log.offset.x": 8},
        {"fairlead.bytes": 5, "fairlead": {"end": 1}, "event.ingested": "never"},
        {"_id": "1", "a..b": 2, ".": 3, "": 4},
        {"host": "name", "message.x": 1, "@timestamp.x": "y"},
        {"big": "x" * 40_000},
        {f"f{number}": number for number in range(1200)},
    ],
)
def test_fields_that_do_not_fit_the_index_lose_nothing(store: OpenSearchStore, poison: Poison, fields: dict[str, Any]) -> None:
    put(store, [line("first", x=1)])
    put(store, [line("odd %d line", 6, **fields), line("last", 18, x=2)])
    found = {one.record.message: one.record.fields for one in store.scan(LogQuery())}
    # Of the store's own names the store's own values stand.
    kept = {name: value for name, value in fields.items() if name not in ("fairlead.bytes", "event.ingested")}
    assert found == {"first": {"x": 1}, "odd %d line": kept, "last": {"x": 2}}
    assert messages(store, "odd line") == ["odd %d line"]
    assert (audited(store).gaps, poison) == ((), [])


def test_odd_levels_and_flags_lose_nothing(store: OpenSearchStore) -> None:
    made = batch("s", 0, ["a", "b", "c"])
    made.records[0].level, made.records[0].flags = {"x": 1}, ({"y": 2},)  # type: ignore[assignment]  # what others may send
    made.records[1].level, made.records[1].flags = "error", ("truncated",)
    made.records[2].level, made.records[2].flags = "strange", ({"y": 2},)  # type: ignore[assignment]  # likewise
    put(store, [made])
    assert [found.record for found in store.scan(LogQuery())] == made.records
    assert messages(store, "level:error") == ["b"]


def test_what_can_be_no_document_goes_aside_and_stalls_nothing(store: OpenSearchStore, poison: Poison) -> None:
    broken = batch("s", 0, ["good", "bad"])
    broken.records[1].message = "bad \ud800"
    put(store, [broken, batch("s" * 33_000, 0, ["no source"]), batch("t", 0, ["good too"])])
    store.write(Intake(statements=[told(1 << 63), told(5, skipped=-1)]))
    assert messages(store) == ["good", "good too"]
    parts = (b"bad ", "surrogates"), (b"no source", "immense term"), (b'"offset":', "no numbers of bytes"), (b'"skipped":-1', "no numbers")
    assert len(poison) == len(parts)
    for (record, reason), (part, why) in zip(poison, parts, strict=True):
        assert part in record
        assert why in reason


def test_the_first_and_the_last_times_are_kept(store: OpenSearchStore) -> None:
    times = [0, 1000, NOON_NS, 9_214_646_399 * SECOND_NS]
    for number, time_ns in enumerate(times):
        put(store, [batch("s", number * 100, [f"line {number}"], time_ns=time_ns)])
    found = list(store.scan(LogQuery()))
    assert sorted(one.record.timestamp_ns for one in found) == times
    pages, before = [], None
    while page := store.search(LogQuery(), 2, before):
        pages.append([one.id for one in page])
        before = page[0]
    assert [one for page in reversed(pages) for one in page] == [one.id for one in found]
    assert messages(store, "line 0") == ["line 0"]
    assert len(list(store.scan(parse_query("", -SECOND_NS, 1 << 70)))) == len(times)


def test_a_source_with_a_long_name_is_one_source(store: OpenSearchStore) -> None:
    name = "ü" * 300
    put(store, [batch(name, 0, ["one", "two"])])
    put(store, [batch(name, 0, ["one", "two", "three"])])
    [middle] = store.search(parse_query("two"), 5)
    assert [one.record.message for one in store.context(middle.id, 1, 1)] == ["one", "two", "three"]
    assert (audited(store).source, audited(store).lines, audited(store).refused) == (name, 3, 2)


def test_what_is_told_late_changes_nothing(another: Open) -> None:
    old, new = (AgentReport("agent", "host", str(told_ns), told_ns, told_ns, {"lag_bytes": told_ns}) for told_ns in (5, 9))
    another().write(Intake(statements=[told(20, skipped=5, unknown=1)], reports=[new]))
    store = another()
    store.write(Intake(statements=[told(10)], reports=[old]))
    assert store.agents() == [new]
    [position] = store.positions()
    assert (position.source, position.path, position.offset, position.skipped, position.unknown) == ("s", "/a.log", 20, 5, 1)


def test_a_line_that_vanished_is_lost_with_its_place(store: OpenSearchStore, opensearch: OpenSearch) -> None:
    take(store, lines((0, 10), (10, 20), (20, 30)))
    opensearch.ask("DELETE", f"/{store.index}/_doc/s:10")
    found = audited(store)
    assert (found.lines, found.gaps, found.doubled) == (2, ((10, 20),), 0)


def test_a_line_that_overlaps_another_is_doubled(store: OpenSearchStore) -> None:
    found = take(store, lines((0, 10), (10, 20)), lines((5, 15)))
    assert (found.lines, found.gaps, found.doubled) == (3, (), 2)


def test_a_line_that_grew_is_whole_after_a_failure_in_its_midst(store: OpenSearchStore, monkeypatch: pytest.MonkeyPatch) -> None:
    take(store, growing.records((0, 1), (1, 2), (2, 3)))
    put_lines, puts = LineWriter._put, list[object]()

    def put_once(*arguments: Any) -> Any:
        puts.append(arguments)
        if len(puts) == 2:
            raise SinkUnavailable("between the swallowed lines and the one that grew")
        return put_lines(*arguments)

    monkeypatch.setattr(LineWriter, "_put", put_once)
    with pytest.raises(SinkUnavailable):
        put(store, [growing.records((0, 4), (4, 5))])
    assert messages(store) == [growing.text(0, 1), growing.text(4, 5)]
    found = take(store, growing.records((0, 4), (4, 5)))
    assert growing.sound(found)
    assert (found.lines, found.refused, messages(store)) == (2, 1, [growing.text(0, 4), growing.text(4, 5)])
    assert [(agent.lines, agent.lost) for agent in store.ledger()] == [(2, 0)]


def test_a_line_that_grew_loses_no_fields_that_do_not_fit(store: OpenSearchStore, poison: Poison) -> None:
    take(store, line("first", x=1), line("grows", 6, x=2))
    found = take(store, line("grows and grew", 6, x={"y": 1}))
    assert growing.sound(found)
    assert [(one.record.message, one.record.fields) for one in store.scan(LogQuery())] == [
        ("first", {"x": 1}),
        ("grows and grew", {"x": {"y": 1}}),
    ]
    assert poison == []


def test_a_file_that_moved_is_one_source_under_its_last_path(store: OpenSearchStore) -> None:
    moved = lines((10, 20))
    moved.path = "/b.log"
    found = take(store, lines((0, 10)), moved)
    assert (found.path, found.lines, found.start, found.end, found.gaps) == ("/b.log", 2, 0, 20, ())


def test_bare_lines_of_kafka_may_leave_numbers_out(store: OpenSearchStore) -> None:
    made = [
        Batch("kafka:t/0", "kafka:t", at, at + 1, NOON_NS, [Record(NOON_NS, "x", at, at + 1)], Position("kafka:t/0", "", at + 1, FOREIGN))
        for at in (5, 9)
    ]
    found = take(store, *made)
    assert (found.lines, found.gaps, found.doubled, found.end) == (2, (), 0, 10)
    assert [one.record.fields for one in store.scan(LogQuery())] == [None, None]


def test_marks_part_the_lines_that_were_from_those_that_come(store: OpenSearchStore) -> None:
    nothing = store.mark()
    put(store, [batch(f"s{number}", 0, [f"old {number}"]) for number in range(20)])
    first = store.mark()
    put(store, [batch(f"s{number}", 10, [f"new {number}"], time_ns=NOON_NS - number * SECOND_NS) for number in range(20)])
    second = store.mark()
    put(store, [batch("s1", 20, ["newest"])])
    assert [one.record.message for one in store.scan(LogQuery(), first, second)] == [f"new {number}" for number in reversed(range(20))]
    assert sorted(one.record.message for one in store.scan(parse_query("old"), upto=first)) == sorted(f"old {n}" for n in range(20))
    assert [one.record.message for one in store.scan(LogQuery(), second)] == ["newest"]
    assert len(list(store.scan(LogQuery(), nothing))) == 41
    assert store.mark() == store.mark() != second


def test_the_fleet_is_added_up(store: OpenSearchStore) -> None:
    take(store, lines((0, 10), (30, 40)), told=[told(50, unknown=2)])
    assert store.ledger() == [AgentLedger("agent", sources=1, lines=2, lost=2, unknown=2)]
    assert (store.hosts(), store.span()) == ([StoredHost("host")], (NOON_NS, NOON_NS))


def test_an_empty_store_holds_nothing(store: OpenSearchStore) -> None:
    assert (messages(store), store.search(LogQuery(), 5), store.span(), store.record("x:1"), store.mark()) == ([], [], None, None, {})
    assert (store.audit(), store.agents(), store.ledger(), store.hosts(), store.positions()) == ([], [], [], [], [])
    with pytest.raises(StateError, match=r"there is no index .* yet"):
        store.check()


def test_an_index_of_others_is_refused(store: OpenSearchStore, opensearch: OpenSearch) -> None:
    opensearch.ask("PUT", f"/{store.index}", {"mappings": {"properties": {"message": {"type": "text"}}}})
    with pytest.raises(StateError, match="was not made by fairlead"):
        put(store, [line("one")])
    with pytest.raises(StateError, match="was not made by fairlead"):
        store.check()


def test_a_node_killed_in_mid_write_loses_and_doubles_nothing(store: OpenSearchStore, opensearch: OpenSearch) -> None:
    parts = [batch("s", start, [f"line {start + number * 100:09d} {'x' * 84}" for number in range(200)]) for start in starts(60)]
    failures: list[SinkUnavailable] = []
    third = threading.Event()

    def write() -> None:
        for number, part in enumerate(parts):
            if number == 20:
                third.set()
            while True:
                try:
                    put(store, [part])
                    break
                except SinkUnavailable as error:
                    failures.append(error)
                    threading.Event().wait(0.1)

    writer = threading.Thread(target=write)
    writer.start()
    third.wait()
    opensearch.kill()
    opensearch.restart()
    writer.join()
    found = audited(store)
    assert (found.lines, found.start, found.end, found.gaps, found.doubled) == (12_000, 0, parts[-1].end, (), 0)
    assert failures


def starts(parts: int) -> Sequence[int]:
    return range(0, parts * 200 * 100, 200 * 100)


def test_statements_of_unknown_sources_are_sources(store: OpenSearchStore) -> None:
    store.write(Intake(statements=[Statement("agent", "s", "/a.log", 10, skipped=10), Statement("agent", "t", "/b.log", 5)]))
    assert [(found.source, found.lines, found.start, found.end, found.gaps) for found in store.audit()] == [
        ("s", 0, 10, 10, ()),
        ("t", 0, 0, 5, ((0, 5),)),
    ]
