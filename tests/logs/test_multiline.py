"""Lines that belong together become one record, and what is not given yet is not passed over."""

from datetime import UTC

from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.record import Record
from fairlead.core.units import Duration, Size
from fairlead.logs.lines import LineBuilder, make_builder
from fairlead.logs.redact import Redactor
from fairlead.logs.settings import LogInput, Multiline
from fairlead.logs.timestamps import TimestampParser

SECOND_NS = 10**9


def builder(
    offset: int = 0, *, max_lines: int = 500, max_bytes: int | None = None, limit: int = 1000, long_lines: str = "truncate"
) -> LineBuilder:
    multiline = Multiline(r"^\d", max_lines, None if max_bytes is None else Size(max_bytes), Duration(5))
    log_input = LogInput(paths=["/a"], multiline=multiline, max_line_bytes=Size(limit), long_lines=long_lines)  # type: ignore[arg-type]  # a word
    return make_builder(log_input, offset, TimestampParser(UTC), Redactor([r"secret\n\S+"]))


def told(records: list[Record]) -> list[tuple[str, int, int, tuple[str, ...]]]:
    return [(record.message, record.offset, record.end, record.flags) for record in records]


def test_lines_that_begin_no_record_belong_to_the_one_before() -> None:
    lines = builder()
    assert told(lines.add(b"1 first\n  at x\r\n\n2 sec", 0)) == []
    assert (lines.offset, lines.scanned) == (0, 22)
    assert told(lines.add(b"ond\n3 third\n", 0)) == [("1 first\n  at x\n", 0, 17, ("multiline",)), ("2 second", 17, 26, ())]
    assert lines.offset == 26
    assert told(lines.add(b"more\nlast", 0)) == []
    assert told(lines.flush(0)) == [("3 third\nmore\nlast", 26, 43, ("multiline",))]
    assert lines.offset == lines.scanned == 43


def test_lines_before_the_first_start_are_a_record() -> None:
    assert told(builder().add(b"rest\nof it\n1 x\n2 y\n", 0)) == [("rest\nof it", 0, 11, ("multiline",)), ("1 x", 11, 15, ())]


def test_a_maximum_of_lines_ends_a_record_and_what_follows_is_flagged() -> None:
    lines = builder(max_lines=2)
    assert told(lines.add(b"1\na\nb\n2\n", 0)) == [("1\na", 0, 4, ("multiline",)), ("b", 4, 6, ("multiline",))]
    assert told(lines.add(b"3\n", 0)) == [("2", 6, 8, ())]


def test_a_maximum_of_bytes_is_never_passed() -> None:
    lines = builder(max_bytes=5)
    assert told(lines.add(b"1\nabc\nd\n2\n3456789\n4\n", 0)) == [
        ("1\nabc", 0, 6, ("multiline",)),
        ("d", 6, 8, ("multiline",)),
        ("2", 8, 10, ()),
        ("3456789", 10, 18, ()),
    ]


def test_time_ends_a_record_and_what_follows_is_flagged() -> None:
    lines = builder()
    assert (lines.add(b"1\n", 0), lines.due_ns) == ([], 5 * SECOND_NS)
    assert (lines.add(b"a\nunfini", 2 * SECOND_NS), lines.due_ns) == ([], 7 * SECOND_NS)
    assert lines.flush_due(7 * SECOND_NS - 1) == []
    assert told(lines.flush_due(7 * SECOND_NS)) == [("1\na", 0, 4, ("multiline",))]
    assert (lines.due_ns, lines.offset, lines.flush_due(99 * SECOND_NS)) == (None, 4, [])
    lines.add(b"shed\n", 8 * SECOND_NS)
    assert told(lines.flush_due(13 * SECOND_NS)) == [("unfinished", 4, 15, ("multiline",))]


def test_a_clock_that_is_set_back_ends_a_record() -> None:
    lines = builder()
    lines.add(b"1\n", 100 * SECOND_NS)
    assert told(lines.flush_due(99 * SECOND_NS)) == [("1", 0, 2, ())]


def test_a_builder_of_single_lines_waits_for_no_time() -> None:
    lines = make_builder(LogInput(paths=["/a"]), 0, TimestampParser(UTC), Redactor([]))
    lines.add(b"one\ntwo", 0)
    assert (lines.due_ns, lines.flush_due(10**18)) == (None, [])


def test_a_line_that_is_split_stays_apart() -> None:
    lines = builder(limit=16, long_lines="split")
    records = lines.add(b"1\na\n" + b"x" * 40 + b"\nb\n2\n", 0) + lines.flush(0)
    assert told(records) == [
        ("1\na", 0, 4, ("multiline",)),
        ("x" * 16, 4, 20, ("split",)),
        ("x" * 16, 20, 36, ("split",)),
        ("x" * 8 + "\nb", 36, 47, ("multiline",)),
        ("2", 47, 49, ()),
    ]


def test_flags_of_all_lines_are_told_and_secrets_left_out_over_lines() -> None:
    lines = builder(limit=16, max_bytes=99)
    assert lines.add(b"1 secret\nhunter2\n" + b"y" * 99 + b"\n\xff\n", 0) == []
    (record,) = lines.flush(0)
    assert record.message.startswith("1 [REDACTED]\nyyyy")
    assert record.flags == ("truncated", "invalid_utf8", "multiline")


@given(
    texts=st.lists(st.sampled_from(["1 start", "2", "  at x", "", "é" * 9]), max_size=20),
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=5),
    restart=st.integers(0, 10),
)
def test_a_restart_anywhere_changes_nothing(texts: list[str], sizes: list[int], restart: int) -> None:
    content = "".join(f"{text}\n" for text in texts).encode()
    expected = (whole := builder(max_lines=3)).add(content, 0) + whole.flush(0)
    lines, records, steps = builder(max_lines=3), list[Record](), 0
    while lines.scanned < len(content):
        records += lines.add(content[lines.scanned : lines.scanned + sizes[steps % len(sizes)]], 0)
        steps += 1
        if steps == restart and (not lines.offset or records[-1].flags == ()):
            lines = builder(lines.offset, max_lines=3)
    records += lines.flush(0)
    assert [(one.message, one.offset, one.end) for one in records] == [(one.message, one.offset, one.end) for one in expected]
    ends = [0, *(record.end for record in records)]
    assert [record.offset for record in records] == ends[:-1]
    assert ends[-1] == len(content)
