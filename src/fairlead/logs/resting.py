"""Sources that are read and have nothing to do: each is its position, and what its file was like when it was last seen.

Its buffers are given back, and while fewer files are open than may be, its descriptor is held: that is the stronger promise, as a file
that is deleted while it is open can still be read. When descriptors run short, those that rest for longest and were read to their end
are parked: closed, and opened again when inotify or the periodic stat tells that they changed. Then a file is known again as after a
restart (device, inode, birth time, hashes). One that was renamed is sought by its identity; one that was deleted is done if nothing is
known to have come since it was read to its end, and an unknown gap otherwise.
"""

import os
from collections.abc import Iterator
from contextlib import suppress

import msgspec

from fairlead._native import oscalls
from fairlead.core.record import Position
from fairlead.logs.identity import is_same_file
from fairlead.logs.listings import Identity
from fairlead.logs.sources import Sources
from fairlead.logs.tail import FileTail, State

CLOSED = -1


class Rest(msgspec.Struct, frozen=True, gc=False):
    """The file of a source at rest: its descriptor, CLOSED if it is parked, and its size and time of the last write as last seen."""

    descriptor: int
    size: int
    written_ns: int

    def changed(self, facts: os.stat_result) -> bool:
        """Tell whether a file was written since it was seen."""
        return (facts.st_size, facts.st_mtime_ns) != (self.size, self.written_ns)


class Resting:
    """All sources at rest. What is `idle` is open and read to its end, what is `unread` is open and is not."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self.idle: dict[str, Rest] = {}
        self.unread: dict[str, Rest] = {}
        self.parked: dict[str, Rest] = {}
        self.doubted: set[str] = set()
        """Parked ones that events told to be written, and were not opened since."""

    def __len__(self) -> int:
        return len(self.idle) + len(self.unread) + len(self.parked)

    def __contains__(self, source: object) -> bool:
        return source in self.idle or source in self.parked or source in self.unread

    def __iter__(self) -> Iterator[str]:
        return iter([*self.idle, *self.unread, *self.parked])

    @property
    def descriptors(self) -> int:
        """How many files are open."""
        return len(self.idle) + len(self.unread)

    def get(self, source: str) -> Rest | None:
        """Return what is known of a source's file, None where it is not at rest."""
        return self.idle.get(source) or self.unread.get(source) or self.parked.get(source)

    def pop(self, source: str) -> Rest | None:
        """Take out a source; its descriptor is the caller's."""
        return self.idle.pop(source, None) or self.unread.pop(source, None) or self.parked.pop(source, None)

    def put(self, source: str, rest: Rest, scanned: int) -> None:
        """Have a source rest that was read so far."""
        if rest.descriptor == CLOSED:
            self.doubted.discard(source)
            self.parked[source] = rest
        else:
            (self.idle if rest.size == scanned else self.unread)[source] = rest

    def park_oldest(self) -> str | None:
        """Close the file that rests for longest; return its source if it is to be read instead, as something became of it."""
        source = next(iter(self.idle))
        rest, position = self.idle.pop(source), self._sources[source]
        facts = os.fstat(rest.descriptor)
        if rest.changed(facts) or named(position.path) != (facts.st_dev, facts.st_ino):
            self.unread[source] = rest
            return source
        os.close(rest.descriptor)
        self.doubted.discard(source)
        self.parked[source] = msgspec.structs.replace(rest, descriptor=CLOSED)
        return None

    def stands(self, source: str) -> bool:
        """Tell whether a file stands at its path, unchanged as far as its size and times tell."""
        rest, position = self.get(source), self._sources[source]
        if rest is None:
            return True
        try:
            facts = os.stat(position.path)
        except OSError:
            return False
        return (facts.st_dev, facts.st_ino) == (position.device, position.inode) and not rest.changed(facts)

    def was_finished(self, source: str, rest: Rest) -> bool:
        """Tell whether nothing is known to have come to a file since it was read to its end."""
        return rest.size == self._sources[source].offset and source not in self.doubted

    def close(self) -> None:
        """Close every file."""
        for rest in (*self.idle.values(), *self.unread.values()):
            os.close(rest.descriptor)
        self.idle.clear()
        self.unread.clear()
        self.parked.clear()


class RestOriginal:
    """The file of a source at rest, opened if something asks what it holds; `close` it."""

    def __init__(self, position: Position, rest: Rest) -> None:
        self.identity = position.device, position.inode
        self.head = position.head_bytes, position.head_hash
        self._position, self._held = position, rest.descriptor
        self._opened: int | None = None

    @property
    def descriptor(self) -> int:
        """The open file."""
        if self._held != CLOSED:
            return self._held
        if self._opened is None:
            with suppress(OSError):
                self._opened = reopen(self._position)
        return CLOSED if self._opened is None else self._opened

    def stands(self) -> bool:
        """Tell whether the file is as it was read."""
        return self.descriptor != CLOSED and is_same_file(self.descriptor, self._position)

    def close(self) -> None:
        """Close what was opened."""
        if self._opened is not None:
            os.close(self._opened)
            self._opened = None


def put_down(tail: FileTail, *, moved: bool) -> Rest | None:
    """Return what remains of a tail that rests, None where it may not: something of it waits, or its file is not what its position says."""
    position, builder = tail.position, tail.builder
    waits = moved or builder.due_ns is not None or builder.offset != position.offset
    if waits or tail.identity != (position.device, position.inode) or tail.look() is not State.SAME:
        return None
    return Rest(tail.descriptor, *tail.seen)


def reopen(position: Position) -> int | None:
    """Return a descriptor of a position's file if that stands at its path, whatever it holds, None if it does not; else OSError."""
    try:
        descriptor = os.open(position.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        if named(position.path) == (position.device, position.inode):
            raise
        return None
    facts, birth_ns = os.fstat(descriptor), oscalls.birth_ns(descriptor)
    same_birth = not birth_ns or not position.birth_ns or birth_ns == position.birth_ns
    if (facts.st_dev, facts.st_ino) == (position.device, position.inode) and same_birth:
        return descriptor
    os.close(descriptor)
    return None


def named(path: str) -> Identity | None:
    """Return device and inode of what stands at a path."""
    with suppress(OSError):
        facts = os.stat(path)
        return facts.st_dev, facts.st_ino
    return None
