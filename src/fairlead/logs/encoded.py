"""From the blocks of a source straight to the bytes that leave, without an object a line.

UTF-8 lines that need no more than time, level and JSON are encoded by a native kernel; bare lines are not even copied apart. What asks
for more (another encoding, multi-line records, split lines, redaction) takes the way of `lines.py`, and is encoded then.
"""

from array import array
from collections.abc import Sequence
from datetime import tzinfo

import orjson

from fairlead._native import linescan
from fairlead._native.encode import Encoder
from fairlead.core.context import RunContext
from fairlead.core.record import Batch, Lines, Position, Record
from fairlead.logs.cutting import BLOCK_BYTES
from fairlead.logs.encode import RAW, encode_records, join
from fairlead.logs.lines import LineBuilder, make_builder
from fairlead.logs.redact import Redactor
from fairlead.logs.settings import LogInput
from fairlead.logs.tail import Encoding
from fairlead.logs.timestamps import TimestampParser, wall_clock

_ENDS = 8192
Scratch = tuple["array[int]", "array[int]"]
_ZEROS = bytes(1 << 16)


class EncodedBuilder:
    """Takes consecutive blocks of one source and gives encoded lines; an unfinished line stays with it, bounded by the limit."""

    def __init__(
        self,
        position: Position,
        log_input: LogInput,
        redactor: Redactor,
        output: str,
        context: RunContext,
        scratch: Scratch,
        zone: tzinfo | None = None,
    ) -> None:
        self.offset = self.scanned = position.offset
        self._position, self._input, self._context, self._zone, self._output = position, log_input, context, zone, output
        self._redactor = redactor
        self._head = bytearray()
        self._room = log_input.max_line_bytes + 2
        self._ends, self._out_ends = scratch
        self._encoder = self._make_encoder() if output != RAW else None
        self._slow: LineBuilder | None = None
        if redactor or not self._is_plain():
            self._go_slow()

    @property
    def redactor(self) -> Redactor:
        """What is left out of lines."""
        return self._redactor

    @redactor.setter
    def redactor(self, redactor: Redactor) -> None:
        self._redactor = redactor
        if self._slow is not None:
            self._slow.redactor = redactor
        elif redactor:
            self._go_slow()

    @property
    def due_ns(self) -> int | None:
        """Return when `flush_due` will have something; None where nothing waits for time."""
        return self._slow.due_ns if self._slow else None

    def add(self, block: bytes, read_ns: int) -> list[Lines]:
        """Return the lines that end in this block."""
        if self._slow is not None:
            return self._of_records(self._slow.add(block, read_ns), read_ns)
        taken: list[Lines] = []
        base, start, at = self.scanned, 0, 0
        while True:
            count = linescan.scan(block, self._ends, at)
            first = 0
            if count and self._head:
                taken.append(self._end_held(block[: self._ends[0]], base + self._ends[0] + 1, read_ns))
                start, first = self._ends[0] + 1, 1
            if count > first:
                taken.append(self._encode(block, start, first, count - first, base, read_ns))
            if count:
                start = at = self._ends[count - 1] + 1
                self.offset = base + start
            if count < _ENDS:
                break
        self.scanned = base + len(block)
        if start < len(block):
            self._head += block[start : start + max(0, self._room - len(self._head))]
        return taken

    def flush(self, read_ns: int) -> list[Lines]:
        """Return what is unfinished: its file will not grow any more."""
        if self._slow is not None:
            return self._of_records(self._slow.flush(read_ns), read_ns)
        if self.scanned == self.offset:
            return []
        taken = [self._end_held(b"", self.scanned, read_ns)]
        self.offset = self.scanned
        return taken

    def flush_due(self, now_ns: int) -> list[Lines]:
        """Return the lines that have waited for their time-out for more that belong to them."""
        return self._of_records(self._slow.flush_due(now_ns), now_ns) if self._slow else []

    def _is_plain(self) -> bool:
        """Tell whether the kernel gives what the other way would."""
        asked = self._input
        plain = asked.encoding == "utf-8" and asked.multiline is None and asked.long_lines == "truncate"
        if self._output == RAW:
            # A line that stands whole in a block is not cut.
            return plain and asked.max_line_bytes >= BLOCK_BYTES
        return plain

    def _make_encoder(self) -> Encoder:
        position, context, fields = self._position, self._context, self._input.fields
        path, source = orjson.dumps(position.path), orjson.dumps(position.source)
        host, agent = orjson.dumps(context.host), orjson.dumps(context.agent_id)
        inside = orjson.dumps(fields)[1:-1] if fields else b""
        return Encoder(path, source, host, agent, inside, self._input.max_line_bytes, wall_clock(self._zone))

    def _encode(self, block: bytes, start: int, first: int, count: int, base: int, read_ns: int) -> Lines:
        if self._encoder is not None:
            data = self._encoder.encode(block, self._ends, start, first, count, base, read_ns, self._out_ends)
            return Lines(data, self._out_ends[:count])
        data = block[start : self._ends[first + count - 1] + 1]
        # One byte is found by memchr, two are not.
        if b"\r" in data and b"\r\n" in data:
            return join([line.removesuffix(b"\r") for line in data[:-1].split(b"\n")])
        if not start:
            return Lines(data, self._ends[first : first + count])
        linescan.scan(data, self._out_ends)
        return Lines(data, self._out_ends[:count])

    def _end_held(self, rest: bytes, end: int, read_ns: int) -> Lines:
        """Return the line that was held and is ended by `rest`; the bytes before `end` are covered by it."""
        line = bytes(self._head) + rest
        self._head.clear()
        if self._encoder is None:
            return join([line[: self._input.max_line_bytes].removesuffix(b"\r")])
        # The kernel cuts what is too long, and nothing of what it leaves was not kept.
        data = self._encoder.encode_line(line, self.offset, end, "", read_ns)
        return Lines(data, array("q", [len(data) - 1]))

    def _go_slow(self) -> None:
        """Take the other way from here on, with what is held of an unfinished line."""
        self._slow = make_builder(self._input, self.offset, TimestampParser(self._zone), self._redactor)
        missing = self.scanned - self.offset - len(self._head)
        if self._head:
            self._slow.add(bytes(self._head), 0)
        # What was not kept lies behind the limit, where all is cut.
        for _ in range(0, missing, len(_ZEROS)):
            self._slow.add(_ZEROS[: min(missing, len(_ZEROS))], 0)
            missing -= len(_ZEROS)
        self._head.clear()

    def _of_records(self, records: Sequence[Record], read_ns: int) -> list[Lines]:
        assert self._slow is not None
        self.offset, self.scanned = self._slow.offset, self._slow.scanned
        if not records:
            return []
        position, context = self._position, self._context
        batch = Batch(position.source, position.path, 0, 0, read_ns, list(records), position, host=context.host, agent=context.agent_id)
        return [encode_records(batch, self._output)]


def encoding(output: str, context: RunContext, zone: tzinfo | None = None) -> Encoding:
    """Return what makes the builders of an agent whose sink wants its lines as `output`."""
    scratch = make_scratch()
    return lambda position, log_input, redactor: EncodedBuilder(position, log_input, redactor, output, context, scratch, zone)


def make_scratch() -> Scratch:
    """Return where builders note the ends of lines: for all that are asked by one thread at a time."""
    return array("q", bytes(8 * _ENDS)), array("q", bytes(8 * _ENDS))
