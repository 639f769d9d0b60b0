"""Where a file that is met for the first time is begun, and what cuts the lines of a source from its position on."""

import os
from collections.abc import Sequence
from datetime import tzinfo

import msgspec

from fairlead.core.context import RunContext
from fairlead.core.logsetup import Log
from fairlead.core.record import Position
from fairlead.logs import identity
from fairlead.logs.cutting import BLOCK_BYTES
from fairlead.logs.decoding import Charset, charset
from fairlead.logs.discover import Discovery
from fairlead.logs.lines import make_builder
from fairlead.logs.redact import Redactor
from fairlead.logs.settings import LogInput
from fairlead.logs.tail import Builder, Encoding, FileTail, Tail
from fairlead.logs.timestamps import TimestampParser

log = Log("logs")


class Beginning:
    """What the inputs say of how files are read. Of what is there at the first look the last `backfill_bytes` are read, None for all."""

    def __init__(
        self,
        inputs: Sequence[LogInput],
        redactor: Redactor,
        context: RunContext,
        *,
        backfill_bytes: int | None,
        zone: tzinfo | None,
        encoding: Encoding | None,
    ) -> None:
        self.backfill_bytes = backfill_bytes
        self._clock, self._zone, self._encoding = context.clock, zone, encoding
        self._skipped = context.telemetry.counter("fairlead_log_skipped_bytes_total", "Bytes passed over by policy.")
        self.reload(inputs, redactor)

    def reload(self, inputs: Sequence[LogInput], redactor: Redactor) -> None:
        """Take other inputs from now on."""
        self.discovery, self._inputs, self._redactor = Discovery(inputs), list(inputs), redactor

    def input_of(self, path: str) -> LogInput:
        """Return the input that a path was found by; one that is not there now is taken as the first input's."""
        return self.discovery.input_of(path) or next(iter(self._inputs), LogInput(paths=[path]))

    def builder(self, position: Position, log_input: LogInput) -> Builder:
        """Return what cuts the lines of a source from a position on."""
        if self._encoding is not None:
            return self._encoding(position, log_input, self._redactor)
        return make_builder(log_input, position.offset, TimestampParser(self._zone), self._redactor)

    def begin(self, descriptor: int, path: str, log_input: LogInput) -> Position:
        """Return the position at which a file is begun that is met for the first time."""
        size = os.fstat(descriptor).st_size
        offset = 0
        if log_input.read_from == "end":
            offset = size
        elif self.backfill_bytes is not None and size > self.backfill_bytes:
            offset = _line_start(descriptor, size - self.backfill_bytes, size, charset(log_input.encoding))
        if offset:
            self._skipped.add(offset)
            log.info("older part of a file skipped", path=path, skipped_bytes=offset)
        return self.describe(descriptor, path, offset)

    def describe(self, descriptor: int, path: str, offset: int = 0) -> Position:
        """Return the position of a new source, which is read from an offset on."""
        now_ns = self._clock.wall_ns()
        return identity.describe(descriptor, identity.mint_source(), path, offset, offset, now_ns, now_ns)

    def skip_hole(self, tail: FileTail) -> bool | Position:
        """Pass over the zeros that a file begins with; return whether something is behind them, as a position if it is new."""
        if tail.builder.scanned or not tail.size():
            return True
        start = identity.data_start(tail.descriptor)
        if start is None:
            return False
        position, log_input = tail.position, self.input_of(tail.position.path)
        start -= start % charset(log_input.encoding).unit_bytes
        if not start:
            return True
        log.info("file begins with a hole, passed over", path=position.path, bytes=start)
        place = tail.descriptor, position.source, position.path, start, start
        position = identity.describe(*place, self._clock.wall_ns(), position.met_ns, position.unknown)
        tail.begin_at(position, self.builder(position, log_input))
        return position

    def change(self, tail: Tail, before: Discovery, redactor: Redactor) -> None:
        """Have a tail go on as the inputs say now."""
        tail.builder.redactor = redactor
        position, log_input = tail.position, self.discovery.input_of(tail.position.path)
        if log_input is not None and log_input != before.input_of(position.path) and isinstance(tail, FileTail):
            tail.builder = self.builder(msgspec.structs.replace(position, offset=tail.builder.offset), log_input)


def _line_start(descriptor: int, offset: int, size: int, encoded: Charset) -> int:
    """Return where the first line begins at or behind an offset."""
    offset -= offset % encoded.unit_bytes
    while offset < size:
        block = os.pread(descriptor, BLOCK_BYTES, offset)
        newlines = encoded.find_newlines(block, offset)
        if newlines:
            return offset + newlines[0] + encoded.unit_bytes
        if not block:
            break
        offset += len(block)
    return size
