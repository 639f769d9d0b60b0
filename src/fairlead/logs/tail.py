"""One source being read: an open file, how far it is read, and what has become of it.

A tail reads blocks and gives batches; its position moves only when a batch was acknowledged. A file that was renamed is read
on, on its open descriptor, to its end. A file that shrank, or whose content before the offset changed, was truncated
(copytruncate): what was not read of it is sought in the copy.
"""

import os
from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from fairlead.core.record import Batch, Position, Record
from fairlead.logs import identity
from fairlead.logs.lines import LineBuilder
from fairlead.logs.rotation import decompressed

BLOCK_BYTES = 1 << 18
DONE = "done"
"""Position.kind of a source that was read to its end and will not grow."""
GONE = "gone"
"""Position.kind of a source whose file vanished before its end was read."""


class State(StrEnum):
    """What `look` finds."""

    SAME = "same"
    MOVED = "moved"
    TRUNCATED = "truncated"


class Tail(Protocol):
    """A source that is read block by block."""

    position: Position
    builder: LineBuilder

    def look(self) -> State:
        """Compare the open file with its path and with what was read of it."""
        ...

    def read(self, now_ns: int) -> list[Record]:
        """Read one block and return the records of the lines that end in it."""
        ...

    def size(self) -> int:
        """Return the bytes of the source as far as they are known."""
        ...

    def at_end(self) -> bool:
        """Tell whether all that is there was read."""
        ...

    def describe(self, now_ns: int) -> Position:
        """Return the position behind the last record."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


class FileTail:
    """A plain file."""

    def __init__(self, descriptor: int, position: Position, builder: LineBuilder) -> None:
        self._descriptor, self.position, self.builder = descriptor, position, builder
        facts = os.fstat(descriptor)
        self.identity = (facts.st_dev, facts.st_ino)

    def size(self) -> int:
        """Return the file's size now."""
        return os.fstat(self._descriptor).st_size

    def at_end(self) -> bool:
        """Tell whether all that is there was read."""
        return self.builder.scanned >= self.size()

    def look(self) -> State:
        """Compare the open file with its path and with what was read of it."""
        if self.size() < self.builder.scanned or not identity.has_same_content(self._descriptor, self.position):
            return State.TRUNCATED
        try:
            named = os.stat(self.position.path)
        except OSError:
            return State.MOVED
        return State.SAME if (named.st_dev, named.st_ino) == self.identity else State.MOVED

    def read(self, now_ns: int) -> list[Record]:
        """Read one block."""
        block = os.pread(self._descriptor, BLOCK_BYTES, self.builder.scanned)
        return self.builder.add(block, now_ns)

    def begin_anew(self) -> int:
        """Return another descriptor of the file, which was truncated and has become another source."""
        return os.dup(self._descriptor)

    def describe(self, now_ns: int) -> Position:
        """Return the position behind the last record, with what the file will be known by."""
        known = self.position
        return identity.describe(self._descriptor, known.source, known.path, self.builder.offset, known.skipped, now_ns, known.met_ns)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


class CompressedTail:
    """A rotated file that was compressed before its end was read; it does not grow."""

    def __init__(self, descriptor: int, position: Position, builder: LineBuilder) -> None:
        self._descriptor, self.position, self.builder = descriptor, position, builder
        self._blocks = decompressed(descriptor, position.offset)
        self._ended = False

    def look(self) -> State:
        """It stays as it is: to be read to its end."""
        return State.MOVED

    def size(self) -> int:
        """Return what was read so far."""
        return self.builder.scanned

    def at_end(self) -> bool:
        """Tell whether the last block was read."""
        return self._ended

    def read(self, now_ns: int) -> list[Record]:
        """Read one block."""
        block = next(self._blocks, b"")
        self._ended = not block
        return self.builder.add(block, now_ns)

    def describe(self, now_ns: int) -> Position:
        """Return the position behind the last record; only the head is remembered."""
        return msgspec.structs.replace(
            self.position, offset=self.builder.offset, tail_bytes=0, tail_hash=identity.digest(b""), updated_ns=now_ns
        )

    def close(self) -> None:
        """Close the file."""
        self._blocks = iter(())
        os.close(self._descriptor)


def to_batch(tail: Tail, records: Sequence[Record], position: Position, host: str, agent_id: str) -> Batch:
    """Return records of a tail as the batch that leaves the pipeline."""
    return Batch(
        source=position.source,
        path=position.path,
        start=tail.position.offset,
        end=position.offset,
        created_ns=position.updated_ns,
        records=list(records),
        position=position,
        host=host,
        agent=agent_id,
    )
