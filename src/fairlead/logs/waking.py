"""Who of the followed sources is awake, who rests and who is parked: as many as descriptors and memory allow, those read last first."""

import os
from collections.abc import Callable, Iterable

from fairlead.core.logsetup import Log
from fairlead.core.record import Position
from fairlead.logs.beginning import Beginning
from fairlead.logs.resting import CLOSED, Rest, put_down, reopen
from fairlead.logs.sources import Sources
from fairlead.logs.tail import FileTail, Tail
from fairlead.logs.tails import Tails

log = Log("logs")
AWAKE = 1024
"""So many tails keep their buffers, each a few KB: more are not read in two rounds."""
LARGE_BYTES, MOST_LARGE = 64 << 10, 32
"""Of tails that hold more of an unfinished line than this, so many keep it; the others rest, and it is read again when it goes on."""
SPARE = 256
"""So many descriptors are made free at once where some are needed for rotated files."""


class Waking:
    """Keeps at most `most` files open. `lost(position, finished)` is called with a parked source whose file does not stand at its path.

    `finished` tells whether it was read to its end, as far as is known.
    """

    def __init__(self, sources: Sources, tails: Tails, beginning: Beginning, most: int, lost: Callable[[Position, bool], None]) -> None:
        self._sources, self._tails, self._rest, self._beginning = sources, tails, tails.rest, beginning
        self._most, self._lost = most, lost
        self._waiting: dict[str, None] = {}
        """Parked sources that are to be read and found no descriptor free, in their order."""
        self._stuck = False
        """Whether no tail was found that could be closed, since one was read last."""
        self._sweep: list[str] = []
        self._large: dict[str, None] = {}
        """Tails that hold much of an unfinished line, those read last at the end."""

    def begin(self, position: Position, descriptor: int, *, known: bool) -> None:
        """Follow a source whose file was just opened: it rests until it is read; one that was `known` and has not grown has no need to."""
        facts = os.fstat(descriptor)
        fresh = not known or facts.st_size != position.offset
        if self._tails.descriptors >= self._most and not (fresh and self._make_room()):
            os.close(descriptor)
            descriptor = CLOSED
        self._tails.place(position, Rest(descriptor, facts.st_size, facts.st_mtime_ns))
        if fresh:
            self._tails.refresh(position.source)

    def wake(self, source: str, *, doubt: bool = False) -> Tail | None:
        """Return the tail of a source; None where its file is gone, or no descriptor is free: then it is read when one is.

        `doubt` tells that it may have been written unseen.
        """
        if tail := self._tails.open.pop(source, None):
            # Those read last stand at the end.
            self._tails.open[source] = tail
            return tail
        rest = self._rest.get(source)
        if rest is None:
            return None
        position, descriptor = self._sources[source], rest.descriptor
        if descriptor == CLOSED:
            opened = self._reopen(position, rest, doubt=doubt)
            if opened is None:
                return None
            descriptor = opened
        try:
            woken = FileTail(descriptor, position, self._beginning.builder(position, self._beginning.input_of(position.path)))
        except OSError as error:
            log.warning("file cannot be read now", path=position.path, error=error)
            if rest.descriptor == CLOSED:
                os.close(descriptor)
            return None
        self._rest.pop(source)
        self._waiting.pop(source, None)
        woken.seen = rest.size, rest.written_ns
        self._tails.open[source] = woken
        return woken

    @property
    def untidy(self) -> bool:
        """Whether there is something to do for `tidy`."""
        too_many = len(self._tails.open) > AWAKE or self._tails.descriptors > self._most or len(self._large) > MOST_LARGE
        return too_many or bool(self._waiting)

    def note_held(self, tail: Tail) -> None:
        """Take note of what a tail holds of an unfinished line."""
        self._large.pop(tail.position.source, None)
        if tail.builder.scanned - tail.builder.offset > LARGE_BYTES:
            self._large[tail.position.source] = None

    def acknowledged(self) -> None:
        """Take note that tails may rest now that could not before."""
        self._stuck = False

    def tidy(self) -> None:
        """Have the tails rest that are too many, and have read what waits for a descriptor."""
        self._stuck, awake = False, self._tails.open
        for source in list(self._large)[:-MOST_LARGE]:
            del self._large[source]
            if (held := awake.get(source)) and held.at_end():
                self._lay_down(held)
        if len(awake) > AWAKE:
            for tail in list(awake.values()):
                if len(awake) <= AWAKE:
                    break
                self._lay_down(tail)
        while self._tails.descriptors > self._most and self._make_room():
            pass
        room = max(0, self._most - self._tails.descriptors) + len(self._rest.idle)
        if self._waiting and not room and self._make_room():
            # Others may rest, too; what still finds no room waits again.
            room = max(1, len(awake))
        for source in list(self._waiting)[:room]:
            del self._waiting[source]
            self._tails.refresh(source)

    def free(self) -> int:
        """Return how many more files may be opened; idle ones are parked where that are few."""
        spare = min(SPARE, max(1, self._most // 4))
        while self._most - self._tails.descriptors < spare and self._make_room(spare):
            pass
        return max(0, self._most - self._tails.descriptors)

    def check(self, sources: Iterable[str], *, stirred: bool = False, doubt: bool = False) -> list[str]:
        """Wake those of some sources whose files changed, or are not at their paths any more; return them.

        Another file may have the inode of a parked one that was deleted: that is found out of those that are `stirred`.
        """
        changed = []
        for source in sources:
            if source in self._rest and ((stirred and source in self._rest.parked) or not self._rest.stands(source)):
                changed.append(source)
                self.wake(source, doubt=doubt)
        return changed

    def changed(self, share: float) -> list[str]:
        """Return the sources of which something is to be read, of a share of those at rest: one after the other in turn."""
        if not self._sweep:
            self._sweep = list(self._rest)
        count = max(1, int(share * len(self._rest)) + 1)
        some, self._sweep = self._sweep[:count], self._sweep[count:]
        return [source for source in some if source in self._rest and not self._rest.stands(source)]

    def drop(self, source: str) -> Position | None:
        """Let go of a source at rest; return where it stands."""
        rest = self._rest.pop(source)
        if rest is None:
            return None
        if rest.descriptor != CLOSED:
            os.close(rest.descriptor)
        self._waiting.pop(source, None)
        self._tails.forget(position := self._sources[source])
        return position

    def unread_bytes(self) -> int:
        """Return how many bytes are known to be there of sources at rest that were not read."""
        sources = [*self._rest.unread, *self._waiting]
        return sum(max(0, rest.size - self._sources[source].offset) for source in sources if (rest := self._rest.get(source)))

    def _reopen(self, position: Position, rest: Rest, *, doubt: bool) -> int | None:
        source = position.source
        try:
            descriptor = reopen(position)
        except OSError as error:
            log.warning("parked file cannot be opened now", path=position.path, error=error)
            return None
        if descriptor is None:
            finished = self._rest.was_finished(source, rest) and not doubt
            self.drop(source)
            self._rest.doubted.discard(source)
            self._lost(position, finished)
            return None
        if not self._make_room():
            # What was seen must not be forgotten: if the file vanishes, it is not done.
            facts = os.fstat(descriptor)
            os.close(descriptor)
            self._waiting[source] = None
            if facts.st_size != rest.size:
                self._rest.doubted.add(source)
            return None
        self._rest.doubted.discard(source)
        return descriptor

    def _make_room(self, spare: int = 1) -> bool:
        """Have a descriptor free; return whether there is one."""
        while self._tails.descriptors + spare > self._most:
            if not self._rest.idle:
                if self._stuck:
                    break
                for tail in list(self._tails.open.values()):
                    self._lay_down(tail)
                    if self._rest.idle:
                        break
                else:
                    self._stuck = True
                    break
            source = self._rest.park_oldest()
            if source:
                self._tails.refresh(source)
        return self._tails.descriptors < self._most

    def _lay_down(self, tail: Tail) -> None:
        """Have a tail rest, if it may."""
        source = tail.position.source
        if not isinstance(tail, FileTail) or not (rest := put_down(tail, moved=source in self._tails.moved_s)):
            return
        del self._tails.open[source]
        scanned = rest.size if rest.size == tail.blank_bytes else tail.builder.scanned
        self._rest.put(source, rest, scanned)
        if rest.size != scanned:
            self._tails.refresh(source)
