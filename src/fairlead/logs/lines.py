"""From the bytes of a source to records: lines cut at newlines, bounded in length, decoded, dated and redacted."""

from array import array

from fairlead._native import linescan
from fairlead.core.record import FLAG_BINARY, FLAG_INVALID_UTF8, FLAG_TRUNCATED, Record
from fairlead.logs.level import find_level
from fairlead.logs.redact import Redactor
from fairlead.logs.timestamps import TimestampParser

_OFFSETS = 4096


class LineBuilder:
    """Takes consecutive blocks of one source and gives records; an unfinished line stays with it, bounded by the limit.

    `offset` is the first byte that no record covers yet, `scanned` the first byte that was not given yet.
    """

    def __init__(
        self, offset: int, max_line_bytes: int, parser: TimestampParser, redactor: Redactor, fields: dict[str, str] | None
    ) -> None:
        self.offset = self.scanned = offset
        self._limit = max_line_bytes
        self._head = bytearray()
        self._parser, self.redactor, self._fields = parser, redactor, dict(fields) if fields else None
        self._offsets = array("q", bytes(8 * _OFFSETS))

    def add(self, block: bytes, read_ns: int) -> list[Record]:
        """Return the records of the lines that end in this block."""
        records: list[Record] = []
        begin = start = 0
        while True:
            count = linescan.scan(block, self._offsets, start)
            for newline in self._offsets[:count]:
                records.append(self._end_line(block[begin:newline], newline - begin, 1, read_ns))
                begin = newline + 1
            if count < _OFFSETS:
                break
            start = begin
        rest = len(block) - begin
        if rest:
            room = self._limit + 1 - len(self._head)
            if room > 0:
                self._head += block[begin : begin + room]
            self.scanned += rest
        return records

    def flush(self, read_ns: int) -> list[Record]:
        """Return the unfinished line as a record: its file will not grow any more."""
        return [self._end_line(b"", 0, 0, read_ns)] if self.scanned > self.offset else []

    def _end_line(self, tail: bytes, tail_bytes: int, newline_bytes: int, read_ns: int) -> Record:
        """Make a record of the unfinished line and what ends it, and move on behind its newline."""
        length = self.scanned - self.offset + tail_bytes
        if self._head:
            data = bytes(self._head) + tail
            self._head.clear()
        else:
            data = tail
        begin = self.offset
        self.offset = self.scanned = begin + length + newline_bytes
        flags: tuple[str, ...] = ()
        if length > self._limit:
            data, flags = _cut(data, self._limit), (FLAG_TRUNCATED,)
        if data.endswith(b"\r"):
            data = data[:-1]
        try:
            text = data.decode()
        except UnicodeDecodeError:
            text, flags = data.decode(errors="backslashreplace"), (*flags, FLAG_INVALID_UTF8)
        if "\0" in text:
            text, flags = text.replace("\0", r"\x00"), (*flags, FLAG_BINARY)
        time_ns = self._parser.parse(text, read_ns)
        level = find_level(text)
        if self.redactor:
            text = self.redactor.redact(text)
        return Record(read_ns if time_ns is None else time_ns, text, begin, self.offset, level, flags, self._fields)


def _cut(data: bytes, limit: int) -> bytes:
    """Cut at the limit, but not inside a UTF-8 character."""
    end = limit
    while end > limit - 4 and end > 0 and data[end : end + 1] and data[end] & 0xC0 == 0x80:
        end -= 1
    return data[:end]
