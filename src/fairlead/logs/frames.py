"""Frames: how a slot of the checkpoint is laid out. Each is a header and a payload of positions, one JSON object a line.

    bytes 0-4   magic      4  format   5  kind   6-8  zero
          8-16  sequence   16-20  payload's length   20-24  payload's CRC32C   24-28  CRC32C of bytes 0-24

All little-endian. A frame is appended only behind frames that are durable; so a bad one that another follows was damaged
later, and a bad one that nothing follows is a commit that a crash cut short.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from fairlead._native.compress import crc32c

MAGIC = b"\xffckp"
"""Its first byte never stands in UTF-8: a search for the next frame does not stop inside a payload."""
FORMAT = 2
SNAPSHOT, DELTA = 1, 2
_FIELDS = struct.Struct("<4sBBHQII")
_CHECKSUM = struct.Struct("<I")
HEADER_BYTES = _FIELDS.size + _CHECKSUM.size


class Header(NamedTuple):
    """A header whose own checksum holds; it looks like this in every format."""

    version: int
    kind: int
    sequence: int
    length: int
    payload_checksum: int


class Frame(NamedTuple):
    """A frame whose checksums hold: its bytes are [begin, end) of what was scanned."""

    kind: int
    sequence: int
    begin: int
    end: int
    payload: memoryview


class Scan(NamedTuple):
    """The frames of a slot; `damaged_bytes` stand before the last one and belong to none, `torn_bytes` stand behind it."""

    frames: list[Frame]
    damaged_bytes: int
    torn_bytes: int

    @property
    def end(self) -> int:
        """Where the last frame ends; what follows is no commit."""
        return self.frames[-1].end if self.frames else 0

    @property
    def damaged(self) -> bool:
        """Whether something was lost that had been durable; a slot without any frame never came into being that way."""
        return self.damaged_bytes > 0 or not self.frames


def pack_header(kind: int, sequence: int, length: int, payload_checksum: int) -> bytes:
    """Return the header of a payload of `length` bytes."""
    fields = _FIELDS.pack(MAGIC, FORMAT, kind, 0, sequence, length, payload_checksum)
    return fields + _CHECKSUM.pack(crc32c(fields))


def pack(kind: int, sequence: int, payload: bytes) -> bytes:
    """Return a whole frame."""
    return pack_header(kind, sequence, len(payload), crc32c(payload)) + payload


def read_header(data: bytes | memoryview, begin: int = 0) -> Header | None:
    """Return the header at `begin`; None where there is none, or a damaged one."""
    behind = begin + _FIELDS.size
    if begin + HEADER_BYTES > len(data) or data[begin : begin + len(MAGIC)] != MAGIC:
        return None
    if _CHECKSUM.unpack_from(data, behind) != (crc32c(data[begin:behind]),):
        return None
    _, version, kind, _, sequence, length, checksum = _FIELDS.unpack_from(data, begin)
    return Header(version, kind, sequence, length, checksum)


def scan(data: bytes) -> Scan:
    """Return every frame of a slot's bytes, those behind a damage included."""
    frames = list(_frames(data))
    end = frames[-1].end if frames else len(data)
    return Scan(frames, end - sum(frame.end - frame.begin for frame in frames), len(data) - end)


def _frames(data: bytes) -> Iterator[Frame]:
    view, at = memoryview(data), 0
    while at >= 0:
        if (frame := _frame_at(view, at)) is None:
            at = data.find(MAGIC, at + 1)
        else:
            yield frame
            at = frame.end


def _frame_at(view: memoryview, begin: int) -> Frame | None:
    header = read_header(view, begin)
    if header is None or header.version != FORMAT or header.kind not in (SNAPSHOT, DELTA):
        return None
    payload = view[begin + HEADER_BYTES : begin + HEADER_BYTES + header.length]
    if len(payload) < header.length or crc32c(payload) != header.payload_checksum:
        return None
    return Frame(header.kind, header.sequence, begin, begin + HEADER_BYTES + header.length, payload)
