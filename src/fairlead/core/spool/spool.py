"""The spool: a bounded first-in-first-out of frames (opaque bytes) on disk, for what its sink cannot take now.

A segment is sealed by a record at its end, not by another name: its descriptor and every place in it stay valid, the folder needs no
fsync for it, and wherever the file is copied to, it tells by itself whether all of it is there.

    append       [seal, create] -> write records -> fdatasync
    acknowledge  write a slot of the head -> fdatasync -> unlink the segments below -> fsync of the folder

A crash between any two of these leaves a spool that `open` understands: frames whose append returned are there once and in order, an
append that did not return is there wholly or not at all, and an acknowledgement holds once it returned. (Where a power cut wrote an
append's last blocks but not those before, its whole frames are kept and the gap is told: it may as well be damage to what was durable.)
"""

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from fairlead.core.clock import Clock, SystemClock
from fairlead.core.durable import Step, no_step, sync_folder
from fairlead.core.errors import StateError
from fairlead.core.logsetup import Log
from fairlead.core.spool.cursor import Cursor, Problem
from fairlead.core.spool.format import DATA, HEADER_BYTES, MAX_PAYLOAD_BYTES, RECORD_BYTES, Header, segment_path
from fairlead.core.spool.head import HeadFile, first_head
from fairlead.core.spool.recovery import make_folder, remove_leftovers, survey
from fairlead.core.spool.segment import SegmentReader
from fairlead.core.spool.writer import SegmentWriter, create_segment, framed_bytes

log = Log("spool")
SEGMENT_BYTES = 16 << 20
_MIN_SEGMENTS = 8
"""The bound holds at least so many segments, so that space comes back long before all is acknowledged."""
_TOLD = 1000
_CLOCK = SystemClock()


class Place(NamedTuple):
    """Where a frame lies: its segment, the first byte after it, and its number since the spool was made."""

    segment: int
    end: int
    number: int


class Frame(NamedTuple):
    """A frame and where it lies."""

    place: Place
    payload: bytes


class SpoolFull(Exception):
    """The bound does not let these frames in until others are acknowledged."""


def log_problem(problem: Problem) -> None:
    """Tell damage in the program's log."""
    log.error(
        "spool damaged, a part is passed over; fairlead spool verify tells all",
        file=problem.file,
        offset=problem.offset,
        length=problem.length,
        frames=problem.frames,
        problem=problem.what,
    )


class Spool:
    """The spool in `folder`, of at most `max_bytes` in its segments (the head takes 8 KiB more). For one thread at a time; the
    properties are for any. OSError comes as it is from everything but `open`.

    `step` is called with a name before each durable step; `report` with each damage, once.
    """

    def __init__(
        self,
        folder: Path,
        max_bytes: int,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        step: Step = no_step,
        report: Callable[[Problem], None] = log_problem,
        clock: Clock = _CLOCK,
    ) -> None:
        self._folder, self._max_bytes, self._step, self._report, self._clock = folder, max_bytes, step, report, clock
        self._segment_bytes = min(segment_bytes, max_bytes // _MIN_SEGMENTS)
        self._sizes: dict[int, int] = {}
        """Readable bytes of each segment, ascending."""
        self._head_file: HeadFile | None = None
        self._writer: SegmentWriter | None = None
        self._head = first_head(0)
        self._cursor = Cursor(folder, None, self._sizes, self._tell)
        self._number = 0
        """Of the next frame to come in."""
        self._handed = 0
        """The number after the newest frame that was read since the last rewind."""
        self._bytes, self._oldest_ns = 0, 0
        self._told: set[tuple[str, int]] = set()
        self.problems: deque[Problem] = deque(maxlen=_TOLD)
        """The newest of what had to be passed over."""
        self.lost_frames, self.skipped_bytes = 0, 0

    @property
    def size_bytes(self) -> int:
        """Return how many bytes the segments take on disk."""
        return self._bytes

    @property
    def frames(self) -> int:
        """Return how many frames are not acknowledged yet."""
        return self._number - self._head.number

    @property
    def oldest_age_s(self) -> float:
        """Return for how many seconds the oldest of them has waited, by the wall clock; 0 where none waits."""
        return max(0, self._clock.wall_ns() - self._oldest_ns) / 1e9 if self._oldest_ns else 0.0

    def open(self) -> None:
        """Make or open the spool; reads the names, the head and the newest segment, however much lies there. Raises StateError."""
        try:
            self._open()
        except BaseException as error:
            self.close()
            if isinstance(error, OSError):
                raise StateError(f"{self._folder}: {error.strerror}; the spool needs a folder that can be written, and space") from None
            raise

    def append(self, frames: Sequence[bytes]) -> None:
        """Take frames in, all of them or none; they are durable on return.

        SpoolFull where the bound does not let them in now; ValueError where it never will; OSError (ENOSPC and others) leaves the
        spool as it was.
        """
        size = framed_bytes(frames)
        if HEADER_BYTES + size + RECORD_BYTES > self._max_bytes or max(map(len, frames), default=0) > MAX_PAYLOAD_BYTES:
            raise ValueError(f"{size} bytes never fit into a spool of {self._max_bytes}")
        if not frames:
            return
        writer = self._writer
        if writer is not None and writer.end > HEADER_BYTES and writer.end + size + RECORD_BYTES > self._segment_bytes:
            writer = None
        # A segment that is not sealed keeps room for its seal, so that sealing never passes the bound.
        used = self._bytes + (RECORD_BYTES if self._writer is not None else 0)
        if used + size + (HEADER_BYTES + RECORD_BYTES if writer is None else 0) > self._max_bytes:
            raise SpoolFull(f"{self._folder}: {used} of {self._max_bytes} bytes are taken, {size} more do not fit")
        now_ns = self._clock.wall_ns()
        try:
            if writer is None:
                writer = self._next_segment(now_ns)
            writer.append(frames, self._number, now_ns)
            self._sizes[writer.segment] = writer.end
        finally:
            self._bytes = sum(self._sizes.values())
        self._number += len(frames)
        self._oldest_ns = self._oldest_ns or now_ns

    def read(self, max_bytes: int) -> list[Frame]:
        """Return the next frames, oldest first, of together at most `max_bytes` payload, but at least one where there is one."""
        found: list[Frame] = []
        while (record := self._cursor.peek()) is not None:
            max_bytes -= len(record.payload)
            if found and max_bytes < 0:
                break
            found.append(Frame(Place(self._cursor.segment, record.end, record.number), record.payload))
            self._cursor.advance()
        if found:
            self._handed = found[-1].place.number + 1
        elif self.frames and self._handed <= self._head.number:
            self._acknowledge_all()  # nothing but damage is left: it must not count as a backlog for ever
        return found

    def rewind(self) -> None:
        """Read again from the first frame that is not acknowledged."""
        self._cursor.seek(self._head.segment, self._head.offset, self._head.number)
        self._handed = self._head.number

    def acknowledge(self, place: Place) -> None:
        """Forget, durably, everything up to and including the frame at `place`; ValueError where there is no such frame."""
        number = place.number + 1
        if number <= self._head.number:
            return
        if number > self._number:
            raise ValueError(f"{place} was never read from this spool")
        if number > self._cursor.number:
            self._cursor.seek(place.segment, place.end, number)
        if self._handed <= number and self._cursor.peek() is None:
            self._acknowledge_all()
        else:
            self._acknowledge(place.segment, place.end, number)

    def close(self) -> None:
        """Close all files; nothing needs to be written."""
        self._cursor.close()
        for file in (self._writer, self._head_file):
            if file is not None:
                file.close()
        self._writer = self._head_file = None

    def _open(self) -> None:
        make_folder(self._folder, self._step)
        found = survey(self._folder, self._tell)
        self._sizes, self._number = found.sizes, found.number
        remove_leftovers(self._folder, found.blank, self._step)
        self._head_file, self._head = HeadFile(self._folder, self._step), found.head
        if found.mend_head:
            self._head = self._head_file.begin(found.head)
            self._step("spool fsync")
            sync_folder(self._folder)
        self._cursor = Cursor(self._folder, self._head.key, self._sizes, self._tell)
        self.rewind()
        if not found.sealed:
            newest = next(reversed(self._sizes))
            self._writer = SegmentWriter(self._folder, newest, self._head.key, self._sizes[newest], self._step)
            self._writer.cut()
        if self._sizes and not self.frames and self._cursor.peek() is None:
            self._acknowledge_all()
        else:
            self._unlink_below(self._head.segment)

    def _next_segment(self, now_ns: int) -> SegmentWriter:
        """Seal the newest segment and begin another."""
        if (writer := self._writer) is not None:
            writer.seal(self._number, now_ns)
            self._sizes[writer.segment] = writer.end
            self._writer = None
            writer.close()
        segment = max(self._head.segment, next(reversed(self._sizes), 0)) + 1
        self._writer = create_segment(self._folder, Header(self._head.key, segment, self._number, now_ns), self._step)
        self._sizes[segment] = HEADER_BYTES
        return self._writer

    def _acknowledge_all(self) -> None:
        newest = next(reversed(self._sizes), self._head.segment)
        self._acknowledge(newest, self._sizes.get(newest, self._head.offset), self._number)

    def _acknowledge(self, segment: int, offset: int, number: int) -> None:
        assert self._head_file is not None, "the spool is open"
        self._head = self._head_file.write(self._head._replace(segment=segment, offset=offset, number=number))
        if number < self._number:
            self._unlink_below(segment)
            return
        self._cursor.seek(segment + 1, HEADER_BYTES, number)
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._unlink_below(segment + 1)

    def _unlink_below(self, segment: int) -> None:
        below = [number for number in self._sizes if number < segment]
        for number in below:
            self._step("spool unlink")
            segment_path(self._folder, number).unlink(missing_ok=True)
            del self._sizes[number]
        if below:
            self._step("spool fsync")
            sync_folder(self._folder)
        self._bytes, self._oldest_ns = sum(self._sizes.values()), self._find_oldest()

    def _find_oldest(self) -> int:
        """Return when the oldest frame came in, ns; 0 where there is none."""
        for segment, size in self._sizes.items() if self.frames else ():
            offset = self._head.offset if segment == self._head.segment else HEADER_BYTES
            try:
                reader = SegmentReader(self._folder, segment, self._head.key)
            except FileNotFoundError:
                continue
            record = reader.head(offset, size)
            reader.close()
            if record is not None and record.kind == DATA:
                return record.time_ns
        return 0

    def _tell(self, problem: Problem) -> None:
        """Take note of damage and report it; what is read again after a rewind is not told again."""
        if (place := (problem.file, problem.offset)) in self._told:
            return
        self._told.add(place)
        self.problems.append(problem)
        self.lost_frames += problem.frames
        self.skipped_bytes += problem.length
        self._report(problem)
