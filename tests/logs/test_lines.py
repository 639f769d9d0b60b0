"""From bytes to records: what a line is, when it was written, how bad it is, and what is left out of it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.errors import UsageError
from fairlead.core.record import LEVELS, Record
from fairlead.logs.level import find_level
from fairlead.logs.lines import LineBuilder
from fairlead.logs.redact import Redactor
from fairlead.logs.timestamps import TimestampParser

READ_NS = int(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()) * 10**9
BERLIN = timezone(timedelta(hours=1))


def builder(limit: int = 100, *patterns: str) -> LineBuilder:
    return LineBuilder(0, limit, TimestampParser(UTC), Redactor(patterns), None)


def test_lines_end_where_newlines_stand() -> None:
    lines = builder()
    assert [record.message for record in lines.add(b"one\ntw", READ_NS)] == ["one"]
    assert lines.offset == 4
    records = lines.add(b"o\r\n\nlast", READ_NS)
    assert [(record.message, record.offset, record.end) for record in records] == [("two", 4, 9), ("", 9, 10)]
    assert [(record.message, record.offset, record.end) for record in lines.flush(READ_NS)] == [("last", 10, 14)]


def test_a_line_that_is_too_long_is_cut_and_the_next_is_intact() -> None:
    lines = builder(10)
    for _ in range(5):
        assert lines.add(b"x" * 1000, READ_NS) == []
    records = lines.add(b"\nnext\n", READ_NS)
    assert [(record.message, record.flags, record.offset, record.end) for record in records] == [
        ("x" * 10, ("truncated",), 0, 5001),
        ("next", (), 5001, 5006),
    ]


def test_a_long_line_is_split_where_asked_for() -> None:
    lines = LineBuilder(0, 10, TimestampParser(UTC), Redactor([]), None, split=True)
    assert [(record.message, record.flags, record.end) for record in lines.add(b"x" * 25, READ_NS)] == [
        ("x" * 10, ("split",), 10),
        ("x" * 10, ("split",), 20),
    ]
    assert (lines.offset, lines.scanned) == (20, 25)
    assert [(record.message, record.flags, record.offset, record.end) for record in lines.add(b"y\nnext\n", READ_NS)] == [
        ("xxxxxy", (), 20, 27),
        ("next", (), 27, 32),
    ]


@pytest.mark.parametrize("split", [False, True])
def test_a_line_of_just_the_limit_is_whole_with_its_carriage_return(split: bool) -> None:
    for content in (b"x" * 10 + b"\n", b"x" * 10 + b"\r\n"):
        for cut in range(len(content)):
            lines = LineBuilder(0, 10, TimestampParser(UTC), Redactor([]), None, split=split)
            (record,) = lines.add(content[:cut], READ_NS) + lines.add(content[cut:], READ_NS)
            assert (record.message, record.flags, record.end) == ("x" * 10, (), len(content))


@given(
    content=st.lists(st.sampled_from([b"\n", b"\r", b"a", "é".encode(), "😀".encode(), b"\xff", b"\x80" * 5, b"long" * 5])).map(b"".join),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5),
    limit=st.integers(1, 20),
)
def test_pieces_do_not_depend_on_blocks_and_tile_the_source(content: bytes, sizes: list[int], limit: int) -> None:
    whole = LineBuilder(0, limit, TimestampParser(UTC), Redactor([]), None, split=True)
    lines = LineBuilder(0, limit, TimestampParser(UTC), Redactor([]), None, split=True)
    expected, records, steps = whole.add(content, READ_NS) + whole.flush(READ_NS), list[Record](), 0
    while lines.scanned < len(content):
        records += lines.add(content[lines.scanned : lines.scanned + sizes[steps % len(sizes)]], READ_NS)
        steps += 1
    records += lines.flush(READ_NS)
    assert records == expected
    ends = [0, *(record.end for record in records)]
    assert [record.offset for record in records] == ends[:-1]
    assert ends[-1] == len(content)
    assert all(record.end - record.offset <= limit for record in records if record.flags[:1] == ("split",))


def test_a_cut_never_splits_a_character() -> None:
    (record,) = builder(10).add("äöüäöüäöü\n".encode()[1:], READ_NS)[:1]
    assert record.flags[0] == "truncated"
    (clean,) = builder(9).add("äöüäöü\n".encode(), READ_NS)
    assert clean.message == "äöüä"


def test_what_is_not_utf8_or_text_is_kept_and_marked() -> None:
    records = builder().add(b"caf\xe9\nbin\0ary\n", READ_NS)
    assert [(record.message, record.flags) for record in records] == [(r"caf\xe9", ("invalid_utf8",)), (r"bin\x00ary", ("binary",))]


@given(blocks=st.lists(st.sampled_from([b"\n", b"a", b"\r\n", b"\xff", b"long" * 9, b"\n\n"]), max_size=40), limit=st.integers(1, 30))
def test_offsets_tile_the_source_however_it_is_cut_into_blocks(blocks: list[bytes], limit: int) -> None:
    lines, records, content = builder(limit), list[Record](), b"".join(blocks)
    for block in blocks:
        records += lines.add(block, READ_NS)
    records += lines.flush(READ_NS)
    ends = [0, *(record.end for record in records)]
    assert [record.offset for record in records] == ends[:-1]
    assert ends[-1] == len(content)
    assert len(records) == content.count(b"\n") + (1 if content.split(b"\n")[-1] else 0)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2026-01-02T03:04:05.5Z x", "2026-01-02T03:04:05.500000+00:00"),
        ("2026-01-02 03:04:05,123 INFO x", "2026-01-02T03:04:05.123000+00:00"),
        ("2026-01-02T03:04:05+01:00 x", "2026-01-02T02:04:05+00:00"),
        ("[2026-01-02 03:04:05] x", "2026-01-02T03:04:05+00:00"),
        ("<34>1 2003-10-11T22:14:15.003Z host su - ID47 - x", "2003-10-11T22:14:15.003000+00:00"),
        ("<34>Jan  1 22:14:15 host su: x", "2026-01-01T22:14:15+00:00"),
        ("Dec 31 23:59:59 host su: x", "2025-12-31T23:59:59+00:00"),
        ('127.0.0.1 - - [02/Jan/2026:03:04:05 +0100] "GET / HTTP/1.1" 200 1', "2026-01-02T02:04:05+00:00"),
        ('{"level":"error","time":"2026-01-02T03:04:05Z"}', "2026-01-02T03:04:05+00:00"),
        ("1767323045 x", "2026-01-02T03:04:05+00:00"),
        ("1767323045.25 x", "2026-01-02T03:04:05.250000+00:00"),
        ("1767323045123 x", "2026-01-02T03:04:05.123000+00:00"),
        ("2026-02-30T03:04:05Z x", None),
        ("Feb 30 03:04:05 host x", None),
        ("2026-01-02T03:04:75Z x", None),
        ("no time at all", None),
        ("0123456789 an order number", None),
        ("", None),
    ],
)
def test_a_time_is_found_at_the_head(line: str, expected: str | None) -> None:
    found = TimestampParser(UTC).parse(line, READ_NS)
    assert (None if found is None else datetime.fromtimestamp(found / 1e9, UTC).isoformat()) == expected


def test_a_time_without_a_zone_is_of_the_hosts_zone() -> None:
    parser = TimestampParser(BERLIN)
    assert parser.parse("Jan  2 04:04:05 host x", READ_NS) == READ_NS
    assert parser.parse("2026-01-02 04:04:05 x", READ_NS) == READ_NS
    assert parser.parse("2026-01-02 04:04:06 x", READ_NS) == READ_NS + 10**9


@given(st.text(max_size=60))
def test_no_line_is_an_error(line: str) -> None:
    assert isinstance(TimestampParser(UTC).parse(line, READ_NS), int | None)
    assert find_level(line) in (None, *LEVELS)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2026-01-02T03:04:05Z ERROR x", "error"),
        ("[error] 12#0: x", "error"),
        ('{"level":"warn"}', "warning"),
        ("ts=1 level=crit msg=x", "critical"),
        ("<11>Jan  2 03:04:05 h p: x", "error"),
        ("E0102 03:04:05.1 1 f.go:1] x", "error"),
        ("app: warning: low", "warning"),
        ("FATAL: role does not exist", "critical"),
        ("INFO 0 errors", "info"),
        ("found 0 errors in error_log", None),
        ("terror and mirrors", None),
        ("<999>x", None),
    ],
)
def test_a_level_is_found_where_programs_put_it(line: str, expected: str | None) -> None:
    assert find_level(line) == expected


def test_secrets_are_left_out_of_what_goes_on() -> None:
    (record,) = builder(100, r"password=\S+", r"\b\d{16}\b").add(b"login password=hunter2 card 1234567812345678\n", READ_NS)
    assert record.message == "login [REDACTED] card [REDACTED]"
    with pytest.raises(UsageError, match=r"redact\[0\]: not a regular expression"):
        Redactor(["("])
