"""Lines' ECS objects taken apart: the same tests over the compiled kernel and its pure twin."""

from importlib.machinery import EXTENSION_SUFFIXES
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fairlead._native import decode, decode_pure
from fairlead.core.record import LEVELS, Batch, Position, Record, to_ecs
from tests.support.samples import NOON_NS

TWINS = pytest.mark.parametrize("kernel", [decode, decode_pure], ids=["native", "pure"])
TEXT = st.text(st.characters(codec="utf-8") | st.sampled_from('"\\\n\t\x00\x1f\x7f/ü🐟'), max_size=90)
BATCH = Batch("s", "/var/log/a.log", 0, 0, NOON_NS, [], Position("s", "/a.log", 0), "host-1", "agent")


def value(record: Record, batch: Batch = BATCH) -> bytes:
    return orjson.dumps(to_ecs(batch, record))


def line(text: str = "text", start: int = 0, **fields: Any) -> bytes:
    return value(Record(NOON_NS + start, text, start, start + 10, **fields))


def decoder(kernel: Any) -> Any:
    """A decoder that says what it is asked."""
    return kernel.LineDecoder(LEVELS, lambda found: tuple(orjson.loads(found)), lambda found: (found.decode(errors="replace"), "{}"))


def run(kernel: Any, *values: bytes) -> Any:
    return decoder(kernel).run(list(values), 0)


def test_the_compiled_kernel_is_what_is_loaded() -> None:
    assert str(decode.__file__).endswith(tuple(EXTENSION_SUFFIXES))


@TWINS
def test_lines_of_one_batch_are_a_run(kernel: Any) -> None:
    values = [line("one"), line('two "ü"\n\\', 10, level="error"), line("three", 20), line(start=50), line(start=60)]
    count, origin, created_ns, tiles, rows = run(kernel, *values[:3])
    assert (count, origin, created_ns, tiles) == (3, ("s", "/var/log/a.log", "host-1", "agent"), NOON_NS, True)
    assert rows == [
        *(0, 10, NOON_NS, None, None, None, "one"),
        *(10, 20, NOON_NS, LEVELS.index("error"), None, None, 'two "ü"\n\\'),
        *(20, 30, NOON_NS, None, None, None, "three"),
    ]
    assert run(kernel, *values)[0::3] == (5, False)
    assert decoder(kernel).run(values, 3)[0::3] == (2, True)


@TWINS
def test_what_is_said_for_all_of_a_batch_ends_a_run_where_it_changes(kernel: Any) -> None:
    others = [
        Batch("s2", BATCH.path, 0, 0, NOON_NS, [], BATCH.position, "host-1", "agent"),
        Batch("s", "/var/log/b.log", 0, 0, NOON_NS, [], BATCH.position, "host-1", "agent"),
        Batch("s", BATCH.path, 0, 0, NOON_NS + 1000, [], BATCH.position, "host-1", "agent"),
        Batch("s", BATCH.path, 0, 0, NOON_NS, [], BATCH.position, "host-2", "agent"),
        Batch("s", BATCH.path, 0, 0, NOON_NS, [], BATCH.position, "host-1", "agent-2"),
    ]
    for other in others:
        values = [line(), line(start=10), value(Record(NOON_NS, "x", 20, 30), other), line(start=30)]
        assert [decoder(kernel).run(values, at)[0] for at in (0, 2, 3)] == [2, 1, 1]


@TWINS
def test_what_follows_is_asked_for_once_where_it_is_the_same(kernel: Any) -> None:
    asked: list[bytes] = []

    def more(found: bytes) -> tuple[str | None, str | None] | None:
        asked.append(found)
        return None if b"odd" in found else (None, found.decode())

    made = kernel.LineDecoder(LEVELS, lambda _: 1, more)
    values = [line(start=10 * i, fields=fields) for i, fields in enumerate([{"a": 1}, {"a": 1}, None, {"odd": 1}, {"a": 2}])]
    count, _, _, _, rows = made.run(values, 0)
    assert (count, rows[5::7], set(asked)) == (3, ['"a":1', '"a":1', None], {b'"a":1', b'"odd":1'})
    assert kernel is decode_pure or len(asked) == 2
    assert made.run(values, 3) is None


@TWINS
def test_an_origin_that_is_not_taken_begins_no_run(kernel: Any) -> None:
    assert kernel.LineDecoder(LEVELS, lambda _: None, lambda _: None).run([line()], 0) is None


@TWINS
def test_errors_of_those_who_are_asked_are_passed_on(kernel: Any) -> None:
    for origin, more in ((lambda _: 1 // 0, lambda _: (None, None)), (lambda _: 1, lambda _: 1 // 0)):
        with pytest.raises(ZeroDivisionError):
            kernel.LineDecoder(LEVELS, origin, more).run([line(fields={"a": 1})], 0)


@TWINS
def test_wrong_arguments_are_refused(kernel: Any) -> None:
    for first in (-1, 2):
        with pytest.raises(IndexError):
            decoder(kernel).run([line()], first)
    with pytest.raises(TypeError):
        decoder(kernel).run([None], 0)
    assert decoder(kernel).run([], 0) is None
    assert decoder(kernel).run([line()], 1) is None


@TWINS
@pytest.mark.parametrize(
    ("written", "other"),
    [
        (b'{"@timestamp"', b'{ "@timestamp"'), (b'"@timestamp":', b'"@timestamp": '), (b'text","log', b'text" ,"log'),
        (b"2026-01-01T12:00:00.000000Z", b"2026-01-01T12:00:00.000000+"), (b"2026-01-01T12", b"2026-01-01 12"),
        (b'"2026-01-01', b'"2026-02-30'), (b'"2026-01-01', b'"1969-01-01'), (b'"2026-01-01', b'"2262-01-01'), (b"T12:00:00", b"T24:00:00"),
        (b"T12:00:00", b"T12:00:60"), (b".000000Z", b".00_000Z"), (b".000000Z", b".00000 Z"), (b":0,", b":00,"), (b":0,", b":-0,"),
        (b":0,", b":0.0,"), (b":0,", b":10,"), (b":10,", b":4611686018427387904,"), (b":10,", b":99999999999999999999,"),
        (b"text", b"te\nxt"), (b"text", b"te\\/xt"), (b"text", b"te\\u0041xt"), (b"text", b"te\\u001Fxt"), (b"text", b"te\\ud83d\\ude00"),
        (b"text", b"te\xffxt"), (b"text", b"te\xed\xa0\x80"), (b"text", b"text\\"), (b'"message":"text"', b'"message":5'),
        (b"agent\"}", b"agent\"} "),
        (b"agent\"}", b"agent\",}"), (b"agent\"}", b"agent\""), (b"agent\"}", b"agent\"}}"), (b"host.name", b"host.nam"),
        (b"agent\"}", b'agent","log.level":"odd"}'), (b"agent\"}", b'agent","log.level":"error}'), (b"/var", b"/\nvar"),
    ],
)  # fmt: skip
def test_what_is_written_otherwise_is_something_else(kernel: Any, written: bytes, other: bytes) -> None:
    assert run(kernel, line()) is not None
    assert written in line()
    assert run(kernel, line().replace(written, other)) is None
    assert run(kernel, line(), line(start=10).replace(written, other) if b":0" not in written else b"", line(start=20))[0] == 1


@TWINS
@pytest.mark.parametrize("odd", ['"', "\\", "\x00", "\x1f", "é", "\\\\", '\\"', '""'])
def test_what_is_escaped_is_found_at_every_place_of_a_block(kernel: Any, odd: str) -> None:
    texts = ["a" * before + odd + "b" * behind for before in range(70) for behind in (0, 1, 31, 64)]
    _, _, _, _, rows = run(kernel, *(line(text) for text in texts))
    assert rows[6::7] == texts


@given(
    text=TEXT, times=st.tuples(*[st.integers(0, 9_214_646_399_999_999)] * 2), start=st.integers(0, (1 << 62) - 2),
    level=st.sampled_from([None, *LEVELS]), names=st.tuples(TEXT, TEXT, TEXT, TEXT),
    fields=st.none() | st.dictionaries(TEXT, TEXT, max_size=2),
)  # fmt: skip
@example("", (0, 0), 0, None, ("", "", "", ""), {"": ""})
def test_what_an_agent_writes_is_read(
    text: str, times: tuple[int, int], start: int, level: str | None, names: tuple[str, ...], fields: dict[str, str] | None
) -> None:
    batch = Batch(names[0], names[1], 0, 0, times[0] * 1000, [], BATCH.position, names[2], names[3])
    record = Record(times[1] * 1000, text, start, start + 1, level, fields={f"x{key}": text for key, text in (fields or {}).items()})
    more = orjson.dumps(record.fields)[1:-1].decode() if record.fields else None
    row = [start, start + 1, times[1] * 1000, LEVELS.index(level) if level else None, more, "{}" if more else None, text]
    for kernel in (decode, decode_pure):
        assert run(kernel, value(record, batch)) == (1, names, times[0] * 1000, True, row)


@given(st.data())
def test_both_twins_agree_on_what_was_damaged(data: st.DataObject) -> None:
    values = [line("one \\ two", level="info"), line(start=10, flags=("binary",)), line("ü", 20, fields={"a": [1, {}]})]
    place = data.draw(st.integers(0, 2))
    damaged = bytearray(values[place])
    for _ in range(data.draw(st.integers(1, 2))):
        at = data.draw(st.integers(0, len(damaged)))
        damaged[at : at + data.draw(st.integers(0, 2))] = data.draw(
            st.sampled_from([b"", b'"', b"\\", b"}", b",", b"0", b"\n", b"\xff", b"x"])
        )
    values[place] = bytes(damaged)
    native, pure = decoder(decode), decoder(decode_pure)
    for at in range(3):
        assert _outcome(native, values, at) == _outcome(pure, values, at)


def _outcome(made: Any, values: list[bytes], at: int) -> Any:
    try:
        return made.run(values, at)
    except orjson.JSONDecodeError:
        return "no JSON"  # of the origin
