"""Reads frames across segments, once each and in order, and tells what it must pass over."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from fairlead.core.spool.format import HEADER_BYTES, LOST, SEAL, segment_name
from fairlead.core.spool.segment import Damage, Record, SegmentReader

DAMAGED = "damaged"
MISSING = "the file is missing"


@dataclass(frozen=True, slots=True)
class Problem:
    """A part of the spool that cannot be read: `length` bytes of a file from `offset` on, which held `frames` frames.

    `frames` is 0 where nobody can know it, or where none is lost.
    """

    file: str
    offset: int
    length: int
    frames: int
    what: str

    def __str__(self) -> str:
        size = f", {self.length} bytes passed over" if self.length else ""
        frames = f", {self.frames} frame{'s' * (self.frames != 1)} lost" if self.frames else ""
        return f"{self.file}:{self.offset}: {self.what}{size}{frames}"


class Cursor:
    """A place in the spool, and the record there. `sizes` are the segments' readable bytes, ascending by number, kept by the owner.

    `number` is that of the next frame; -1 takes the first one that is found. Raises OSError.
    """

    def __init__(self, folder: Path, key: int | None, sizes: Mapping[int, int], report: Callable[[Problem], None]) -> None:
        self._folder, self._key, self._sizes, self._report = folder, key, sizes, report
        self.segment, self.offset, self.number = 0, HEADER_BYTES, -1
        self._floor = -1
        """Frames below are acknowledged already."""
        self._reader: SegmentReader | None = None
        self._record: Record | None = None
        self._pending: Problem | None = None
        """Damage whose number of frames the next record tells."""
        self._behind = -1
        """The number of the frame behind that damage, as far as the damage itself tells."""

    def seek(self, segment: int, offset: int, number: int) -> None:
        """Go to a place."""
        if segment != self.segment:
            self.close()
        self.segment, self.offset, self.number = segment, offset, number
        self._record, self._pending, self._behind = None, None, -1
        # At the beginning of a segment stand frames that are acknowledged where a repair was interrupted between head and rename.
        self._floor = number if offset == HEADER_BYTES else -1

    def close(self) -> None:
        """Close the segment that is being read."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def peek(self) -> Record | None:
        """Return the next frame and stay; None at the spool's end."""
        while self._record is None:
            if self._reader is None and not self._open():
                return None
            assert self._reader is not None, "opened above"
            item = self._reader.record(self.offset, self._sizes.get(self.segment, 0))
            if item is None:
                if not self._leave(sealed=False):
                    return None
            elif isinstance(item, Damage):
                self._note(item.offset, item.end - item.offset, DAMAGED, item.behind)
                self.offset = item.end
            elif item.kind == SEAL:
                self._settle(item.number)
                if (behind := self._sizes[self.segment] - item.end) > 0:
                    self._note(item.end, behind, "the segment goes on behind its seal")
                if not self._leave(sealed=True):
                    return None
            else:
                self._take(item)
        return self._record

    def advance(self) -> Record:
        """Return the frame that `peek` shows, and go behind it."""
        record = self._record
        assert record is not None, "peek comes first"
        self.offset, self.number, self._record = record.end, record.number + 1, None
        return record

    def _take(self, item: Record) -> None:
        if item.kind == LOST:
            self._settle(item.number)
            self.number = max(self.number, item.number + item.more)
            self.offset = item.end
        elif item.number < self._floor:
            self.offset = item.end
        else:
            self._settle(item.number)
            self._record = item

    def _open(self) -> bool:
        """Open the segment of the cursor's place, or the first one behind it that is there; False where there is none."""
        while True:
            if self.segment in self._sizes:
                try:
                    self._reader = SegmentReader(self._folder, self.segment, self._key)
                    break
                except FileNotFoundError:
                    pass
            self._note(0, 0, MISSING)
            following = self._following()
            if following is None:
                return False
            self.segment, self.offset, self._floor = following, HEADER_BYTES, -1
        header = self._reader.header
        if header is None:
            self._note(0, HEADER_BYTES, "damaged header of the segment")
        elif self.offset == HEADER_BYTES:
            self._settle(header.base)
        return True

    def _leave(self, *, sealed: bool) -> bool:
        """Go on to the next segment; False where this one is the newest."""
        following = self._following()
        if following is None:
            self._settle(self._behind)
            return False
        if not sealed and self._pending is None:
            self._note(self.offset, 0, "the segment ends without its seal")
        self.close()
        self._floor = -1
        if following > self.segment + 1:
            self.segment += 1
            self._note(0, 0, MISSING)
        self.segment, self.offset = following, HEADER_BYTES
        return True

    def _following(self) -> int | None:
        return next((segment for segment in self._sizes if segment > self.segment), None)

    def _note(self, offset: int, length: int, what: str, behind: int = -1) -> None:
        """Remember damage until it is known how many frames it took."""
        self._settle(self._behind)
        self._pending, self._behind = Problem(segment_name(self.segment), offset, length, 0, what), behind

    def _settle(self, number: int) -> None:
        """Take note that the next frame is `number`, and tell damage that stands before it with the frames that it took."""
        if self._pending is not None and self._pending.what == MISSING and number <= self.number:
            self._pending = None  # acknowledged before, or known to be lost
        lost = number - self.number if self.number >= 0 and number > self.number else 0
        if self._pending is not None:
            pending, self._pending, self._behind = self._pending, None, -1
            self._report(replace(pending, frames=lost))
        elif lost:
            self._report(Problem(segment_name(self.segment), self.offset, 0, lost, "frames are missing before this place"))
        self.number = max(self.number, number)
