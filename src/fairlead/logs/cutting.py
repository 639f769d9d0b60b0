"""From the blocks of a source to its lines: cut at newlines, bounded in length, still bytes."""

from fairlead.core.record import FLAG_TRUNCATED
from fairlead.logs.decoding import Charset

BLOCK_BYTES = 1 << 18
"""How much of a file is read at once."""
FLAG_SPLIT = "split"
"""A piece of a line that was longer than the limit, and not its last one."""


RawLine = tuple[bytes, int, int, str]
"""The bytes of a line without its newline, the [begin, end) that it covers of the source, and a flag: what became of a long one."""


class LineCutter:
    """Takes consecutive blocks of one source and gives lines; an unfinished one stays with it, bounded by the limit.

    `begin` is the first byte that no line covers yet, `scanned` the first that was not given yet. A line of more than `limit` bytes
    (a carriage return before its newline not counted) is cut there and the rest passed over; or, with `split`, given in pieces, which
    do not depend on how the source is cut into blocks, nor on whether it is begun behind a piece.
    """

    __slots__ = ("_carry", "_charset", "_head", "_limit", "_split", "begin", "scanned")

    def __init__(self, offset: int, limit: int, charset: Charset, *, split: bool) -> None:
        self.begin = self.scanned = offset
        self._limit, self._charset, self._split = limit, charset, split
        self._head = bytearray()
        self._carry = b""

    def add(self, block: bytes) -> list[RawLine]:
        """Return the lines, and pieces of lines, that end in this block."""
        data, unit = self._carry + block, self._charset.unit_bytes
        at = self.scanned - len(self._carry)
        self.scanned += len(block)
        # What is begun inside a code unit is passed over to its end; one that is not all here is kept for the next block.
        begin, end = min(-at % unit, len(data)), len(data) - (at + len(data)) % unit
        self._carry = data[end:]
        lines: list[RawLine] = []
        for newline in self._charset.find_newlines(data, at):
            if self._head or newline - begin > self._limit:
                lines += self._end_line(data[begin:newline], at + newline, at + newline + unit)
            else:
                lines.append((data[begin:newline], self.begin, at + newline + unit, ""))
                self.begin = at + newline + unit
            begin = newline + unit
        if begin < end:
            lines += self._hold(data[begin:end], at + end)
        return lines

    def rest(self) -> list[RawLine]:
        """Return the unfinished line: its file will not grow any more."""
        tail, self._carry = self._carry, b""
        return self._end_line(tail, self.scanned, self.scanned) if self.scanned > self.begin else []

    def _hold(self, data: bytes, at: int) -> list[RawLine]:
        """Keep what is of an unfinished line and ends at byte `at`; return the pieces that it has become too long for."""
        if not self._split:
            room = self._limit + 2 * self._charset.unit_bytes - len(self._head)
            if room > 0:
                self._head += data[:room]
            return []
        self._head += data
        if len(self._head) <= self._limit:
            return []
        whole = bytes(self._head)
        pieces = self._pieces(whole, at)
        del self._head[: sum(len(piece) for piece, *_ in pieces)]
        return pieces

    def _end_line(self, tail: bytes, at: int, end: int) -> list[RawLine]:
        """Return the line of what was kept and the tail before byte `at`; its newline ends at `end`."""
        data, flag = bytes(self._head) + tail, ""
        self._head.clear()
        lines: list[RawLine] = []
        if self._split:
            lines = self._pieces(data, at)
            data = data[sum(len(piece) for piece, *_ in lines) :]
        elif self._is_long(data, 0):
            data, flag = data[: self._charset.whole(data, self._limit)], FLAG_TRUNCATED
        lines.append((data, self.begin, end, flag))
        self.begin = end
        return lines

    def _pieces(self, data: bytes, at: int) -> list[RawLine]:
        """Return the pieces that data before byte `at` begins with, as long as what follows each of them is more than a newline."""
        pieces: list[RawLine] = []
        start = 0
        while self._is_long(data, start):
            window = data[start : start + self._limit + 4]
            size = self._charset.whole(window, self._limit) or self._charset.unit_bytes
            end = at - len(data) + start + size
            pieces.append((window[:size], self.begin, end, FLAG_SPLIT))
            self.begin = end
            start += size
        return pieces

    def _is_long(self, data: bytes, start: int) -> bool:
        """Tell whether there is more than the limit from `start` on; a carriage return at the end may be of the newline."""
        length = len(data) - start
        if length > self._limit and data.endswith(self._charset.carriage_return):
            length -= self._charset.unit_bytes
        return length > self._limit
