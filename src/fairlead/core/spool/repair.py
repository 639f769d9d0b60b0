"""Mends a spool that damage was found in: what can be read is copied to fresh segments, broken files are moved aside.

Only broken segments are copied. Each is replaced by one rename, so that a repair may be cut off anywhere and run again. Where frames
are lost, a record says so, and the next verification finds nothing.
"""

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from fairlead._native.compress import crc32c
from fairlead.core.durable import Step, no_step, sync_folder, write_all
from fairlead.core.spool.cursor import Problem
from fairlead.core.spool.format import (
    DATA,
    HEAD_NAME,
    HEADER_BYTES,
    LOST,
    SEAL,
    Header,
    RecordHead,
    pack_header,
    pack_record,
    segment_number,
    segment_path,
)
from fairlead.core.spool.head import HeadFile
from fairlead.core.spool.listing import DRAFT_SUFFIX
from fairlead.core.spool.recovery import Survey, remove_leftovers, survey
from fairlead.core.spool.segment import Damage, SegmentReader
from fairlead.core.spool.tail import find_tail
from fairlead.core.spool.verify import Verification
from fairlead.core.system import system


@dataclass
class Repaired:
    """What a repair did."""

    problems: list[Problem] = field(default_factory=list)
    moved: list[Path] = field(default_factory=list)
    """Broken files, under the names that they have now."""
    kept: int = 0
    """Frames that wait and can be read."""


def repair(folder: Path, now_ns: int, *, step: Step = no_step) -> Repaired:
    """Repair a spool that no agent uses (its caller holds the state directory's lock); raises StateError or OSError."""
    found = Verification(folder)
    for _ in found.frames():
        pass
    done = Repaired(problems=found.problems(), kept=found.waiting)
    state = survey(folder, lambda _: None)
    remove_leftovers(folder, state.blank, step)
    if not done.problems:
        return done
    _Repair(folder, state, now_ns, step, done).run()
    return done


class _Repair:
    def __init__(self, folder: Path, state: Survey, now_ns: int, step: Step, done: Repaired) -> None:
        self._folder, self._state, self._head, self._now_ns, self._step, self._done = folder, state, state.head, now_ns, step, done

    def run(self) -> None:
        damaged = {problem.file for problem in self._done.problems}
        broken = {segment for name in damaged if (segment := segment_number(name)) is not None}
        head_file = HeadFile(self._folder, self._step)
        try:
            if HEAD_NAME in damaged:
                self._head = head_file.begin(self._head)
                self._step("spool fsync")
                sync_folder(self._folder)
            number = self._head.number
            for segment in sorted(broken | self._state.sizes.keys()):
                if segment < self._head.segment:
                    continue  # acknowledged: the next opening unlinks it
                if segment not in broken:
                    number = self._number_behind(segment, number)
                    continue
                if segment == self._head.segment:
                    # Before the rename, as the copy begins with the first frame that waits; until then those before it are passed over.
                    self._head = head_file.write(self._head._replace(offset=HEADER_BYTES))
                number = self._replace(segment, number)
        finally:
            head_file.close()

    def _number_behind(self, segment: int, number: int) -> int:
        """Return the number of the frame behind a whole segment."""
        with contextlib.closing(SegmentReader(self._folder, segment, self._head.key)) as reader:
            return max(number, find_tail(reader, self._state.sizes[segment]).seen)

    def _replace(self, segment: int, number: int) -> int:
        """Put a fresh segment, whose first frame is `number`, in a broken one's place; return the number of the frame behind it."""
        path = segment_path(self._folder, segment)
        draft = path.with_name(path.name + DRAFT_SUFFIX)
        try:
            with contextlib.closing(_Draft(draft, Header(self._head.key, segment, number, self._now_ns), self._step)) as fresh:
                self._copy(segment, fresh)
            if path.exists():
                aside = path.with_name(f"{path.name}.corrupt-{self._now_ns}")
                self._step("spool rename")
                os.link(path, aside)
                self._done.moved.append(aside)
            self._step("spool rename")
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        self._step("spool fsync")
        sync_folder(self._folder)
        return fresh.number

    def _copy(self, segment: int, fresh: "_Draft") -> None:
        behind = self._behind(segment)
        if segment in self._state.sizes:
            with contextlib.closing(SegmentReader(self._folder, segment, self._head.key)) as reader:
                offset = HEADER_BYTES
                while (item := reader.record(offset, self._state.sizes[segment])) is not None:
                    offset = item.end
                    if isinstance(item, Damage):
                        behind = max(behind, item.behind)
                    elif item.kind == SEAL:
                        behind = max(behind, item.number)
                        break
                    elif item.kind == DATA and item.number >= self._head.number:
                        fresh.lose(item.number)
                        fresh.put(DATA, item.number, 0, item.time_ns, item.payload)
                        fresh.number = item.number + 1
                    elif item.kind == LOST:
                        fresh.lose(item.number + item.more)
        fresh.lose(behind)
        fresh.put(SEAL, fresh.number, 0, self._now_ns, b"")

    def _behind(self, segment: int) -> int:
        """Return the number of the frame behind a segment, as far as what stands behind it tells; else -1."""
        following = next((other for other in self._state.sizes if other > segment), None)
        if following is None:
            return self._state.number
        with contextlib.closing(SegmentReader(self._folder, following, self._head.key)) as reader:
            return reader.header.base if reader.header is not None else -1


class _Draft:
    """A fresh segment on its way; durable once it is closed."""

    def __init__(self, path: Path, header: Header, step: Step) -> None:
        self.number = header.base
        """Of the next frame."""
        self._header, self._step, self._offset = header, step, HEADER_BYTES
        step("spool create")
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | system.O_BINARY, 0o600)
        write_all(self._descriptor, [pack_header(header)], 0)

    def lose(self, behind: int) -> None:
        """Put down that the frames up to number `behind` are lost, where they are not there."""
        if behind > self.number:
            self.put(LOST, self.number, behind - self.number, self._header.time_ns, b"")
            self.number = behind

    def put(self, kind: int, number: int, more: int, time_ns: int, payload: bytes) -> None:
        """Write a record."""
        head = RecordHead(self._offset, kind, len(payload), number, more, time_ns, crc32c(payload))
        write_all(self._descriptor, [pack_record(self._header.key, self._header.segment, head), payload], self._offset)
        self._offset = head.end

    def close(self) -> None:
        """Make it durable and close it."""
        try:
            self._step("spool fsync")
            system.sync_data(self._descriptor)
        finally:
            os.close(self._descriptor)
