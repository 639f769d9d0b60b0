"""Specification of Kafka's record batches, format v2, and oracle of the compiled kernel: native/kafkabatch.pyx. Not used to work.

Format: https://kafka.apache.org/documentation/#recordbatch. Compression is the compiled kernel's, which has its own twin.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from typing_extensions import Buffer

from fairlead._native import compress
from fairlead._native.compress_pure import crc32c

NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)
CODEC_MASK, LOG_APPEND_TIME, CONTROL = 7, 8, 32
# Base offset, length; leader epoch, magic, CRC; attributes, last offset delta, base and largest timestamp, producer id, its epoch,
# base sequence, count. The length is of what follows it, the CRC of the attributes and what follows them.
HEADER = struct.Struct(">qiibIhiqqqhii")
PRODUCER = struct.Struct(">qhi")
LENGTH_END, MAGIC_AT, CRC_AT, ATTRIBUTES_AT, PRODUCER_AT, COUNT_AT = 12, 16, 17, 21, 43, 57
SMALLEST_RECORD = 7
MOST_BYTES = 1 << 30
INT32, INT64 = 1 << 31, 1 << 63

Headers: TypeAlias = tuple[tuple[bytes, bytes | None], ...]
Part: TypeAlias = tuple[bytes | None, Headers, Buffer, int, Buffer, int, int]
Record: TypeAlias = tuple[int, int, bytes | None, bytes | None, Headers]


def _varint(number: int) -> bytes:
    zigzag, out = number << 1 ^ number >> 63, bytearray()
    while zigzag >= 0x80:
        out.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    out.append(zigzag)
    return bytes(out)


def _sized(data: bytes | None) -> bytes:
    return _varint(-1) if data is None else _varint(len(data)) + data


def _lines(data: Buffer, start: int, ends: Buffer, first: int, count: int) -> Iterator[bytes]:
    offsets, view = memoryview(ends), memoryview(data).cast("B")
    if offsets.format not in {"q", "l", "@q", "@l"} or offsets.itemsize != 8:
        raise ValueError("ends is not an array of 'q'")
    if first < 0 or count < 0 or first + count > len(offsets):
        raise ValueError("first and count lie outside of ends")
    for end in offsets[first : first + count]:
        if not 0 <= start <= end <= len(view):
            raise ValueError("the ends of a part do not ascend from its start within its data")
        yield bytes(view[start:end])
        start = end + 1


def build(parts: Iterable[Part], timestamp_ms: int, compression: int, level: int = 0) -> bytearray:
    """Return one batch, not sealed yet, of the lines of parts: (key, headers, data, start, ends, first, count), one key and headers a part.

    The lines lie in `data` one behind the other, from `start` on, and `ends[first : first + count]` (an array of 'q') says where the
    newline of each is, which is left out. All bear the same time; they are numbered from 0. `data` and `ends` must not change meanwhile.
    `compression` is 0 (none), 3 (lz4) or 4 (zstd), `level` the codec's own, 0 its default.
    ValueError: no line at all, more than 1 GiB, or lines that do not lie in their data.
    """
    records, index = bytearray(), 0
    for key, headers, data, start, ends, first, count in parts:
        tail = _varint(len(headers)) + b"".join(_sized(name) + _sized(value) for name, value in headers)
        for line in _lines(data, start, ends, first, count):
            body = b"\0" + _varint(0) + _varint(index) + _sized(key) + _sized(line) + tail
            records += _varint(len(body)) + body
            index += 1
    if not index:
        raise ValueError("a batch holds at least one record")
    if len(records) > MOST_BYTES:
        raise ValueError(f"records of {len(records)} bytes: a batch takes {MOST_BYTES}")
    content: bytes | bytearray = records
    if compression == LZ4:
        content = compress.lz4_compress(records, level)
    elif compression == ZSTD:
        content = compress.zstd_compress(records, level)
    elif compression != NONE:
        raise ValueError(f"compression {compression} is none of 0 (none), 3 (lz4), 4 (zstd)")
    length = HEADER.size - LENGTH_END + len(content)
    head = HEADER.pack(0, length, -1, 2, 0, compression, index - 1, timestamp_ms, timestamp_ms, -1, -1, -1, index)
    return bytearray(head + content)


def _check_one(batch: bytes | bytearray) -> None:
    if len(batch) < HEADER.size or batch[MAGIC_AT] != 2 or int.from_bytes(batch[8:12], signed=True) != len(batch) - LENGTH_END:
        raise ValueError("not one record batch of format v2")


def seal(batch: bytearray, producer_id: int, producer_epoch: int, base_sequence: int) -> None:
    """Write who sends a batch and as which of its records, and the CRC, so that it can be sent; may be done again.

    ValueError when it is not one whole batch.
    """
    _check_one(batch)
    PRODUCER.pack_into(batch, PRODUCER_AT, producer_id, producer_epoch, base_sequence)
    struct.pack_into(">I", batch, CRC_AT, crc32c(batch[ATTRIBUTES_AT:]))


def count(batch: Buffer) -> int:
    """Return how many records one whole batch says it has; ValueError when it is none."""
    batch = bytes(batch)
    _check_one(batch)
    return int.from_bytes(batch[COUNT_AT : HEADER.size], signed=True)


class _Cursor:
    """Consecutive fields of a record or of records; `problem` is raised for what does not fit."""

    def __init__(self, data: bytes, problem: ValueError) -> None:
        self.data, self.at, self.problem = data, 0, problem

    def take(self, size: int) -> bytes:
        """Return the next bytes."""
        if size > len(self.data) - self.at:
            raise self.problem
        self.at += size
        return self.data[self.at - size : self.at]

    def varint(self, least: int, most: int) -> int:
        """Return the next number."""
        zigzag, shift, byte = 0, 0, 0x80
        while byte & 0x80:
            if shift > 63:
                raise self.problem
            byte = self.take(1)[0]
            zigzag |= (byte & 0x7F) << shift
            shift += 7
        zigzag &= 2 * INT64 - 1
        return self.within(zigzag >> 1 ^ -(zigzag & 1), least, most)

    def within(self, number: int, least: int, most: int) -> int:
        """Return a number that lies between bounds."""
        if not least <= number <= most:
            raise self.problem
        return number

    def sized(self, least: int = -1) -> bytes | None:
        """Return bytes that are behind their length, None where that is -1."""
        size = self.varint(least, INT32 - 1)
        return None if size < 0 else self.take(size)


def _record(cursor: _Cursor, base_offset: int, base_timestamp: int) -> Record:
    cursor.take(1)
    timestamp = cursor.within(base_timestamp + cursor.varint(-INT64, INT64 - 1), -INT64, INT64 - 1)
    offset = cursor.within(base_offset + cursor.varint(0, INT32 - 1), -INT64, INT64 - 1)
    key, value = cursor.sized(), cursor.sized()
    headers = tuple((cursor.sized(0) or b"", cursor.sized()) for _ in range(cursor.varint(0, len(cursor.data))))
    if cursor.at != len(cursor.data):
        raise cursor.problem
    return offset, timestamp, key, value, headers


def _gunzip(section: bytes, limit: int) -> bytes:
    decompressor = zlib.decompressobj(wbits=31)
    try:
        data = decompressor.decompress(section, limit + 1)
    except zlib.error as error:
        raise ValueError("gzip data is corrupt") from error
    if len(data) > limit:
        raise ValueError(f"gzip data holds more than {limit} bytes")
    if not decompressor.eof or decompressor.unused_data:
        raise ValueError("gzip data is cut or corrupt")
    return data


def _decompressed(codec: int, position: int, section: bytes, limit: int) -> bytes:
    try:
        if codec == NONE:
            return section
        if codec == GZIP:
            return _gunzip(section, limit)
        if codec == LZ4:
            return compress.lz4_decompress(section, limit)
        if codec == ZSTD:
            return compress.zstd_decompress(section, limit)
    except ValueError as error:
        raise ValueError(f"record batch at byte {position} cannot be decompressed: {error}") from error
    name = "snappy, which is not read" if codec == SNAPPY else f"codec {codec}, which is not known"
    raise ValueError(f"record batch at byte {position} is compressed by {name}")


def _batches(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while len(data) - position > MAGIC_AT:
        if (magic := data[position + MAGIC_AT]) != 2:
            raise ValueError(f"record batch at byte {position} is of format v{magic}, not v2")
        size = LENGTH_END + int.from_bytes(data[position + 8 : position + LENGTH_END], signed=True)
        if size < HEADER.size:
            raise ValueError(f"record batch at byte {position} is shorter than its header")
        if size > len(data) - position:
            break
        yield position, data[position : position + size]
        position += size


def parse(data: Buffer, limit: int) -> list[Record]:
    """Return all records of consecutive batches: (offset, milliseconds since the epoch, key, value, headers).

    A batch that is cut at the end is left out, control batches are passed over. `limit` is the most bytes that the records of all
    batches take decompressed. ValueError, which says at which byte: more than that, a wrong CRC, snappy, any other corruption.
    """
    records: list[Record] = []
    if limit < 0:
        raise ValueError("limit is negative")
    for position, batch in _batches(bytes(data)):
        base_offset, _, _, _, crc, attributes, _, base_time, max_time, _, _, _, number = HEADER.unpack_from(batch)
        if crc != crc32c(batch[ATTRIBUTES_AT:]):
            raise ValueError(f"record batch at byte {position} does not match its CRC")
        if attributes & CONTROL:
            continue
        section = _decompressed(attributes & CODEC_MASK, position, batch[HEADER.size :], limit)
        if len(section) > limit:
            raise ValueError(f"record batch at byte {position} holds more than {limit} bytes")
        if not 0 <= number <= len(section) // SMALLEST_RECORD:
            raise ValueError(f"record batch at byte {position} cannot hold {number} records")
        problem = ValueError(f"record batch at byte {position} holds a broken record")
        cursor = _Cursor(section, problem)
        for _ in range(number):
            record = _Cursor(cursor.sized(SMALLEST_RECORD - 1) or b"", problem)
            offset, timestamp, key, value, headers = _record(record, base_offset, base_time)
            records.append((offset, max_time if attributes & LOG_APPEND_TIME else timestamp, key, value, headers))
        if cursor.at != len(section):
            raise ValueError(f"record batch at byte {position} is longer than its records")
        limit -= len(section)
    return records


def next_offset(data: Buffer) -> int:
    """Return the offset behind the last whole batch of consecutive batches, which need not have records; -1 where there is none.

    ValueError where a batch is of another format or its offsets are none. The CRC is not looked at.
    """
    offset = -1
    for position, batch in _batches(bytes(data)):
        base_offset, _, _, _, _, _, last_delta, *_ = HEADER.unpack_from(batch)
        offset = base_offset + last_delta + 1
        if not 0 <= offset < INT64:
            raise ValueError(f"record batch at byte {position} has no valid offset")
    return offset
