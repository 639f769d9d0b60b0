"""Writes the newest segment. What is written is durable on return; what fails leaves the segment as it was."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from fairlead._native.compress import crc32c
from fairlead.core.durable import Step, sync_folder, write_all
from fairlead.core.spool.format import (
    DATA,
    HEADER_BYTES,
    RECORD_BYTES,
    SEAL,
    Header,
    RecordHead,
    pack_header,
    pack_record,
    segment_path,
)
from fairlead.core.system import system


class SegmentWriter:
    """The newest segment, open to be appended to at `end`."""

    def __init__(self, folder: Path, segment: int, key: int, end: int, step: Step) -> None:
        self.segment, self.end = segment, end
        self._key, self._step = key, step
        self._descriptor = os.open(segment_path(folder, segment), os.O_RDWR | system.O_BINARY)
        self._torn = os.fstat(self._descriptor).st_size > end
        """Whether something stands behind `end` that does not count."""

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def append(self, frames: Sequence[bytes], number: int, time_ns: int) -> None:
        """Append frames, the first of which is `number`; all of them or, with OSError, none."""
        buffers: list[bytes] = []
        offset = self.end
        for index, payload in enumerate(frames):
            head = RecordHead(offset, DATA, len(payload), number + index, len(frames) - 1 - index, time_ns, crc32c(payload))
            buffers += (pack_record(self._key, self.segment, head), payload)
            offset = head.end
        self._write("spool append", buffers, offset)

    def seal(self, number: int, time_ns: int) -> None:
        """End the segment; `number` is that of the next frame."""
        head = RecordHead(self.end, SEAL, 0, number, 0, time_ns, crc32c(b""))
        self._write("spool seal", [pack_record(self._key, self.segment, head)], head.end)

    def cut(self) -> None:
        """Cut off what stands behind `end`; raises OSError."""
        if self._torn:
            self._step("spool fsync")
            os.ftruncate(self._descriptor, self.end)
            system.sync_data(self._descriptor)
            self._torn = False

    def _write(self, step: str, buffers: Sequence[bytes], end: int) -> None:
        self.cut()
        self._step(step)
        self._torn = True
        try:
            write_all(self._descriptor, buffers, self.end)
            self._step("spool fsync")
            system.sync_data(self._descriptor)
        except BaseException:
            with contextlib.suppress(OSError):
                self.cut()
            raise
        self.end, self._torn = end, False


def create_segment(folder: Path, header: Header, step: Step) -> SegmentWriter:
    """Begin a segment; raises OSError, and then there is none."""
    path = segment_path(folder, header.segment)
    step("spool create")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | system.O_BINARY, 0o600)
    try:
        write_all(descriptor, [pack_header(header)], 0)
        step("spool fsync")
        system.sync_data(descriptor)
        step("spool fsync")
        sync_folder(folder)
        return SegmentWriter(folder, header.segment, header.key, HEADER_BYTES, step)
    except BaseException:
        with contextlib.suppress(OSError):
            path.unlink()
        raise
    finally:
        os.close(descriptor)


def framed_bytes(frames: Sequence[bytes]) -> int:
    """Return how many bytes frames take in a segment."""
    return sum(RECORD_BYTES + len(payload) for payload in frames)
