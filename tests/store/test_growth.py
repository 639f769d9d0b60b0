"""Records that stand and come again longer, as an agent sends them that was killed and found more lines: each byte stands once, and whole.

The source of these tests is a file of lines of ten bytes: `l000.....`, `l001.....` and so on.
"""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fairlead.core.record import Batch, Position, Record
from fairlead.core.units import Duration
from fairlead.store.interface import Intake, LogQuery, SourceAudit, Store
from fairlead.store.query import parse_query
from fairlead.store.rows import to_rows
from fairlead.store.settings import StoreSettings
from fairlead.store.sqlite import SqliteStore, open_store
from fairlead.store.sqlite.growth import cut
from tests.support.samples import NOON_NS, ManualClock

LINE_BYTES = 10


@pytest.fixture
def store(tmp_path: Path, _leak_check: None) -> Iterator[SqliteStore]:
    """An empty store."""
    made = open_store(tmp_path, StoreSettings(), ManualClock())
    yield made
    made.close()


def text(first: int, end: int) -> str:
    """Return the lines [first, end) of the file, joined."""
    return "\n".join(f"l{number:03}....." for number in range(first, end))


def records(*ranges: tuple[int, int], time_ns: int = NOON_NS, created_ns: int = NOON_NS) -> Batch:
    """Return a batch of records that join the lines [first, end)."""
    found = [Record(time_ns, text(first, end), first * LINE_BYTES, end * LINE_BYTES) for first, end in ranges]
    start, end = found[0].offset, found[-1].end
    return Batch("s", "/a.log", start, end, created_ns, found, Position("s", "/a.log", end, kind="remote"), "host", "agent")


def take(store: Store, *batches: Batch) -> SourceAudit:
    store.write(Intake(batches=list(batches)))
    [found] = store.audit()
    return found


def standing(store: Store, query: str = "") -> list[str]:
    found = sorted(store.scan(parse_query(query)), key=lambda one: one.record.offset)
    assert all(len(one.record.message) + 1 == one.record.end - one.record.offset for one in found)
    return [one.record.message for one in found]


def sound(found: SourceAudit) -> bool:
    return (found.gaps, found.doubled, found.unknown) == ((), 0, 0)


def test_a_record_that_grew_takes_the_place_of_its_shorter_form(store: Store) -> None:
    take(store, records((0, 1), (1, 3)))
    found = take(store, records((1, 5), (5, 6)))
    assert sound(found)
    assert (found.lines, found.end, found.refused) == (3, 60, 0)
    assert standing(store) == [text(0, 1), text(1, 5), text(5, 6)]
    assert (standing(store, "l002"), standing(store, "l004")) == ([text(1, 5)], [text(1, 5)])


def test_a_record_that_grew_swallows_those_inside_it(store: Store) -> None:
    take(store, records((0, 1), (1, 2), (2, 4), (4, 5)))
    found = take(store, records((1, 7)))
    assert sound(found)
    assert (found.lines, standing(store)) == (2, [text(0, 1), text(1, 7)])
    found = take(store, records((1, 2), (2, 4), (4, 5)), records((1, 7)))
    assert sound(found)
    assert (found.lines, found.refused) == (2, 4)


def test_a_record_that_grew_closes_the_gap_behind_it(store: Store) -> None:
    assert take(store, records((0, 1)), records((3, 4))).gaps == ((10, 30),)
    found = take(store, records((0, 3)))
    assert sound(found)
    assert standing(store) == [text(0, 3), text(3, 4)]


def test_a_record_grows_again_and_again_in_one_write_and_in_many(store: Store) -> None:
    found = take(store, records((0, 1)), records((0, 2)), records((0, 2), (2, 3)), records((0, 4)))
    for end in range(5, 9):
        assert sound(found)
        assert standing(store) == [text(0, end - 1)]
        found = take(store, records((0, end)))
    assert sound(found)
    assert (found.lines, found.end) == (1, 80)


def test_a_record_that_grew_came_behind_a_mark(store: Store) -> None:
    take(store, records((0, 1), (1, 2)))
    mark = store.mark()
    take(store, records((1, 4)))
    assert [one.record.message for one in store.scan(LogQuery(), mark)] == [text(1, 4)]
    [there] = store.search(parse_query("l003"), 5)
    assert [one.record.message for one in store.context(there.id, 5, 5)] == [text(0, 1), text(1, 4)]


@pytest.mark.parametrize("together", [True, False])
def test_records_whose_limits_moved_stand_whole_and_once(store: Store, together: bool) -> None:
    """The first agent ended a record by time, and the next one by its length: the limits of all that follow lie elsewhere."""
    first, second = ((0, 1), (1, 6), (6, 11), (11, 12)), ((0, 5), (5, 10), (10, 15), (15, 16))
    parts = [records(*first), records(*second)] if together else [records(one) for one in (*first, *second)]
    for batches in [parts] if together else [[part] for part in parts]:
        take(store, *batches)
    for _ in range(2):
        [found] = store.audit()
        assert sound(found)
        assert (found.end, "\n".join(standing(store))) == (160, text(0, 16))
        take(store, *parts)


def test_what_lies_inside_what_stands_is_refused(store: SqliteStore) -> None:
    take(store, records((0, 2), (2, 4)))
    found = take(store, records((0, 2)), records((0, 4)), records((1, 3)), records((3, 4)), records((1, 2)))
    assert sound(found)
    assert (found.refused, standing(store)) == (5, [text(0, 2), text(2, 4)])


def test_of_a_record_that_begins_inside_another_the_rest_is_taken(store: SqliteStore) -> None:
    take(store, records((0, 4)))
    found = take(store, records((2, 6)))
    assert sound(found)
    assert standing(store) == [text(0, 4), text(4, 6)]
    assert store.ledger()[0].lines == 2


def test_of_a_record_that_ends_inside_another_the_beginning_is_taken(store: SqliteStore) -> None:
    take(store, records((0, 1)), records((3, 6)))
    found = take(store, records((0, 5)))
    assert sound(found)
    assert standing(store) == [text(0, 3), text(3, 6)]


def test_lines_that_were_decoded_at_once_grow_like_others(store: SqliteStore) -> None:
    take(store, records((0, 1), (1, 2)))
    batch = records((1, 4), (4, 5))
    rows: Any = to_rows(batch.records)
    rows.tiles = True
    batch.records = rows
    assert sound(take(store, batch))
    assert standing(store) == [text(0, 1), text(1, 4), text(4, 5)]


def test_the_index_and_the_file_are_sound_when_a_whole_block_was_swallowed(store: SqliteStore) -> None:
    take(store, records(*((number, number + 1) for number in range(600))))
    found = take(store, records((0, 601)))
    assert sound(found)
    assert (found.lines, store.problems()) == (1, [])
    take(store, records((601, 602)))
    assert standing(store, "l300") == [text(0, 601)]
    assert store.problems() == []


def test_the_number_of_lines_that_came_in_never_falls(store: SqliteStore) -> None:
    take(store, records((0, 1), (1, 2), (2, 3)))
    before = store.ledger()[0].lines
    take(store, records((0, 9)))
    assert store.ledger()[0].lines == before


def test_a_write_that_fails_leaves_the_shorter_record(store: SqliteStore) -> None:
    take(store, records((0, 1), (1, 2)))
    bad = records((9, 10))
    bad.records[0].message = None  # type: ignore[assignment]  # what the schema refuses
    with pytest.raises(Exception, match="NOT NULL"):
        take(store, records((1, 9)), bad)
    assert standing(store) == [text(0, 1), text(1, 2)]
    assert sound(take(store, records((1, 9)), records((9, 10))))
    assert (standing(store), store.problems()) == ([text(0, 1), text(1, 9), text(9, 10)], [])


def test_a_record_whose_shorter_form_retention_let_go_of_is_counted_once(tmp_path: Path) -> None:
    clock = ManualClock()
    store = open_store(tmp_path, StoreSettings(max_age=Duration(3600)), clock)
    try:
        take(store, records((0, 1), (1, 2)))
        clock.step(7200)
        while store.sweep():
            pass
        found = take(store, records((1, 4), time_ns=clock.wall_ns()))
        assert sound(found)
        assert (found.lines, found.end, standing(store)) == (2, 40, [text(1, 4)])
        clock.step(7200)
        while store.sweep():
            pass
        [found] = store.audit()
        assert (found.lines, sound(found), standing(store)) == (2, True, [])
    finally:
        store.close()


@pytest.mark.parametrize("seed", range(40))
def test_whatever_agents_cut_how_the_file_stands_whole_and_once(store: SqliteStore, seed: int) -> None:
    """Agents come one after the other. Each begins at an edge of the one before it, cuts as it likes, and may be sent twice."""
    chance = random.Random(seed)
    edges, sent = [0], list[Batch]()
    for _ in range(6):
        edges = edges[: chance.randrange(len(edges)) + 1]
        begin = len(edges) - 1
        for _ in range(chance.randrange(1, 8)):
            edges.append(edges[-1] + chance.choice((1, 1, 2, 5)))
        ranges = list(zip(edges[begin:-1], edges[begin + 1 :], strict=True))
        parts = [records(*ranges[:2]), *([records(*ranges[2:])] if ranges[2:] else [])]
        sent += parts
        again = sent[chance.randrange(len(sent)) :]
        for batches in (parts, again) if chance.random() < 0.5 else ([*parts, *again],):
            take(store, *batches)
    [found] = store.audit()
    last = max(batch.end for batch in sent)
    assert sound(found)
    assert (found.start, found.end, "\n".join(standing(store))) == (0, last, text(0, last // LINE_BYTES))
    assert store.problems() == []


@pytest.mark.parametrize(
    ("message", "size_bytes", "start", "expected"),
    [
        ("é one\n\ntwo", 12, 7, "\ntwo"),
        ("é one\n\ntwo", 15, 8, "\ntwo"),
        ("é one\n\ntwo", 12, 6, "é one\n\ntwo"),
        ("[REDACTED]\ntwo", 99, 10, "[REDACTED]\ntwo"),
    ],
)
def test_text_is_cut_where_it_is_certain_and_else_stays_whole(message: str, size_bytes: int, start: int, expected: str) -> None:
    part = cut(Record(0, message, 100, 100 + size_bytes, "error", ("multiline",)), 100 + start, 100 + size_bytes)
    assert part == Record(0, expected, 100 + start, 100 + size_bytes, "error", ("multiline",))
