"""The sources that are followed: their tails, those at rest, by the paths where they were found, and which of their files were renamed."""

from collections.abc import Iterator

from fairlead.core.record import Position
from fairlead.logs.index import Index
from fairlead.logs.listings import Identity
from fairlead.logs.resting import Rest, Resting
from fairlead.logs.sources import Sources
from fairlead.logs.tail import FileTail, Tail


class Tails:
    """The tails by source, those read last at the end; each is closed when it is dropped. What is at `rest` is followed without one."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self.open: dict[str, Tail] = {}
        self.rest = Resting(sources)
        self.moved_s: dict[str, float] = {}
        """When a source's file was found to be renamed, in monotonic seconds."""
        self._at_path: Index[str] = Index()
        self._fresh: set[str] = set()

    def __len__(self) -> int:
        return len(self.open) + len(self.rest)

    def __contains__(self, source: object) -> bool:
        return source in self.open or source in self.rest

    @property
    def descriptors(self) -> int:
        """How many files are open."""
        return len(self.open) + self.rest.descriptors

    def follow(self, tail: Tail) -> None:
        """Follow a source from now on."""
        source = tail.position.source
        self.open[source] = tail
        self._sources.know(tail.position)
        self._at_path.add(tail.position.path, source)
        self._fresh.add(source)

    def forget(self, position: Position) -> None:
        """Take note that a source that was at rest is not followed any more."""
        self._at_path.discard(position.path, position.source)

    def place(self, position: Position, rest: Rest) -> None:
        """Follow a source from now on that has nothing to do, or cannot be read yet."""
        self._sources.know(position)
        self._at_path.add(position.path, position.source)
        self.rest.put(position.source, rest, position.offset)

    def drop(self, tail: Tail) -> bool:
        """Let go of a source where it stands; return whether it was followed by this tail."""
        source = tail.position.source
        if self.open.get(source) is not tail:
            return False
        tail.close()
        self.open.pop(source, None)
        self.moved_s.pop(source, None)
        self._at_path.discard(tail.position.path, source)
        return True

    def refresh(self, source: str) -> None:
        """Have a source read."""
        self._fresh.add(source)

    def take_fresh(self) -> set[str]:
        """Return the sources that are followed since the last call: each has something to read."""
        fresh, self._fresh = self._fresh, set()
        return fresh

    def sources_at(self, path: str) -> tuple[str, ...]:
        """Return the sources that are followed and were found at a path."""
        return self._at_path.get(path)

    def has_any_at(self, path: str) -> bool:
        """Tell whether a source is followed that was found at a path."""
        return path in self._at_path

    def files_at(self, path: str) -> list[FileTail]:
        """Return the tails of the plain files that were found at a path."""
        return [tail for source in self.sources_at(path) if isinstance(tail := self.open.get(source), FileTail)]

    def files(self) -> Iterator[FileTail]:
        """Return the tails of plain files."""
        return (tail for tail in list(self.open.values()) if isinstance(tail, FileTail))

    def identities(self) -> "Identities":
        """Return device and inode of each file that is followed."""
        return Identities(self, self._sources)

    def written_at(self, path: str) -> list[str]:
        """Return the sources that a write at a path may be of: what stands there, or the last file that did and is deleted since.

        Called while a look may be at work in its thread.
        """
        sources = self.sources_at(path)
        moved_s = {source: at_s for source in sources if (at_s := self.moved_s.get(source)) is not None}
        newest = max(moved_s, key=moved_s.__getitem__, default="")
        return [source for source in sources if source == newest or source not in moved_s]

    def close(self) -> None:
        """Close every file."""
        for tail in self.open.values():
            tail.close()
        self.open.clear()
        self.rest.close()


class Identities:
    """Device and inode of each file that is followed, to ask for one; those of the tails are as they were at first, and what is added."""

    def __init__(self, tails: Tails, sources: Sources) -> None:
        self._rest, self._sources = tails.rest, sources
        self._open = {tail.identity for tail in tails.files()}

    def __contains__(self, identity: object) -> bool:
        if identity in self._open:
            return True
        return isinstance(identity, tuple) and any(one.source in self._rest for one in self._sources.now_in(identity))

    def add(self, identity: Identity) -> None:
        """Add a file."""
        self._open.add(identity)
