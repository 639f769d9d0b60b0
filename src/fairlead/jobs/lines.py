"""Reads the lines of an input as they come, without blocking the event loop, a bounded number of bytes ahead of who takes them."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import CancelledError

MAX_LINE_BYTES = 16 << 20
_CHUNK_BYTES = 1 << 16
_CHUNKS_AHEAD = 2


def split_lines(descriptor: int) -> Iterator[list[tuple[int, bytes | None]]]:
    """Yield the lines of each read with their numbers, without those that are blank; None is a line longer than MAX_LINE_BYTES."""
    number, begun, too_long = 1, b"", False
    while chunk := os.read(descriptor, _CHUNK_BYTES):
        *whole, rest = chunk.split(b"\n")
        lines: list[tuple[int, bytes | None]] = []
        for piece in whole:
            line = begun + piece
            if too_long or line.strip():
                lines.append((number, None if too_long else line))
            number, begun, too_long = number + 1, b"", False
        begun = b"" if too_long else begun + rest
        if len(begun) > MAX_LINE_BYTES:
            begun, too_long = b"", True
        yield lines
    if too_long or begun.strip():
        yield [(number, None if too_long else begun)]


class LineReader:
    """Iterate over it once, then `close` it. A thread reads: a descriptor of any kind can be waited for so, and it may never end."""

    def __init__(self, descriptor: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._chunks: asyncio.Queue[list[tuple[int, bytes | None]] | OSError | None] = asyncio.Queue(_CHUNKS_AHEAD)
        self._closed = False
        self._descriptor = os.dup(descriptor)
        # Left to itself at the end: it may wait for a terminal.
        self._thread = threading.Thread(target=self._read, name="input", daemon=True)
        self._thread.start()

    async def __aiter__(self) -> AsyncIterator[tuple[int, bytes | None]]:
        while (chunk := await self._chunks.get()) is not None:
            if isinstance(chunk, OSError):
                raise chunk
            for line in chunk:
                yield line

    def close(self) -> None:
        """Read no more."""
        self._closed = True
        while not self._chunks.empty():
            self._chunks.get_nowait()

    def _read(self) -> None:
        try:
            for lines in split_lines(self._descriptor):
                if self._closed or not self._put(lines):
                    return
        except OSError as error:
            self._put(error)
        else:
            self._put(None)
        finally:
            os.close(self._descriptor)

    def _put(self, chunk: list[tuple[int, bytes | None]] | OSError | None) -> bool:
        putting = self._chunks.put(chunk)
        try:
            asyncio.run_coroutine_threadsafe(putting, self._loop).result()
        except (RuntimeError, CancelledError):  # the loop has ended
            putting.close()
            return False
        return True
