"""Lines to ECS: the compiled kernel, at each width of vectors, and its pure twin give what records and orjson give."""

import platform
from array import array
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from importlib.machinery import EXTENSION_SUFFIXES
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead._native import encode, encode_pure
from fairlead.core.record import Batch, Lines, Position
from fairlead.logs.encode import JSON, encode_records
from fairlead.logs.lines import LineBuilder
from fairlead.logs.redact import Redactor
from fairlead.logs.timestamps import TimestampParser, wall_clock
from tests.support.loglines import FRAGMENTS

READ_NS = int(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()) * 10**9 + 678_901_234
BERLIN = ZoneInfo("Europe/Berlin")
WIDTHS = (8, 16, 32)
PATH, SOURCE, HOST, AGENT = '/var/log/"app"/ä.log', "01JF8Z6M3Q2V4T5W6X7Y8Z9ABC", "host-1", "01JF8Z6M3Q2V4T5W6X7Y8Z9ABD"
FIELDS = {"service": 'sh"op', "labels.team": "ü"}


@pytest.fixture(params=[*WIDTHS, 0], ids=[*(f"native-{width}" for width in WIDTHS), "pure"])
def kernel(request: pytest.FixtureRequest) -> Iterator[Any]:
    if not request.param:
        yield encode_pure
        return
    if encode.use_width(request.param) != request.param:
        pytest.skip("this processor has no such vectors")
    yield encode
    encode.use_width(WIDTHS[-1])


def encoder(
    kernel: Any, limit: int = 1000, fields: dict[str, str] | None = None, local: Callable[[int], int | None] | None = None
) -> encode.Encoder:
    constants = [orjson.dumps(text) for text in (PATH, SOURCE, HOST, AGENT)]
    made: encode.Encoder = kernel.Encoder(*constants, orjson.dumps(fields or {})[1:-1], limit, local or wall_clock(BERLIN))
    return made


def newlines(data: bytes) -> "array[int]":
    return array("q", [at for at, byte in enumerate(data) if byte == 10])


def fast(made: encode.Encoder, data: bytes, base: int = 0) -> Lines:
    ends = newlines(data)
    out_ends = array("q", bytes(8 * len(ends)))
    return Lines(made.encode(data, ends, 0, 0, len(ends), base, READ_NS, out_ends), out_ends)


def slow(data: bytes, base: int = 0, limit: int = 1000, fields: dict[str, str] | None = None, zone: tzinfo = BERLIN) -> Lines:
    builder = LineBuilder(base, limit, TimestampParser(zone), Redactor([]), fields)
    records = builder.add(data, READ_NS)
    batch = Batch(SOURCE, PATH, base, base + len(data), READ_NS, records, Position(SOURCE, PATH, base), HOST, AGENT)
    return encode_records(batch, JSON)


def messages(lines: Lines) -> list[tuple[str, list[str]]]:
    return [(found["message"], found.get("fairlead.flags", [])) for found in map(orjson.loads, lines)]


def test_the_compiled_kernel_is_what_is_loaded() -> None:
    assert str(encode.__file__).endswith(tuple(EXTENSION_SUFFIXES))


def test_a_record_has_the_fields_of_ecs_in_their_order(kernel: Any) -> None:
    made = encoder(kernel, fields={"service": "shop"})
    [record, other] = fast(made, b'2026-01-02T03:04:05.25Z ERROR caf\xe9 "\x1b\\\n\n', 4096)
    assert record.decode() == (
        '{"@timestamp":"2026-01-02T03:04:05.250000Z","event.created":"2026-01-02T03:04:05.678901Z",'
        r'"message":"2026-01-02T03:04:05.25Z ERROR caf\\xe9 \"\u001b\\","log.file.path":"/var/log/\"app\"/ä.log","log.offset":4096,'
        '"fairlead.source":"01JF8Z6M3Q2V4T5W6X7Y8Z9ABC","fairlead.end":4135,"host.name":"host-1","agent.id":"01JF8Z6M3Q2V4T5W6X7Y8Z9ABD",'
        '"log.level":"error","fairlead.flags":["invalid_utf8"],"service":"shop"}'
    )
    assert orjson.loads(other)["@timestamp"] == "2026-01-02T03:04:05.678901Z"
    assert (orjson.loads(other)["message"], orjson.loads(other)["fairlead.end"]) == ("", 4136)


def test_every_byte_is_escaped_as_orjson_does(kernel: Any) -> None:
    data = b"".join(b"%s %s\n" % (bytes([byte]), bytes([byte]) * 3) for byte in range(256) if byte != 10)
    assert fast(encoder(kernel), data) == slow(data)
    characters = "".join(f"{chr(code)}\n" for code in (0x7F, 0x80, 0x7FF, 0x800, 0x2028, 0x2029, 0xFEFF, 0xFFFF, 0x10000, 0x10FFFF))
    assert fast(encoder(kernel), characters.encode(), 1) == slow(characters.encode(), 1)


@pytest.mark.parametrize("escaped", [b'"', b"\\", b"\0", b"\x1f", "é".encode(), b"\xff", b"\xf0\x9f\x90"])
def test_what_is_escaped_is_found_at_every_place_of_a_block(kernel: Any, escaped: bytes) -> None:
    data = b"".join(b"%s%s%s\n" % (b"a" * at, escaped, b"b" * rest) for at in range(70) for rest in (0, 1, 31, 64))
    assert fast(encoder(kernel), data) == slow(data)


@pytest.mark.parametrize(
    "end", [b"\xc3", b"\xe2\x82", b"\xf0\x9f\x90", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\xf5", b"\x80"]
)
def test_what_is_no_utf8_is_told_by_its_bytes(kernel: Any, end: bytes) -> None:
    text = "".join(rf"\x{byte:02x}" for byte in end)
    data = b"12345678ok\xe2\x82\xac" + end + b"\n" + end + b"x\n"
    assert messages(fast(encoder(kernel), data)) == [(f"12345678ok€{text}", ["invalid_utf8"]), (f"{text}x", ["invalid_utf8"])]


def test_a_long_line_is_cut_as_the_cutter_does(kernel: Any) -> None:
    lines = [
        b"x" * 20,
        b"x" * 20 + b"\r",
        b"x" * 21,
        b"x" * 21 + b"\r",
        "ä".encode() * 11,
        b"x" * 19 + "€€".encode(),
        b"\x80" * 24,
        b"\0" * 30,
    ]
    data = b"\n".join([*lines, b""])
    assert fast(encoder(kernel, 20), data) == slow(data, limit=20)
    flags = [found for _, found in messages(fast(encoder(kernel, 20), data))]
    assert flags[1:4] == [[], ["truncated"], ["truncated"]]
    assert flags[-1] == ["truncated", "binary"]


def test_a_bom_goes_only_at_the_beginning_of_the_source(kernel: Any) -> None:
    data = b"\xef\xbb\xbf2026-01-02T03:04:05Z x\n\xef\xbb\xbfx\n"
    for base in (0, 7):
        assert fast(encoder(kernel), data, base) == slow(data, base)
    assert messages(fast(encoder(kernel), data))[0][0].startswith("2026")


def test_lines_of_a_block_can_be_taken_in_parts(kernel: Any) -> None:
    data = b"".join(b"2026-01-02 03:%02d:05 line %d\r\n" % (i % 60, i) for i in range(300))
    ends, made = newlines(data), encoder(kernel)
    parts, first = [], 0
    for count in (1, 0, 7, 200, 92):
        out_ends = array("q", bytes(8 * 200))
        start = ends[first - 1] + 1 if first else 0
        parts.append(made.encode(memoryview(data), ends, start, first, count, 10**12, READ_NS, out_ends))
        assert list(out_ends[:count]) == list(newlines(parts[-1]))
        first += count
    assert b"".join(parts) == slow(data, 10**12).data


def test_one_line_is_encoded_like_one_of_a_block(kernel: Any) -> None:
    made = encoder(kernel, 20)
    assert made.encode_line(b"INFO x\r", 5, 13, "", READ_NS) == slow(b"INFO x\r\n", 5).data
    last = orjson.loads(made.encode_line(b"unfinished", 5, 15, "", READ_NS))
    assert (last["message"], last["log.offset"], last["fairlead.end"]) == ("unfinished", 5, 15)
    piece = orjson.loads(made.encode_line(b"\xef\xbb\xbf" + b"x" * 30 + b"\0\r", 0, 500, "split", READ_NS))
    assert (piece["message"], piece["fairlead.flags"], piece["fairlead.end"]) == ("x" * 30 + "\\x00\r", ["split", "binary"], 500)
    assert orjson.loads(made.encode_line(b"", 5, 6, "", READ_NS))["message"] == ""
    assert orjson.loads(made.encode_line(b"a\nb", 5, 9, "", READ_NS))["message"] == "a\nb"


def test_output_that_grows_manifold_is_whole(kernel: Any) -> None:
    data = (b"\x01" * 900 + b"\n") * 50 + (b"\xff" * 900 + b"\n") * 50 + b"x\n" * 500
    made = encoder(kernel)
    for _ in range(3):
        assert fast(made, data) == slow(data)


def test_the_latest_and_the_largest_numbers_are_written(kernel: Any) -> None:
    record = orjson.loads(encoder(kernel).encode_line(b"2262-04-11T23:47:15Z", 0, 2**63 - 1, "", 2**63 - 1))
    assert (record["@timestamp"], record["fairlead.end"]) == ("2262-04-11T23:47:15.000000Z", 2**63 - 1)
    assert record["event.created"] == "2262-04-11T23:47:16.854775Z"


def test_wrong_arguments_are_refused(kernel: Any) -> None:
    made, ends, one = encoder(kernel), array("q", [1, 3]), array("q", [0])
    with pytest.raises(ValueError, match="array"):
        made.encode(b"x\n", array("i", [1]), 0, 0, 1, 0, 0, one)
    for first, count in ((0, 2), (1, 2), (-1, 1), (0, -1)):
        with pytest.raises(ValueError, match="short"):
            made.encode(b"x\nx\n", ends, 0, first, count, 0, 0, one)
    for data, start in ((b"x\n", 2), (b"", 0), (b"x", 2)):
        with pytest.raises(ValueError, match="ascend"):
            made.encode(data, ends, start, 0, 1, 0, 0, one)
    for numbers in ((-1, 0, 0), (0, -1, 0), (0, 0, -1)):
        with pytest.raises(ValueError, match="negative"):
            made.encode(b"x\n", ends, numbers[0], 0, 1, *numbers[1:], one)
    with pytest.raises(ValueError, match="before"):
        made.encode_line(b"x", 5, 4, "", 0)
    with pytest.raises(ValueError, match="byte"):
        encoder(kernel, 0)


def test_an_error_of_the_zone_is_passed_on_and_forgotten(kernel: Any) -> None:
    answers: list[Callable[[], int]] = [lambda: 1 // 0, lambda: 60, lambda: 60]
    made = encoder(kernel, local=lambda _: answers.pop(0)())
    with pytest.raises(ZeroDivisionError):
        fast(made, b"2026-01-02 03:04:05 x\n")
    found = [orjson.loads(line)["@timestamp"] for line in fast(made, b"2026-01-02 03:04:05 x\n2026-01-02 03:04:06 x\n")]
    assert found == ["1970-01-01T00:01:05.000000Z", "1970-01-01T00:01:06.000000Z"]


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_data_may_be_any_buffer(kernel: Any, kind: Any) -> None:
    data = b"ERROR one\ntwo\n"
    assert fast(encoder(kernel), kind(data)) == slow(data)
    assert encoder(kernel).encode_line(kind(b"ERROR one"), 0, 10, "", READ_NS) == slow(data).data.splitlines(keepends=True)[0]


def test_of_no_lines_comes_nothing(kernel: Any) -> None:
    assert fast(encoder(kernel), b"") == Lines(b"", array("q"))


def test_glibc_can_be_told_to_keep_what_is_freed(kernel: Any) -> None:
    assert kernel.keep_heap(8 << 20) == (kernel is encode and platform.libc_ver()[0] == "glibc")


TEXT = st.sampled_from(FRAGMENTS).map(str.encode) | st.text(max_size=4).map(str.encode) | st.binary(max_size=4)
LINES = st.lists(st.lists(TEXT, max_size=16).map(lambda parts: b"".join(parts).replace(b"\n", b"")), max_size=8)


@given(
    lines=LINES,
    limit=st.sampled_from([16, 33, 10_000]),
    base=st.sampled_from([0, 1, 99, 10**10]),
    fields=st.sampled_from([None, FIELDS]),
    width=st.sampled_from(WIDTHS),
    zone=st.sampled_from([UTC, BERLIN]),
)
def test_native_lines_are_those_of_records(
    lines: Sequence[bytes], limit: int, base: int, fields: dict[str, str] | None, width: int, zone: tzinfo
) -> None:
    data = b"".join(line + b"\n" for line in lines)
    encode.use_width(width)
    try:
        made = encoder(encode, limit, fields, wall_clock(zone))
    finally:
        encode.use_width(WIDTHS[-1])
    expected = slow(data, base, limit, fields, zone)
    assert fast(made, data, base) == expected
    assert fast(encoder(encode_pure, limit, fields, wall_clock(zone)), data, base) == expected


@given(st.lists(st.binary(max_size=300), max_size=20).map(b"\n".join))
def test_any_bytes_make_the_same_lines(data: bytes) -> None:
    assert fast(encoder(encode), data + b"\n") == slow(data + b"\n")
