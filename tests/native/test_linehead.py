"""A line's time and level: the same tests over the compiled kernel, at each width of vectors, and its pure twin."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from importlib.machinery import EXTENSION_SUFFIXES
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fairlead._native import linehead, linehead_pure
from fairlead.logs.timestamps import wall_clock
from tests.support.loglines import FRAGMENTS

READ_NS = int(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()) * 10**9
BERLIN = ZoneInfo("Europe/Berlin")
WIDTHS = (8, 16, 32)


TIME_OF = {
    "2026-01-02T03:04:05.5Z x": "2026-01-02T03:04:05.500000000",
    "2026-01-02 03:04:05,123456789123 INFO": "2026-01-02T03:04:05.123456789",
    "2026-01-02 03:04:05 +0100 x": "2026-01-02T02:04:05.000000000",
    "2026-01-02 03:04:05-00:30": "2026-01-02T03:34:05.000000000",
    "2026-01-02T23:59:60Z": "2026-01-03T00:00:00.000000000",
    "2024-02-29 00:00:00 leap": "2024-02-29T00:00:00.000000000",
    "[2026-01-02 03:04:05] x": "2026-01-02T03:04:05.000000000",
    '"2026-01-02 03:04:05" x': "2026-01-02T03:04:05.000000000",
    "<34>1 2003-10-11T22:14:15.003Z host su - ID47 - x": "2003-10-11T22:14:15.003000000",
    "<34>1970-01-01T00:00:01Z the year is no version": "1970-01-01T00:00:01.000000000",
    "<34>Jan  1 22:14:15 host su: x": "2026-01-01T22:14:15.000000000",
    "Jan 1 22:14:15.25 host su: x": "2026-01-01T22:14:15.250000000",
    "Dec 31 23:59:59 host su: x": "2025-12-31T23:59:59.000000000",
    '::1 - - [02/Jan/2026:03:04:05 +0100] "GET / HTTP/1.1" 200 1': "2026-01-02T02:04:05.000000000",
    "a [note] [02/Jan/2026:03:04:05.125 -0000]": "2026-01-02T03:04:05.125000000",
    "ü" * 120 + "[02/Jan/2026:03:04:05 +0000]": "2026-01-02T03:04:05.000000000",
    '{"level":"error","time":"2026-01-02T03:04:05Z"}': "2026-01-02T03:04:05.000000000",
    '{"id":"0001-02-03","ü":"2026-01-02T03:04:05Z"}': "2026-01-02T03:04:05.000000000",
    "1767323045 x": "2026-01-02T03:04:05.000000000",
    "[1767323045.25] x": "2026-01-02T03:04:05.250000000",
    "1767323045123456789|": "2026-01-02T03:04:05.123456789",
    "2026-01-02 03:04:05 [03/Jan/2026:03:04:05 +0000]": "2026-01-02T03:04:05.000000000",
    "2026-02-30 03:04:05 [03/Jan/2026:03:04:05 +0000]": "2026-01-03T03:04:05.000000000",
    "2262-04-11T23:47:15.9Z": "2262-04-11T23:47:15.900000000",
}
NO_TIME = (
    "",
    "no time",
    "2026-02-29T03:04:05Z",
    "2026-13-01T03:04:05Z",
    "2026-01-02T24:04:05Z",
    "2026-01-02T03:60:05Z",
    "2026-01-02T03:04:61Z",
    "2026-01-02T03:04:05+24:00",
    "2026-01-02T03:04",
    "0000-01-02T03:04:05Z",
    "1969-12-31T23:59:59Z",
    "2262-04-11T23:47:16Z",
    "9999-12-31T23:59:60Z",
    "<1234>1 2026-01-02T03:04:05Z",
    "<>2026-01-02T03:04:05Z",
    "Feb 30 03:04:05 x",
    "Foo  1 03:04:05 x",
    "jan  1 03:04:05 x",
    "[02/Foo/2026:03:04:05 +0100]",
    "[02/Jan/2026:03:04:05.1234567890 +0100]",
    "x" * 121 + "[02/Jan/2026:03:04:05 +0100]",
    "x" * 120 + "\n[02/Jan/2026:03:04:05 +0100]",
    '{"time":"' + "x" * 150 + ' 2026-01-02T03:04:05Z"}',
    "0123456789 an order number",
    "17673230451 x",
    "1767323045.1234567891 x",
    "1767323045x",
    "٢٠٢٦-٠١-٠٢T٠٣:٠٤:٠٥Z",
    "\0" * 16 + ":00",
)
NAMES = {
    "trace": "trace", "debug": "debug", "dbg": "debug", "info": "info", "information": "info", "notice": "notice", "warn": "warning",
    "warning": "warning", "error": "error", "err": "error", "eror": "error", "severe": "error", "crit": "critical", "critical": "critical",
    "fatal": "critical", "alert": "alert", "emerg": "emergency", "emergency": "emergency", "panic": "emergency",
}  # fmt: skip
LEVEL_OF = {
    "2026-01-02T03:04:05Z ERROR x": "error",
    "ERROR": "error",
    "x|EMERGENCY|y": "emergency",
    "x\tINFORMATION, y": "info",
    "[error] 12#0: x": "error",
    "(Warn) x": "warning",
    "<fatal> x": "critical",
    '{"level":"warn"}': "warning",
    r"{\"severity\" : \"NOTICE\"}": "notice",
    "ts=1 lvl=dbg msg=x": "debug",
    "loglevel: Eror": "error",
    "levelname=panic": "emergency",
    "élevel=crit": "critical",
    "<11>Jan  2 03:04:05 h p: x": "error",
    "<000>x": "emergency",
    "<191>[error] x": "debug",
    "<192>[error] x": "error",
    "a <3> b ERROR c": "error",
    "E0102 03:04:05.1 1 f.go:1] x": "error",
    "F0102 03: x": "critical",
    "app: warning: low": "warning",
    "trace: low": "trace",
    "[x]alert: low": "alert",
    "INFO 0 errors: ERROR": "info",
    "level=verbose [severe]": "error",
    "x" * 232 + " level=err": None,
    "x" * 234 + " ERROR": "error",
    "x" * 234 + " ERRORS": "error",
    "ü" * 231 + "level=err": "error",
    "ü" * 232 + "level=err": None,
    "ü" * 63 + "🐟 ERROR": "error",
    "found 0 errors in error_log": None,
    "terror and mirrors": None,
    "INFOrmation ERRORs WARN_ING": None,
    "[errors] [error": None,
    "loglevelname=info mylevel=info level=info_ level = = info level  =info": None,
    "error:x errors: x.error: y": None,
    "<192>x <-1>x <1234>x <>": None,
    "G0102 03:04 E012 03:04 E0102 3:04": None,
    "[ınfo] [ſevere]": None,
    "": None,
}


@pytest.fixture(params=[*WIDTHS, 0], ids=[*(f"native-{width}" for width in WIDTHS), "pure"])
def kernel(request: pytest.FixtureRequest) -> Iterator[Any]:
    if not request.param:
        yield linehead_pure
        return
    if linehead.use_width(request.param) != request.param:
        pytest.skip("this processor has no such vectors")
    yield linehead
    linehead.use_width(WIDTHS[-1])


def utc(kernel: Any, line: str, read_ns: int = READ_NS, zone: tzinfo = UTC) -> str | None:
    found = kernel.Timestamps(wall_clock(zone)).parse(line, read_ns)
    if found is None:
        return None
    return f"{datetime.fromtimestamp(found // 10**9, UTC):%Y-%m-%dT%H:%M:%S}.{found % 10**9:09}"


def test_the_compiled_kernel_is_what_is_loaded() -> None:
    assert str(linehead.__file__).endswith(tuple(EXTENSION_SUFFIXES))


def test_a_time_is_found_at_the_head(kernel: Any) -> None:
    assert {line: utc(kernel, line) for line in TIME_OF} == TIME_OF


def test_what_is_no_time_is_not_taken_for_one(kernel: Any) -> None:
    assert {line: found for line in NO_TIME if (found := utc(kernel, line))} == {}


def test_a_time_without_a_zone_is_of_the_hosts(kernel: Any) -> None:
    assert utc(kernel, "2026-01-02 04:04:05 x", zone=BERLIN) == "2026-01-02T03:04:05.000000000"
    assert utc(kernel, "2026-07-02 04:04:05 Zookeeper", zone=BERLIN) == "2026-07-02T02:04:05.000000000"
    assert utc(kernel, "Jan  2 00:30:00 x", zone=BERLIN) == "2026-01-01T23:30:00.000000000"
    assert utc(kernel, "1970-01-01 00:30:00 x", zone=BERLIN) is None


def test_a_date_without_a_year_is_the_nearest_to_the_day_of_reading(kernel: Any) -> None:
    summer_ns = READ_NS + 180 * 86400 * 10**9
    assert utc(kernel, "Jan  1 00:00:00 x", summer_ns) == "2026-01-01T00:00:00.000000000"
    assert utc(kernel, "Nov 30 00:00:00 x", summer_ns) == "2026-11-30T00:00:00.000000000"
    assert utc(kernel, "Jan  1 00:00:00 x", 0) == "1970-01-01T00:00:00.000000000"
    assert utc(kernel, "Sep  1 00:00:00 x", 0) is None
    assert utc(kernel, "Feb 29 00:00:00 x", READ_NS - 365 * 86400 * 10**9) == "2024-02-29T00:00:00.000000000"
    assert utc(kernel, "Feb 29 00:00:00 x", READ_NS) is None


def test_the_zone_is_asked_once_a_minute_and_may_know_no_time(kernel: Any) -> None:
    asked = []

    def local(wall_s: int) -> int | None:
        asked.append(wall_s)
        return wall_s if len(asked) > 1 else None

    timestamps = kernel.Timestamps(local)
    found = [timestamps.parse(f"2026-01-02 03:{second // 60:02}:{second % 60:02} x", READ_NS) for second in range(120)]
    assert found[:60] == [None] * 60 or kernel is linehead_pure
    assert found[-1] is not None
    assert len(asked) == (2 if kernel is linehead else 120)


def test_an_error_of_the_zone_is_passed_on_and_forgotten(kernel: Any) -> None:
    answers: list[Callable[[], int]] = [lambda: 1 // 0, lambda: 0]
    timestamps = kernel.Timestamps(lambda _: answers.pop(0)())
    with pytest.raises(ZeroDivisionError):
        timestamps.parse("2026-01-02 03:04:05", READ_NS)
    assert timestamps.parse("2026-01-02 03:04:05", READ_NS) == 5 * 10**9


def test_a_level_is_found_where_programs_put_it(kernel: Any) -> None:
    assert {line: kernel.find_level(line) for line in LEVEL_OF} == LEVEL_OF


def test_every_name_is_found_at_every_place_of_a_block(kernel: Any) -> None:
    for name, level in NAMES.items():
        for before in range(56, 72):
            for shape in (f" {name.upper()} x", f" [{name}] x", f" a {name.title()}: x", f" level={name}"):
                assert kernel.find_level("." * before + shape) == level, (before, shape)


def test_lone_surrogates_are_characters_like_others(kernel: Any) -> None:
    assert kernel.find_level("\udce9" * 234 + " ERROR") == "error"
    assert kernel.find_level("\udce9" * 235 + " ERROR") is None
    assert utc(kernel, "\udce9" * 120 + "[02/Jan/2026:03:04:05 +0000]") is not None


LINES = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=3), max_size=24).map("".join)
ZONES = st.sampled_from([UTC, BERLIN, timezone(timedelta(hours=-12))])


@given(line=LINES, width=st.sampled_from(WIDTHS))
@example("E0102 03:04:05", 8)
def test_both_twins_find_the_same_level(line: str, width: int) -> None:
    linehead.use_width(width)
    try:
        assert linehead.find_level(line) == linehead_pure.find_level(line)
    finally:
        linehead.use_width(WIDTHS[-1])


@given(lines=st.lists(LINES, min_size=1, max_size=4), zone=ZONES, days=st.integers(0, 20000))
def test_both_twins_find_the_same_time_whatever_came_before(lines: list[str], zone: tzinfo, days: int) -> None:
    native, pure = linehead.Timestamps(wall_clock(zone)), linehead_pure.Timestamps(wall_clock(zone))
    for line in lines:
        assert native.parse(line, days * 86400 * 10**9) == pure.parse(line, days * 86400 * 10**9)
