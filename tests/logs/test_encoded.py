"""Lines that are encoded as they are read are what the other way gives, however the source is cut into blocks."""

from collections.abc import Sequence
from datetime import UTC

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.clock import SystemClock
from fairlead.core.context import RunContext
from fairlead.core.readiness import Readiness
from fairlead.core.record import Batch, Lines, Position
from fairlead.core.telemetry import Telemetry
from fairlead.core.units import Size
from fairlead.logs.encode import JSON, RAW, encode_records
from fairlead.logs.encoded import EncodedBuilder, make_scratch
from fairlead.logs.lines import make_builder
from fairlead.logs.redact import Redactor
from fairlead.logs.settings import LogInput
from fairlead.logs.timestamps import TimestampParser
from tests.support.samples import NOON_NS

POSITION = Position("source", "/var/log/ä.log", 0)
Options = dict[str, object]
NONE: Options = {}
TEXT = st.lists(
    st.sampled_from(
        [
            b"2026-01-01T12:00:00.5Z ",
            b"INFO ",
            b"[error] ",
            b"\n",
            b"\r\n",
            b"\r",
            b"x" * 30,
            "größe".encode(),
            b"\xff\xfe",
            b"\0",
            b'"\\\t',
        ]
    ),
    max_size=40,
).map(b"".join)


def builder(output: str = JSON, options: Options = NONE) -> EncodedBuilder:
    context = RunContext("host", "agent", SystemClock(), Telemetry(), Readiness())
    return EncodedBuilder(POSITION, log_input(options), Redactor([]), output, context, make_scratch(), UTC)


def log_input(options: Options) -> LogInput:
    return LogInput(paths=["/a"], **options)  # type: ignore[arg-type]  # the fields of LogInput


def blocks(text: bytes, sizes: Sequence[int]) -> list[bytes]:
    found, at = [], 0
    for size in sizes:
        found.append(text[at : at + size])
        at += size
    return [*found, text[at:]]


def joined(taken: Sequence[Lines]) -> list[bytes]:
    """Return the records, and check that each ends where it is told to."""
    for lines in taken:
        assert lines.data.endswith(b"\n")
        assert lines.ends[-1] == len(lines.data) - 1
    return [line for lines in taken for line in lines]


def expected(text: bytes, options: Options, redact: Sequence[str] = ()) -> list[bytes]:
    other = make_builder(log_input(options), 0, TimestampParser(UTC), Redactor(redact))
    records = other.add(text, NOON_NS) + other.flush(NOON_NS)
    batch = Batch("source", POSITION.path, 0, 0, NOON_NS, records, POSITION, "host", "agent")
    return list(encode_records(batch, JSON)) if records else []


@given(TEXT, st.lists(st.integers(0, 60), max_size=8), st.sampled_from([20, 64, 4096]))
def test_records_are_those_of_the_other_way(text: bytes, sizes: list[int], limit: int) -> None:
    options: Options = {"max_line_bytes": Size(limit), "fields": {"service": "shop"}}
    made = builder(JSON, options)
    taken = [lines for block in blocks(text, sizes) for lines in made.add(block, NOON_NS)] + made.flush(NOON_NS)
    assert joined(taken) == expected(text, options)
    assert (made.offset, made.scanned) == (len(text), len(text))


@given(TEXT, st.lists(st.integers(0, 60), max_size=8))
def test_bare_lines_are_their_bytes(text: bytes, sizes: list[int]) -> None:
    made = builder(RAW)
    taken = [lines for block in blocks(text, sizes) for lines in made.add(block, NOON_NS)] + made.flush(NOON_NS)
    ended = text.split(b"\n")
    assert joined(taken) == [line.removesuffix(b"\r") for line in ended[:-1]] + ([ended[-1].removesuffix(b"\r")] if ended[-1] else [])


def test_more_lines_than_fit_in_one_scan_come_all() -> None:
    text = b"".join(b"line %d\n" % i for i in range(20_000))
    made = builder()
    assert [orjson.loads(line)["message"] for line in joined(made.add(text, NOON_NS))] == [f"line {i}" for i in range(20_000)]


@pytest.mark.parametrize(
    "options",
    [
        {"encoding": "iso-8859-1"},
        {"long_lines": "split", "max_line_bytes": Size(16)},
    ],
)
def test_what_asks_for_more_takes_the_other_way(options: Options) -> None:
    text = b"one line\na longer line \xe4\nand"
    made = builder(JSON, options)
    assert joined(made.add(text, NOON_NS) + made.flush(NOON_NS)) == expected(text, options)


@given(TEXT, st.integers(0, 200), st.sampled_from([20, 4096]))
def test_redaction_that_comes_with_a_reload_begins_with_the_unfinished_line(text: bytes, at: int, limit: int) -> None:
    options: Options = {"max_line_bytes": Size(limit)}
    made = builder(JSON, options)
    before = made.add(text[:at], NOON_NS)
    begun = made.offset
    made.redactor = Redactor(["x+"])
    after = made.add(text[at:], NOON_NS) + made.flush(NOON_NS)
    assert joined(before) == [line for line in expected(text, options) if orjson.loads(line)["fairlead.end"] <= begun]
    redacted = expected(text, options, ["x+"])
    assert joined(after) == [line for line in redacted if orjson.loads(line)["log.offset"] >= begun]
