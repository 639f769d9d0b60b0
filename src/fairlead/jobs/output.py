"""Where outcomes go: in the order of the input, or as they come. What waits for its turn lies in a file, so that memory is bounded."""

import tempfile
from collections.abc import Callable
from typing import IO, Self

from fairlead.jobs.commit import GroupCommit

HELD_BYTES = 16 << 20
_WRITE_BYTES, _WRITE_LINES = 1 << 20, 64


class Output:
    """Use as a context manager; `write` is called in a thread with whole lines, one call at a time."""

    def __init__(self, write: Callable[[bytes], None], *, keep_order: bool, held_bytes: int = HELD_BYTES) -> None:
        self._write = write
        self._keep_order = keep_order
        self._commit = GroupCommit(self._write_in_turn)
        self._held: dict[int, bytes | tuple[int, int]] = {}
        self._room = held_bytes
        self._file: IO[bytes] | None = None
        self._end = self._in_file = 0
        self._next = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    async def put(self, serial: int, line: bytes) -> None:
        """Take the line of the job with this serial number (from 0, without a gap); raises OSError where lines cannot be written."""
        await self._commit(b"%d %d %b" % (serial, len(line), line))

    async def close(self) -> None:
        """Wait until all is written that has its turn."""
        await self._commit.close()

    def _write_in_turn(self, data: bytes) -> None:
        at, out = 0, []
        while at < len(data):
            head = data.index(b" ", data.index(b" ", at) + 1)
            serial, length = (int(word) for word in data[at:head].split())
            at = head + 1 + length
            line = data[head + 1 : at]
            if self._keep_order and serial != self._next:
                self._hold(serial, line)
                continue
            out.append(line)
            self._next += 1
            while (held := self._held.pop(self._next, None)) is not None:
                out.append(self._taken(held))
                self._next += 1
                if sum(map(len, out)) > _WRITE_BYTES or len(out) >= _WRITE_LINES:
                    self._write(b"".join(out))
                    out.clear()
        if out:
            self._write(b"".join(out))

    def _hold(self, serial: int, line: bytes) -> None:
        if len(line) <= self._room:
            self._room -= len(line)
            self._held[serial] = line
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="fairlead-jobs-")  # noqa: SIM115 - closed by __exit__
        self._file.seek(self._end)
        self._file.write(line)
        self._held[serial] = (self._end, len(line))
        self._end += len(line)
        self._in_file += 1

    def _taken(self, held: bytes | tuple[int, int]) -> bytes:
        if isinstance(held, bytes):
            self._room += len(held)
            return held
        assert self._file is not None
        self._file.seek(held[0])
        line = self._file.read(held[1])
        self._in_file -= 1
        if not self._in_file:
            self._file.truncate(0)
            self._end = 0
        return line
