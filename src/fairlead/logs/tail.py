"""One source being read: an open file, how far it is read, and what has become of it.

A tail reads blocks and gives batches; its position moves only when a batch was acknowledged. A file that was renamed is read
on, on its open descriptor, to its end. A file that shrank, or whose content before the offset changed, was truncated
(copytruncate): what was not read of it is sought in the copy.
"""

import os
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from fairlead._native import oscalls
from fairlead.core.record import Batch, Lines, Position, Record
from fairlead.logs import identity
from fairlead.logs.cutting import BLOCK_BYTES
from fairlead.logs.redact import Redactor
from fairlead.logs.rotation import FINISHED, decompressed, plain_size
from fairlead.logs.settings import LogInput

QUIET_NS = 50_000_000
"""A file that was not written for at least so long before it was copied was not written while it was, either."""
SLOWEST_COPY = 20_000_000
"""Bytes a second at which a log is copied at least, where nothing tells how long it took."""
DONE = FINISHED
"""Position.kind of a source that was read to its end and will not grow."""
GONE = "gone"
"""Position.kind of a source whose file vanished before its end was read."""


Taken = list[Record] | list[Lines]
"""What was read: records, or lines that were encoded at once; never both."""


class State(StrEnum):
    """What `look` finds."""

    SAME = "same"
    MOVED = "moved"
    TRUNCATED = "truncated"


class Builder(Protocol):
    """Takes consecutive blocks of one source and gives the lines that end in them.

    `offset` is the first byte that no line covers yet, `scanned` the first byte that was not given yet.
    """

    offset: int
    scanned: int
    redactor: Redactor

    @property
    def due_ns(self) -> int | None:
        """Return when `flush_due` will have something; None where nothing waits for time."""
        ...

    def flush_due(self, now_ns: int) -> Taken:
        """Return the lines that have waited long enough; only for a source that is read to its end."""
        ...

    def add(self, block: bytes, read_ns: int) -> Taken:
        """Return the lines that end in this block."""
        ...

    def flush(self, read_ns: int) -> Taken:
        """Return what is unfinished: its file will not grow any more."""
        ...


Encoding = Callable[[Position, LogInput, Redactor], Builder]
"""Makes what cuts and encodes the lines of a source in one go, from its position on."""


class Tail(Protocol):
    """A source that is read block by block."""

    position: Position
    builder: Builder

    def look(self) -> State:
        """Compare the open file with its path and with what was read of it."""
        ...

    def stands(self) -> bool:
        """Tell whether what was read is what the file holds."""
        ...

    def was_quiet(self, seen: tuple[int, int]) -> bool:
        """Tell whether the file that this is a copy of was certainly not written while it was copied and truncated.

        `seen` is what was last seen of it. What is written between the end of the copy and the truncation is in neither: so there is a
        gap unless the copy has just what was seen, and nothing had been written for much longer than copying took.
        """
        ...

    def read(self, now_ns: int) -> Taken:
        """Read one block and return the lines that end in it."""
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

    __slots__ = (
        "_descriptor", "_head", "_head_at", "_head_known", "_last", "_last_end", "_was_same",
        "blank_bytes", "builder", "identity", "position", "seen",
    )  # fmt: skip

    def __init__(self, descriptor: int, position: Position, builder: Builder) -> None:
        self._descriptor, self.position, self.builder = descriptor, position, builder
        facts = os.fstat(descriptor)
        self.identity = (facts.st_dev, facts.st_ino)
        self.seen = (facts.st_size, facts.st_mtime_ns)
        """Size and time of the last write, as they were when the file was last found to be the same."""
        self.blank_bytes = -1
        """How long the file was when it was found to hold nothing but zeros."""
        self._head_known = 0, identity.digest(b"")
        self._remember(position)

    def size(self) -> int:
        """Return the file's size now."""
        return os.fstat(self._descriptor).st_size

    @property
    def descriptor(self) -> int:
        """The open file; it stays the tail's."""
        return self._descriptor

    def has_changed(self) -> bool:
        """Tell whether the file was written since it was last looked at, or is not read to its end."""
        facts = os.fstat(self._descriptor)
        return facts.st_size != self.builder.scanned or (facts.st_size, facts.st_mtime_ns) != self.seen

    def is_deleted(self) -> bool:
        """Tell whether the file has no name any more."""
        return os.fstat(self._descriptor).st_nlink == 0

    def begin_at(self, position: Position, builder: Builder) -> None:
        """Begin elsewhere in the file."""
        self.position, self.builder = position, builder
        self._remember(position)

    def at_end(self) -> bool:
        """Tell whether all that is there was read."""
        return self.builder.scanned >= self.size()

    @property
    def head(self) -> tuple[int, str]:
        """How many of the first bytes were read, up to a limit, and their hash."""
        if self._head_known[0] != len(self._head):
            self._head_known = len(self._head), identity.digest(self._head)
        return self._head_known

    def may_be_truncated(self) -> bool:
        """Tell whether the file was written since it was last looked at, and is not as it was read."""
        facts = os.fstat(self._descriptor)
        return (facts.st_size, facts.st_mtime_ns) != self.seen and not self.stands()

    def _remember(self, position: Position) -> None:
        """Begin with what stands where a position says."""
        self._head_at = identity.head_start(self._descriptor)
        self._head = os.pread(self._descriptor, position.head_bytes, self._head_at)
        self._last = os.pread(self._descriptor, position.tail_bytes, position.offset - position.tail_bytes)
        self._last_end = position.offset
        self._head_known = 0, identity.digest(b"")
        same = identity.digest(self._head) == position.head_hash and identity.digest(self._last) == position.tail_hash
        self._was_same = same

    def stands(self) -> bool:
        """Tell whether the file begins, and stands before what is read next, as it did when that was read: else it was truncated."""
        if not self._was_same or os.fstat(self._descriptor).st_size < self.builder.scanned:
            return False
        last = os.pread(self._descriptor, len(self._last), self._last_end - len(self._last))
        return last == self._last and os.pread(self._descriptor, len(self._head), self._head_at) == self._head

    def look(self) -> State:
        """Compare the open file with its path and with what was read of it."""
        facts = os.fstat(self._descriptor)
        if not self.stands():
            return State.TRUNCATED
        self.seen = (facts.st_size, facts.st_mtime_ns)
        return State.SAME if self.has_its_name() else State.MOVED

    def has_its_name(self) -> bool:
        """Tell whether the file stands at its path."""
        try:
            named = os.stat(self.position.path)
        except OSError:
            return False
        return (named.st_dev, named.st_ino) == self.identity

    def read(self, now_ns: int) -> Taken:
        """Read one block."""
        begin = self.builder.scanned
        block = os.pread(self._descriptor, BLOCK_BYTES, begin)
        head_end = self._head_at + len(self._head)
        if begin <= head_end and len(self._head) < identity.HEAD_LIMIT_BYTES:
            self._head += block[head_end - begin :][: identity.HEAD_LIMIT_BYTES - len(self._head)]
        if block:
            before = self._last if begin == self._last_end else b""
            self._last = (before + block[-identity.TAIL_LIMIT_BYTES :])[-identity.TAIL_LIMIT_BYTES :]
            self._last_end = begin + len(block)
        return self.builder.add(block, now_ns)

    def was_quiet(self, seen: tuple[int, int]) -> bool:
        """Tell whether the file that this is a copy of was certainly not written while it was copied and truncated."""
        facts = os.fstat(self._descriptor)
        begun_ns, (size, written_ns) = oscalls.birth_ns(self._descriptor), seen
        return bool(begun_ns) and facts.st_size == size and begun_ns - written_ns >= max(QUIET_NS, 2 * (facts.st_mtime_ns - begun_ns))

    def begin_anew(self) -> int:
        """Return another descriptor of the file, which was truncated and has become another source."""
        return os.dup(self._descriptor)

    def describe(self, now_ns: int) -> Position:
        """Return the position behind the last record, with what the file will be known by."""
        known = self.position
        place = known.source, known.path, self.builder.offset
        return identity.describe(self._descriptor, *place, known.skipped, now_ns, known.met_ns, known.unknown)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


class CompressedTail:
    """A rotated file that was compressed before its end was read; it does not grow."""

    def __init__(self, descriptor: int, position: Position, builder: Builder) -> None:
        self._descriptor, self.position, self.builder = descriptor, position, builder
        self._blocks = decompressed(descriptor, position.offset)
        self._ended = False
        self._last = b""

    def look(self) -> State:
        """It stays as it is: to be read to its end."""
        return State.MOVED

    def stands(self) -> bool:
        """It is never written."""
        return True

    def was_quiet(self, seen: tuple[int, int]) -> bool:
        """Tell whether the file whose copy this was is certain not to have been written while it was copied and truncated.

        The copy's own times are gone. logrotate gives the compressed file the time of the last write of the log, as it was before it was
        copied; gzip(1) that of the copy, which is the end of copying. How long that took is not known, only that it was not slower than
        SLOWEST_COPY.
        """
        facts, (size, written_ns) = os.fstat(self._descriptor), seen
        begun_ns = oscalls.birth_ns(self._descriptor)
        copied_ns = begun_ns if facts.st_mtime_ns == written_ns else facts.st_mtime_ns
        # A small one is compressed within the same tick of the file system's clock.
        if begun_ns < facts.st_mtime_ns or plain_size(self._descriptor) != size % (1 << 32):
            return False
        return copied_ns - written_ns >= max(2 * QUIET_NS, 3 * size * 10**9 // SLOWEST_COPY)

    def size(self) -> int:
        """Return what was read so far."""
        return self.builder.scanned

    def at_end(self) -> bool:
        """Tell whether the last block was read."""
        return self._ended

    def read(self, now_ns: int) -> Taken:
        """Read one block."""
        block = next(self._blocks, b"")
        self._ended = not block
        self._last = (self._last + block)[-2 * identity.TAIL_LIMIT_BYTES :]
        return self.builder.add(block, now_ns)

    def describe(self, now_ns: int) -> Position:
        """Return the position behind the last record; the file's own facts are not those of the plain one."""
        offset = self.builder.offset
        tail = self._last[: len(self._last) - (self.builder.scanned - offset)][-identity.TAIL_LIMIT_BYTES :]
        if self.builder.scanned - offset >= len(self._last):
            tail = b""
        return msgspec.structs.replace(
            self.position, offset=offset, tail_bytes=len(tail), tail_hash=identity.digest(tail), updated_ns=now_ns
        )

    def close(self) -> None:
        """Close the file."""
        self._blocks = iter(())
        os.close(self._descriptor)


def to_batch(tail: Tail, taken: Sequence[Record | Lines], position: Position, host: str, agent_id: str) -> Batch:
    """Return what was read of a tail as the batch that leaves the pipeline."""
    return Batch(
        source=position.source,
        path=position.path,
        start=tail.position.offset,
        end=position.offset,
        created_ns=position.updated_ns,
        records=[one for one in taken if isinstance(one, Record)],
        position=position,
        host=host,
        agent=agent_id,
        lines=[one for one in taken if isinstance(one, Lines)],
    )
