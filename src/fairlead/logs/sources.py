"""What is known of every source, followed or not: its position, by its id, by the paths where it was, by device and inode."""

from collections.abc import Iterable, Iterator

from fairlead.core.record import Position
from fairlead.logs.index import Index
from fairlead.logs.listings import Identity


class Sources:
    """The positions of all sources; journald's is none of them."""

    def __init__(self, positions: Iterable[Position]) -> None:
        self._positions: dict[str, Position] = {}
        self._at_path: Index[str] = Index()
        self._in_inode: Index[Identity] = Index()
        for position in positions:
            if position.kind != "journal":
                self.know(position)

    def __len__(self) -> int:
        return len(self._positions)

    def __iter__(self) -> Iterator[Position]:
        return iter(list(self._positions.values()))

    def __getitem__(self, source: str) -> Position:
        return self._positions[source]

    def know(self, position: Position) -> None:
        """Take note of where a source stands."""
        before = self._positions.get(position.source)
        self._positions[position.source] = position
        if before is None or before.path != position.path:
            self._at_path.add(position.path, position.source)
        if before is None or (before.device, before.inode) != (position.device, position.inode):
            self._in_inode.add((position.device, position.inode), position.source)

    def met(self, path: str) -> bool:
        """Tell whether a source was ever found at a path."""
        return path in self._at_path

    def at(self, path: str) -> list[Position]:
        """Return the positions of all sources that were ever found at a path."""
        return [self._positions[source] for source in self._at_path.get(path)]

    def of(self, inode: Identity) -> list[Position]:
        """Return the positions of all sources that were in a file of this device and inode."""
        return [self._positions[source] for source in self._in_inode.get(inode)]

    def now_in(self, inode: Identity) -> list[Position]:
        """Return the positions of all sources that were last seen in a file of this device and inode."""
        return [] if inode not in self._in_inode else [one for one in self.of(inode) if (one.device, one.inode) == inode]
