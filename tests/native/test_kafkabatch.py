"""Kafka's record batches: the same tests over the compiled kernel and its pure twin, with aiokafka's own records as the oracle."""

import gzip
import random
import struct
from array import array
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES
from typing import Any

import pytest
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from fairlead._native import compress, kafkabatch, kafkabatch_pure
from fairlead._native.kafkabatch_pure import CONTROL, GZIP, HEADER, LOG_APPEND_TIME, LZ4, NONE, SNAPPY, ZSTD, Headers, Part, Record

TWINS = pytest.mark.parametrize("kernel", [kafkabatch, kafkabatch_pure], ids=["native", "pure"])
CODECS = pytest.mark.parametrize("codec", [NONE, LZ4, ZSTD], ids=["none", "lz4", "zstd"])

TIME = 1_772_366_400_123
HEADERS: Headers = ((b"fairlead-kind", b"log"), (b"none", None), (b"", b""))
LIMIT = 1 << 20


def part(lines: list[bytes], key: bytes | None = b"host/source", headers: Headers = HEADERS, before: int = 0) -> Part:
    """Lines as a part: behind `before` others in the same buffer, whose ends come first."""
    lines = [b"before"] * before + lines
    ends, at = array("q"), 0
    for line in lines:
        ends.append(at + len(line))
        at += len(line) + 1
    return key, headers, b"\n".join(lines), 7 * before, ends, before, len(lines) - before


def records_of(*parts: tuple[list[bytes], bytes | None, Headers], time: int = TIME, base: int = 0) -> list[Record]:
    rows = [(time, key, line, headers) for lines, key, headers in parts for line in lines]
    return [(base + i, *row) for i, row in enumerate(rows)]


def sealed(kernel: Any, *parts: Part, codec: int = NONE) -> bytes:
    batch = kernel.build(parts, TIME, codec)
    kernel.seal(batch, 1234567890123, 7, 99)
    return bytes(batch)


def changed(
    batch: bytes, *, base: int = 0, attributes: int = 0, more: int = 0, max_time: int = TIME, section: bytes | None = None
) -> bytes:
    """A batch as a broker or another producer would have it: other fields of the header, another section, and the right CRC."""
    _, _, epoch, magic, _, flags, last, first_time, _, *producer, count = HEADER.unpack_from(batch)
    section = batch[HEADER.size :] if section is None else section
    fields = [epoch, magic, 0, flags | attributes, last, first_time, max_time, *producer, count + more]
    whole = bytearray(HEADER.pack(base, HEADER.size - 12 + len(section), *fields) + section)
    struct.pack_into(">I", whole, 17, compress.crc32c(whole[21:]))
    return bytes(whole)


def outcome(call: Callable[[Any], Any], kernel: Any) -> Any:
    """What a call returns, or the words of its ValueError."""
    try:
        return call(kernel)
    except ValueError as error:
        return str(error)


def test_the_compiled_kernel_is_what_is_loaded() -> None:
    assert str(kafkabatch.__file__).endswith(tuple(EXTENSION_SUFFIXES))


@TWINS
def test_aiokafka_reads_what_was_built(kernel: Any) -> None:
    lines, more = [b"", b"x" * 63, b"y" * 64, b"z" * 9000, b"last"], [b"%d" % i for i in range(200)]
    batch = sealed(kernel, part(lines), part(more, key=None, headers=((b"n", b"v"),)))
    read = DefaultRecordBatch(batch)
    assert read.validate_crc()
    assert (read.base_offset, read.magic, read.attributes, read.next_offset) == (0, 2, 0, 205)
    assert (read.first_timestamp, read.max_timestamp) == (TIME, TIME)
    assert (read.producer_id, read.producer_epoch, read.base_sequence) == (1234567890123, 7, 99)
    got = [(r.offset, r.timestamp, r.key, r.value, tuple((name.encode(), value) for name, value in r.headers)) for r in read]
    assert got == records_of((lines, b"host/source", HEADERS), (more, None, ((b"n", b"v"),)))


@TWINS
def test_what_aiokafka_built_is_read(kernel: Any) -> None:
    builder = DefaultRecordBatchBuilder(2, NONE, 0, -1, -1, -1, 1 << 20)
    rows: list[tuple[int, bytes | None, bytes | None, Headers]] = [
        (TIME, b"key", b"value", HEADERS),
        (TIME - 5000, b"key", None, HEADERS),
        (TIME + 10**9, None, b"", ()),
        (TIME, b"", b"v" * 70_000, ((b"name", b"w" * 300),)),
        (TIME, b"other", b"1", ((b"name", b"w" * 300),)),
    ]
    for i, (time, key, value, headers) in enumerate(rows):
        builder.append(i, time, key, value, [(name.decode(), header) for name, header in headers])
    assert kernel.parse(bytes(builder.build()), LIMIT) == [(i, *row) for i, row in enumerate(rows)]


@CODECS
def test_both_twins_build_the_same(codec: int) -> None:
    parts = [part([b"line %d" % i for i in range(n)], key=b"k" * n, before=n % 3) for n in (0, 1, 5, 200)]
    native, pure = sealed(kafkabatch, *parts, codec=codec), sealed(kafkabatch_pure, *parts, codec=codec)
    assert kafkabatch.parse(native, LIMIT) == kafkabatch_pure.parse(native, LIMIT) == kafkabatch.parse(pure, LIMIT)
    if codec == NONE:
        assert native == pure


@TWINS
@CODECS
@pytest.mark.parametrize("size", [0, 1, 20_000, 65_500, 65_530, 65_536, 200_000])
def test_records_come_back_when_they_fill_blocks_by_any_measure(kernel: Any, codec: int, size: int) -> None:
    noise = random.Random(size)
    lines = [noise.randbytes(size).replace(b"\n", b" "), b"", b"short", b"a" * size, *[noise.randbytes(100).hex().encode()] * 40]
    batch = sealed(kernel, part(lines, before=2), codec=codec)
    assert kernel.count(batch) == len(lines)
    assert kernel.parse(batch, LIMIT) == records_of((lines, b"host/source", HEADERS))


@CODECS
@given(
    parts=st.lists(
        st.tuples(
            st.lists(st.binary(max_size=80).map(lambda line: line.replace(b"\n", b""))),
            st.none() | st.binary(max_size=70),
            st.lists(st.tuples(st.binary(max_size=9), st.none() | st.binary(max_size=70))).map(tuple),
        ),
        min_size=1,
        max_size=4,
    ),
    time=st.integers(-(1 << 63), (1 << 63) - 1),
    before=st.integers(0, 3),
)
def test_any_records_come_back(codec: int, parts: list[tuple[list[bytes], bytes | None, Headers]], time: int, before: int) -> None:
    if not any(lines for lines, _, _ in parts):
        parts = [([b""], None, ())]
    batch = kafkabatch.build([part(lines, key, headers, before) for lines, key, headers in parts], time, codec)
    kafkabatch.seal(batch, -1, -1, -1)
    assert kafkabatch.parse(batch, LIMIT) == kafkabatch_pure.parse(batch, LIMIT) == records_of(*parts, time=time)


@pytest.mark.parametrize("level", [-100, -1, 0, 3, 12, 10**9, -(10**9)])
def test_every_level_gives_a_batch_that_is_read(level: int) -> None:
    lines = [b"line %d" % i for i in range(10_000)]
    for codec in (LZ4, ZSTD):
        batch = kafkabatch.build([part(lines)], TIME, codec, level if codec == LZ4 else min(level, 5))
        kafkabatch.seal(batch, 1, 2, 3)
        assert kafkabatch.parse(batch, LIMIT) == records_of((lines, b"host/source", HEADERS))


@TWINS
def test_gzip_is_read(kernel: Any) -> None:
    plain = sealed(kernel, part([b"one", b"two"]))
    batch = changed(plain, attributes=GZIP, section=gzip.compress(plain[HEADER.size :]))
    assert kernel.parse(batch, LIMIT) == kernel.parse(plain, LIMIT)
    with pytest.raises(ValueError, match="more than 10 bytes"):
        kernel.parse(batch, 10)
    for broken in (batch[HEADER.size : -1], batch[HEADER.size :] + b"x", b"rubbish"):
        with pytest.raises(ValueError, match="gzip data is"):
            kernel.parse(changed(batch, section=broken), LIMIT)


@TWINS
def test_the_broker_s_time_is_taken_when_it_sets_it(kernel: Any) -> None:
    batch = changed(sealed(kernel, part([b"one", b"two"])), base=40, attributes=LOG_APPEND_TIME, max_time=TIME + 9)
    assert kernel.parse(batch, LIMIT) == records_of(([b"one", b"two"], b"host/source", HEADERS), time=TIME + 9, base=40)


@TWINS
def test_control_batches_are_passed_over_and_cut_ones_left_out(kernel: Any) -> None:
    one, two = sealed(kernel, part([b"one"])), sealed(kernel, part([b"two", b"three"]), codec=LZ4)
    fetched = changed(one, base=10) + changed(one, base=11, attributes=CONTROL) + changed(two, base=12)
    first = records_of(([b"one"], b"host/source", HEADERS), base=10)
    both = first + records_of(([b"two", b"three"], b"host/source", HEADERS), base=12)
    assert kernel.parse(fetched, LIMIT) == both
    assert kernel.next_offset(fetched) == 14
    for cut in (1, 20, len(two) - 20, len(two) - 17, len(two) - 1):
        assert kernel.parse(fetched[:-cut], LIMIT) == first
        assert kernel.next_offset(fetched[:-cut]) == 12
    assert kernel.parse(b"", LIMIT) == []
    assert kernel.next_offset(fetched[: len(one) - 1]) == -1


@TWINS
@CODECS
def test_more_than_the_limit_is_refused_over_all_batches(kernel: Any, codec: int) -> None:
    plain, batch = sealed(kernel, part([b"line" * 20])), sealed(kernel, part([b"line" * 20]), codec=codec)
    size = len(plain) - HEADER.size
    assert len(kernel.parse(batch * 3, 3 * size)) == 3
    for limit in (0, size - 1, 3 * size - 1):
        with pytest.raises(ValueError, match=f"more than {limit % size} bytes"):
            kernel.parse(batch * 3, limit)
    with pytest.raises(ValueError, match="negative"):
        kernel.parse(batch, -1)


@TWINS
def test_what_is_broken_is_named_with_its_place(kernel: Any) -> None:
    batch = sealed(kernel, part([b"one", b"two"]))
    size = len(batch)
    huge = changed(batch, base=(1 << 63) - 1)
    for broken, what in [
        (batch[:-1] + b"x", "does not match its CRC"),
        (batch[:16] + b"\1" + batch[17:], "is of format v1, not v2"),
        (batch[:8] + bytes(4) + batch[12:], "is shorter than its header"),
        (changed(batch, attributes=SNAPPY), "is compressed by snappy"),
        (changed(batch, attributes=7), "is compressed by codec 7"),
        (changed(batch, attributes=LZ4), "cannot be decompressed: lz4"),
        (changed(batch, attributes=ZSTD), "cannot be decompressed: zstd"),
        (changed(batch, more=1), "holds a broken record"),
        (changed(batch, more=-1), "is longer than its records"),
        (changed(batch, more=-3), "cannot hold -1 records"),
        (changed(batch, more=1 << 30), "cannot hold"),
        (changed(batch, section=batch[HEADER.size :] + b"\0"), "is longer than its records"),
        (huge, "holds a broken record"),
    ]:
        with pytest.raises(ValueError, match=f"^record batch at byte {size} {what}"):
            kernel.parse(batch + broken, LIMIT)
    with pytest.raises(ValueError, match="no valid offset"):
        kernel.next_offset(huge)


@TWINS
def test_what_cannot_become_a_batch_is_refused(kernel: Any) -> None:
    key, headers, data, start, ends, first, count = part([b"one", b"two"])
    bad_parts: list[Part] = [
        (key, headers, data, start, ends, first, 3),
        (key, headers, data, start, ends, -1, count),
        (key, headers, data, start, ends, first, -1),
        (key, headers, data, -1, ends, first, count),
        (key, headers, data, 4, ends, first, count),
        (key, headers, bytes(data)[:6], start, ends, first, count),
        (key, headers, data, start, array("q", [3, 2]), first, count),
        (key, headers, data, start, array("q", [3, 3]), first, count),
        (key, headers, data, start, array("d", [3, 7]), first, count),
        (key, headers, data, start, array("i", [3, 7]), first, count),
        (key, headers, data, start, ends, first, 0),
    ]
    for bad in bad_parts:
        with pytest.raises(ValueError, match=r"ends|at least one"):
            kernel.build([bad], TIME, NONE)
    for codec in (GZIP, SNAPPY, 9, -1):
        with pytest.raises(ValueError, match="is none of"):
            kernel.build([part([b"x"])], TIME, codec)
    for broken in (b"", bytes(61), sealed(kernel, part([b"x"])) + b"x"):
        with pytest.raises(ValueError, match="not one record batch"):
            kernel.count(broken)
        with pytest.raises(ValueError, match="not one record batch"):
            kernel.seal(bytearray(broken), 1, 2, 3)


def test_what_is_of_another_type_is_refused() -> None:
    key, headers, data, start, *rest = part([b"one"])
    bad_parts: list[Any] = [
        ("key", headers, data, start, *rest),
        (key, [], data, start, *rest),
        (key, ((b"a",),), data, start, *rest),
        (key, ((None, b"a"),), data, start, *rest),
        (key, headers, "text", start, *rest),
        (key, headers, data, start, [3], 0, 1),
        (key, headers, data, start),
    ]
    for bad in bad_parts:
        with pytest.raises((TypeError, ValueError)):
            kafkabatch.build([bad], TIME, NONE)


@TWINS
def test_a_batch_can_be_sealed_again(kernel: Any) -> None:
    batch = kernel.build([part([b"one"])], TIME, NONE)
    for producer in ((1, 2, 3), (-1, -1, -1), ((1 << 63) - 1, 32767, (1 << 31) - 1)):
        kernel.seal(batch, *producer)
        read = DefaultRecordBatch(bytes(batch))
        assert read.validate_crc()
        assert (read.producer_id, read.producer_epoch, read.base_sequence) == producer


SECTION = sealed(kafkabatch, part([b"one", b"two " * 30, b""]), part([b"x"], key=None))
PACKED = [sealed(kafkabatch, part([b"one", b"two " * 30, b""]), codec=codec) for codec in (LZ4, ZSTD)]


@given(
    batch=st.sampled_from([SECTION, *PACKED]),
    flips=st.lists(st.tuples(st.integers(0, 1 << 30), st.integers(0, 255)), min_size=1, max_size=4),
    honest=st.booleans(),
)
def test_flipped_bytes_never_do_more_than_raise_value_error(batch: bytes, flips: list[tuple[int, int]], honest: bool) -> None:
    """`honest`: the CRC is made right again, so that what lies behind it is met."""
    broken = bytearray(batch)
    for place, byte in flips:
        broken[place % len(broken)] = byte
    if honest:
        struct.pack_into(">I", broken, 17, compress.crc32c(broken[21:]))

    for call in (lambda kernel: kernel.parse(broken, 10_000), lambda kernel: kernel.next_offset(broken)):
        assert outcome(call, kafkabatch) == outcome(call, kafkabatch_pure)


@given(data=st.binary(max_size=300))
def test_rubbish_as_records_never_does_more_than_raise_value_error(data: bytes) -> None:
    for more in range(4):
        batch = changed(SECTION, more=more - 4, section=data)

        def read(kernel: Any, batch: bytes = batch) -> Any:
            return kernel.parse(batch, 10_000)

        assert outcome(read, kafkabatch) == outcome(read, kafkabatch_pure)
