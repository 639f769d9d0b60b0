"""The spool's bytes on disk. Everything is little-endian and carries a CRC32C (RFC 3720, appendix B.4); nothing is trusted without it.

    head                    two slots, each at the start of its own block; written in turn, the valid one with the higher turn holds
      magic 8s, version u32, turn u64, key u64, segment u64, offset u64, number u64, crc u32
    NNNNNNNNNNNNNNNN.seg    a segment: its header, then records; a finished segment ends with its seal
      magic 8s, version u32, key u64, segment u64, base u64 (number of its first frame), time i64 (ns), crc u32
    record                  magic 4s, kind u8, 0 0 0, length u32, number u64, more u32, time i64 (ns), payload's crc u32, crc u32; payload
      data   a frame; `number` counts frames since the spool was made, `more` those of the same append that follow
      seal   the segment's end; `number` is that of the next frame
      lost   left by a repair: the `more` frames from `number` on were beyond reading

A record's crc covers the spool's random key, the segment and the offset as well: bytes are a record only where they were written as
one. So a payload that holds a copied (or forged) record cannot pass for one when the reader looks for the next record after damage.
"""

import struct
from pathlib import Path
from typing import NamedTuple

from fairlead._native.compress import crc32c

VERSION = 1
HEAD_NAME = "head"
HEAD_BLOCK_BYTES = 4096
"""A slot has a disk block of its own, so that a torn write spares the other."""
RECORD_MAGIC = b"\xf5FR\x9a"
DATA, SEAL, LOST = 1, 2, 3
MAX_PAYLOAD_BYTES = (1 << 31) - 1
_HEAD_MAGIC = b"\xf5FLHEAD\n"
_SEGMENT_MAGIC = b"\xf5FLSPOO\n"
_CRC = struct.Struct("<I")
_HEAD = struct.Struct("<8sIQQQQQ")
_SEGMENT = struct.Struct("<8sIQQQq")
_RECORD = struct.Struct("<4sB3xIQIqI")
_SEED = struct.Struct("<QQQ")
HEAD_BYTES = _HEAD.size + _CRC.size
HEADER_BYTES = _SEGMENT.size + _CRC.size
RECORD_BYTES = _RECORD.size + _CRC.size


class Head(NamedTuple):
    """How far the spool is acknowledged: the next frame is `number`, at or after `offset` of `segment`."""

    turn: int
    key: int
    segment: int
    offset: int
    number: int


class Header(NamedTuple):
    """The header of a segment."""

    key: int
    segment: int
    base: int
    time_ns: int


class RecordHead(NamedTuple):
    """A record but for its payload, and where it begins."""

    offset: int
    kind: int
    length: int
    number: int
    more: int
    time_ns: int
    payload_crc: int

    @property
    def end(self) -> int:
        """Return the first byte after the record."""
        return self.offset + RECORD_BYTES + self.length


def segment_name(segment: int) -> str:
    """Return the file name of a segment."""
    return f"{segment:016}.seg"


def segment_number(name: str) -> int | None:
    """Return the segment that a file name stands for; None where it is none."""
    stem = name.removesuffix(".seg")
    return int(stem) if len(stem) == 16 and len(name) == 20 and stem.isascii() and stem.isdigit() else None


def segment_path(folder: Path, segment: int) -> Path:
    """Return the path of a segment."""
    return folder / segment_name(segment)


def pack_head(head: Head) -> bytes:
    """Return a slot of the head file."""
    return _sealed(_HEAD.pack(_HEAD_MAGIC, VERSION, *head))


def unpack_head(data: bytes) -> tuple[int, Head] | None:
    """Return the version and what a slot says; None where it is damaged. Of a version that is not ours only the version counts."""
    if not _whole(data, HEAD_BYTES):
        return None
    magic, version, *fields = _HEAD.unpack_from(data)
    return (version, Head(*fields)) if magic == _HEAD_MAGIC else None


def pack_header(header: Header) -> bytes:
    """Return the header of a segment."""
    return _sealed(_SEGMENT.pack(_SEGMENT_MAGIC, VERSION, *header))


def unpack_header(data: bytes) -> Header | None:
    """Return what a segment's header says; None where it is damaged or of another version."""
    if not _whole(data, HEADER_BYTES):
        return None
    magic, version, *fields = _SEGMENT.unpack_from(data)
    return Header(*fields) if (magic, version) == (_SEGMENT_MAGIC, VERSION) else None


def pack_record(key: int, segment: int, head: RecordHead) -> bytes:
    """Return a record but for its payload, for its place."""
    data = _RECORD.pack(RECORD_MAGIC, head.kind, head.length, head.number, head.more, head.time_ns, head.payload_crc)
    return data + _CRC.pack(crc32c(data, crc32c(_SEED.pack(key, segment, head.offset))))


def unpack_record(key: int, segment: int, offset: int, data: bytes) -> RecordHead | None:
    """Return the record that begins with `data`; None where it is none of this place."""
    if len(data) < RECORD_BYTES or not data.startswith(RECORD_MAGIC):
        return None
    if crc32c(data[: _RECORD.size], crc32c(_SEED.pack(key, segment, offset))) != _CRC.unpack_from(data, _RECORD.size)[0]:
        return None
    _, kind, length, number, more, time_ns, payload_crc = _RECORD.unpack_from(data)
    return RecordHead(offset, kind, length, number, more, time_ns, payload_crc) if kind in (DATA, SEAL, LOST) else None


def _sealed(data: bytes) -> bytes:
    return data + _CRC.pack(crc32c(data))


def _whole(data: bytes, size: int) -> bool:
    body = size - _CRC.size
    return len(data) >= size and bool(crc32c(data[:body]) == _CRC.unpack_from(data, body)[0])
