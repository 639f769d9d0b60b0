"""What the collector makes of agents' lines: the same by runs, natively, as one by one."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.record import LEVELS, Batch, Position, Record, to_ecs
from fairlead.logs.collector.decode import Decoder
from fairlead.store.interface import Intake
from fairlead.store.rows import LineRows
from tests.support.samples import NOON_NS, ManualClock

BATCH = Batch("s", "/a.log", 0, 0, NOON_NS, [], Position("s", "/a.log", 0), "host", "agent")


class OneByOne:
    """In the place of the kernel: nothing is a run."""

    def run(self, values: list[bytes], first: int) -> None:
        """Take nothing."""


def value(record: Record, **more: Any) -> bytes:
    return orjson.dumps(to_ecs(BATCH, record) | more)


def decoded(values: list[bytes], *, natively: bool) -> tuple[Any, Any]:
    """Return the lines with what is said of their batch, and the poison."""
    made, intake = Decoder(ManualClock()), Intake()
    if not natively:
        made._lines = OneByOne()  # type: ignore[assignment]  # all that is called of it
    poison = made.decode("log", values, intake)
    lines = [
        (batch.source, batch.path, batch.host, batch.agent, batch.created_ns, batch.position.kind, record)
        for batch in intake.batches
        for record in batch.records
    ]
    return lines, [(one.value, one.reason) for one in poison]


LINES = [
    value(Record(NOON_NS, "one", 0, 5, "error", ("truncated", "binary"), {"service": "shop", "deep": {"a": [1, 2.5, None]}})),
    value(Record(NOON_NS, 'a "quoted" \\ line\n', 5, 9)),
    value(Record(NOON_NS, "ü", 9, 10)),
    value(Record(NOON_NS, "own level", 10, 11, "odd")),
    value(Record(NOON_NS, "another source", 0, 5), **{"fairlead.source": "s2"}),
    value(Record(NOON_NS, "another order", 5, 6, fields={"x": 1}))[:-1] + b',"log.level":"info"}',
    orjson.dumps(to_ecs(BATCH, Record(NOON_NS, "spaces", 20, 30)), option=orjson.OPT_INDENT_2),
]


def test_an_agents_lines_are_rows_and_all_others_records() -> None:
    intake = Intake()
    assert Decoder(ManualClock()).decode("log", LINES, intake) == []
    assert [(isinstance(batch.records, LineRows), len(batch)) for batch in intake.batches] == [(True, 3), (False, 1), (True, 1), (False, 2)]
    assert [(batch.start, batch.end, batch.position.offset) for batch in intake.batches][:2] == [(0, 10, 10), (10, 11, 11)]
    assert decoded(LINES, natively=True) == decoded(LINES, natively=False)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"log.offset": -1}, "no range"), ({"log.offset": 5, "fairlead.end": 5}, "no range"), ({"fairlead.end": 1 << 62}, "no range"),
        ({"log.offset": True}, "no range"), ({"message": 5}, "no range"), ({"host.name": None}, "no text"), ({"log.level": 5}, "no text"),
        ({"fairlead.flags": ["a", 5]}, "no text"), ({"fairlead.flags": "abc"}, "no text"), ({"fairlead.flags": 5}, "TypeError"),
        ({"@timestamp": "yesterday"}, "not a time"), ({"event.created": "9999-01-01T00:00:00.000000Z"}, "not a time"),
        ({"event.created": 5}, "TypeError"),
    ],
)  # fmt: skip
def test_what_is_no_line_is_poison(more: dict[str, Any], reason: str) -> None:
    values = [LINES[1], value(Record(NOON_NS, "x", 0, 5), **more), LINES[2]]
    lines, [(poison, told)] = decoded(values, natively=True)
    assert (poison, len(lines)) == (values[1], 2)
    assert reason in told
    assert decoded(values, natively=False) == (lines, [(poison, told)])


def test_fields_too_deep_to_be_written_again_are_poison() -> None:
    deep = LINES[1][:-1] + b',"x":' + b"[" * 300 + b"]" * 300 + b"}"
    lines, [(poison, _)] = decoded([deep, LINES[1]], natively=True)
    assert (poison, len(lines)) == (deep, 1)


FIELDS = st.dictionaries(
    st.sampled_from(["service", "process.pid", "message", "log.level", "fairlead.flags", "@timestamp", "log.offset", ""]),
    st.none()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=4)
    | st.lists(st.sampled_from(["a", "b c", "", 5])),
    max_size=3,
)


@given(
    st.lists(
        st.tuples(
            st.text(max_size=8), st.integers(0, 40), st.sampled_from([None, *LEVELS, "odd"]),
            st.sampled_from([(), ("binary",), ("a b",), ("",)]),
            FIELDS, st.integers(0, 1), st.none() | st.tuples(st.integers(0, 300), st.sampled_from([b"", b'"', b"}", b",", b"0", b"\\"])),
        ),
        max_size=6,
    )
)  # fmt: skip
def test_runs_hold_what_the_records_hold_one_by_one(made: list[Any]) -> None:
    values = []
    for text, start, level, flags, fields, source, damage in made:
        record = Record(NOON_NS + start, text, start, start + 7, level, flags)
        written = value(record, **({"fairlead.source": "other"} if source else {}))
        if fields:
            written = written[:-1] + b"," + orjson.dumps(fields)[1:]
        if damage:
            written = written[: damage[0]] + damage[1] + written[damage[0] + 1 :]
        values.append(written)
    assert decoded(values, natively=True) == decoded(values, natively=False)
