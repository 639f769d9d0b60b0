"""Reads one segment: record by record, and after damage from the next record that is whole."""

import errno
import os
from pathlib import Path
from typing import NamedTuple

from fairlead._native.compress import crc32c
from fairlead.core.spool.format import (
    DATA,
    HEADER_BYTES,
    RECORD_BYTES,
    RECORD_MAGIC,
    Header,
    RecordHead,
    segment_path,
    unpack_header,
    unpack_record,
)
from fairlead.core.system import system

_BLOCK_BYTES = 256 << 10
_PAGE_BYTES = 4096
_TELLING_BYTES = 64
"""So many zeros at the end of a file are taken for what a power cut left unwritten; fewer may be a payload's own."""


class Record(NamedTuple):
    """A whole record of a segment."""

    offset: int
    end: int
    kind: int
    number: int
    more: int
    time_ns: int
    payload: bytes


class Damage(NamedTuple):
    """Bytes [offset, end) hold no record that is whole; `behind` is the number of the frame behind those known to have stood there,
    -1 where none is known.
    """

    offset: int
    end: int
    behind: int


class SegmentReader:
    """A segment's file, opened to be read; raises OSError, but for a bad sector, which is damage like any other.

    `key` is the spool's; None takes the header's.
    """

    def __init__(self, folder: Path, segment: int, key: int | None) -> None:
        self.segment = segment
        self._descriptor = os.open(segment_path(folder, segment), os.O_RDONLY | system.O_BINARY)
        self._block, self._block_start = b"", 0
        header = unpack_header(_pread(self._descriptor, HEADER_BYTES, 0))
        if header is not None and (header.segment != segment or key not in (None, header.key)):
            header = None
        self.header: Header | None = header
        self.key = header.key if header is not None else key

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def size(self) -> int:
        """Return the file's size in bytes."""
        return os.fstat(self._descriptor).st_size

    def record(self, offset: int, limit: int) -> Record | Damage | None:
        """Return the record at `offset`, or the damage that begins there; None at `limit`, the first byte not to be read."""
        if offset >= limit:
            return None
        if (head := self.head(offset, limit)) is not None and (payload := self._payload(head, limit)) is not None:
            return Record(offset, head.end, head.kind, head.number, head.more, head.time_ns, payload)
        return self._damage(offset, limit)

    def head(self, offset: int, limit: int) -> RecordHead | None:
        """Return the record at `offset` but for its payload, which may be damaged; None where there is none."""
        if limit - offset < RECORD_BYTES or self.key is None:
            return None
        return unpack_record(self.key, self.segment, offset, self._bytes(offset, RECORD_BYTES, limit))

    def is_torn(self, offset: int, size: int) -> bool:
        """Tell whether the damage from `offset` to the file's end looks as a crash leaves it, not as flipped bits do.

        A kill leaves the beginning of what was being written; a power cut may also leave blocks that were never written: zeros.
        """
        head = self.head(offset, size)
        if size - offset < RECORD_BYTES or (head is not None and head.end > size):
            return True
        begin = offset
        while offset < size:
            page = self._bytes(offset, min(_PAGE_BYTES - offset % _PAGE_BYTES, size - offset), size)
            if len(page) >= min(_TELLING_BYTES, size - begin) and not page.strip(b"\0"):
                return True
            offset += len(page) or _PAGE_BYTES
        return False

    def is_blank(self) -> bool:
        """Tell whether the file holds nothing: a crash left it before it had its header."""
        size = self.size()
        return self.header is None and (
            size <= HEADER_BYTES or (size <= _PAGE_BYTES and not _pread(self._descriptor, size, 0).strip(b"\0"))
        )

    def _damage(self, begin: int, limit: int) -> Damage:
        behind, offset = -1, begin
        while offset < limit:
            head = self.head(offset, limit)
            if head is None:
                offset = self._find(offset + 1, limit)
            elif self._payload(head, limit) is not None:
                break
            else:
                behind = head.number + 1 if head.kind == DATA else behind
                offset = head.end
        return Damage(begin, min(offset, limit), behind)

    def _payload(self, head: RecordHead, limit: int) -> bytes | None:
        """Return a record's payload; None where it is damaged or cut."""
        if head.end > limit:
            return None
        payload = self._bytes(head.offset + RECORD_BYTES, head.length, limit)
        return payload if len(payload) == head.length and crc32c(payload) == head.payload_crc else None

    def _find(self, offset: int, limit: int) -> int:
        """Return where the next record begins, its payload whole or not; `limit` where none does."""
        while offset < limit:
            block, at = self._bytes(offset, min(_BLOCK_BYTES, limit - offset), limit), -1
            while (at := block.find(RECORD_MAGIC, at + 1)) >= 0:
                if self.head(offset + at, limit) is not None:
                    return offset + at
            if offset + len(block) >= limit or len(block) < len(RECORD_MAGIC):
                return limit
            offset += len(block) - len(RECORD_MAGIC) + 1
        return limit

    def _bytes(self, offset: int, length: int, limit: int) -> bytes:
        """Return bytes of the file, fewer at its end; reads ahead, but never what stands at `limit` and behind it."""
        at = offset - self._block_start
        if at < 0 or at + length > len(self._block):
            self._block = _pread(self._descriptor, min(max(length, _BLOCK_BYTES), limit - offset), offset)
            self._block_start, at = offset, 0
        return self._block[at : at + length]


def _pread(descriptor: int, length: int, offset: int) -> bytes:
    """Read at an offset; what the disk cannot read comes as 0xff, which no checksum will match."""
    try:
        return system.read_at(descriptor, length, offset)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
    parts, end = [], offset + length
    while offset < end:
        size = min(_PAGE_BYTES - offset % _PAGE_BYTES, end - offset)
        try:
            parts.append(system.read_at(descriptor, size, offset))
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            parts.append(b"\xff" * size)
        offset += size
    return b"".join(parts)
