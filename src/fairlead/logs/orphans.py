"""Sources whose files do not stand where they did: each goes on in a renamed file, in the copy of one, or ends in a gap."""

import os

import msgspec

from fairlead._native import oscalls
from fairlead.core.clock import Clock
from fairlead.core.logsetup import Log
from fairlead.core.record import Position
from fairlead.logs import identity
from fairlead.logs.beginning import Beginning
from fairlead.logs.gaps import Gaps
from fairlead.logs.looks import Looks
from fairlead.logs.rotation import Rotations
from fairlead.logs.sources import Sources
from fairlead.logs.tail import DONE, GONE, CompressedTail, FileTail, Tail
from fairlead.logs.tails import Tails
from fairlead.logs.waking import Waking

log = Log("logs")


class Orphan(msgspec.Struct):
    """A source whose file is to be found under another name, or its copy."""

    position: Position
    seen: tuple[int, int] | None = None
    """Size and time of the file when it was last looked at; None where it was not by us."""
    tail: Tail | None = None
    """What holds lines that were read and wait for more."""
    finished: bool | None = None
    """Of one that was parked: whether nothing is known to have come since it was read to its end; then it is done if it is deleted."""
    last_look_s: float | None = None
    """When it is sought for the last time, in monotonic seconds."""


class Orphans:
    """Seeks the files of sources that are without one. `truncated` takes the paths whose files are copied and truncated."""

    def __init__(
        self,
        sources: Sources,
        tails: Tails,
        gaps: Gaps,
        beginning: Beginning,
        looks: Looks,
        clock: Clock,
        truncated: set[str],
        waking: Waking,
    ) -> None:
        self._sources, self._tails, self._gaps, self._beginning = sources, tails, gaps, beginning
        self._looks, self._clock, self._truncated, self._waking = looks, clock, truncated, waking
        self._orphans: dict[str, Orphan] = {}

    def add(self, orphan: Orphan) -> None:
        """Seek a source from now on."""
        self._orphans[orphan.position.source] = orphan

    def add_unfollowed(self) -> None:
        """Seek each source that is not at its end and was not found where it stood."""
        for position in self._sources:
            if position.source not in self._tails and position.kind not in (DONE, GONE):
                self.add(Orphan(position))

    def moved(self, position: Position) -> None:
        """Take another position for a source."""
        if orphan := self._orphans.get(position.source):
            orphan.position = position

    def parked_at(self, path: str) -> list[Position]:
        """Return the positions of the sources that are sought and were parked at a path."""
        orphans = [orphan for orphan in self._orphans.values() if orphan.finished is not None]
        return [orphan.position for orphan in orphans if orphan.position.path == path]

    def seek(self, rotations: Rotations) -> None:
        """Follow the rotated files of sources that are without one."""
        for source, orphan in list(self._orphans.items()):
            position = orphan.position
            unmatched = self._beginning.discovery.input_of(position.path) is None and _stands(position)
            if source in self._tails or unmatched:
                del self._orphans[source]
            elif self._waking.free() <= 0:
                # What cannot be opened is not missing.
                self._looks.soon()
                break
            elif tail := self._follow_successor(position, rotations):
                del self._orphans[source]
                self._judge_copy(orphan, tail)
            elif orphan.last_look_s is None:
                # Once more: the names may just be changing.
                orphan.last_look_s = self._looks.settled_s
                self._looks.soon()
            elif self._clock.monotonic() >= orphan.last_look_s:
                del self._orphans[source]
                self._give_up(orphan)
            else:
                self._looks.soon()

    def _follow_successor(self, position: Position, rotations: Rotations) -> Tail | None:
        """Follow the rotated file in which a source goes on, to its end; return it, None where there is none."""
        successor = rotations.find_successor(position)
        if successor is None:
            return None
        builder = self._beginning.builder(position, self._beginning.input_of(position.path))
        tail = (CompressedTail if successor.compressed else FileTail)(successor.descriptor, position, builder)
        self._tails.follow(tail)
        # A copy will not grow; into the file itself its writer may write on until it opens its log anew.
        grows = successor.identity == (position.device, position.inode)
        self._tails.moved_s[position.source] = self._clock.monotonic() - (0 if grows else self._looks.linger_s)
        return tail

    def _judge_copy(self, orphan: Orphan, tail: Tail) -> None:
        """Take note of a gap where a source goes on in a copy, unless its file was certainly not written while that was made."""
        position = orphan.position
        if orphan.seen:
            unknown = not tail.was_quiet(orphan.seen)
            text = "file was truncated while it was written, what came after the copy is unknown"
        else:
            copied = isinstance(tail, FileTail) and tail.identity != (position.device, position.inode)
            if unknown := copied or _was_truncated(position):
                self._truncated.add(position.path)
            text = "file was truncated while nobody read it, what came after its copy is unknown"
        if unknown:
            log.warning(text, path=position.path)
            tail.position = self._gaps.mark(position)
            self._sources.know(tail.position)

    def _give_up(self, orphan: Orphan) -> None:
        position = orphan.position
        if orphan.finished:
            self._gaps.end(position, None, DONE)
            return
        text = "file was truncated, what was written since the last read is unknown"
        if not orphan.seen:
            text = "file vanished while nobody read it, what it held behind the offset is unknown"
        log.warning(text, path=position.path, offset=position.offset)
        # What was read of it and waits for more to come is all that there will be.
        self._gaps.lose(position, orphan.tail)


def _was_truncated(position: Position) -> bool:
    """Tell whether the file of a position still stands at its path, with other content: it was copied and truncated, not renamed."""
    return _stands(position, otherwise=True)


def _stands(position: Position, *, otherwise: bool = False) -> bool:
    """Tell whether the file of a position stands at its path, with the same content, or `otherwise` with another."""
    try:
        descriptor = os.open(position.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError:
        return False
    try:
        facts = os.fstat(descriptor)
        same = (facts.st_dev, facts.st_ino) == (position.device, position.inode) and oscalls.birth_ns(descriptor) == position.birth_ns
        return same and identity.has_same_content(descriptor, position) != otherwise
    finally:
        os.close(descriptor)
