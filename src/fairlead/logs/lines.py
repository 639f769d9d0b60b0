"""From the bytes of a source to records: lines cut and bounded (cutting), decoded (decoding), joined (multiline), dated and redacted."""

from fairlead.core.record import FLAG_BINARY, FLAG_INVALID_UTF8, Record
from fairlead.logs.cutting import LineCutter, RawLine
from fairlead.logs.decoding import BOM, UTF8, Charset, charset
from fairlead.logs.level import find_level
from fairlead.logs.multiline import Line, LineJoiner
from fairlead.logs.redact import Redactor
from fairlead.logs.settings import LogInput
from fairlead.logs.timestamps import TimestampParser

FLAG_INVALID_ENCODING = "invalid_encoding"
"""What FLAG_INVALID_UTF8 is for UTF-8, for another encoding."""


class LineBuilder:
    """Takes consecutive blocks of one source and gives records; what is unfinished stays with it, bounded by the limits.

    `offset` is the first byte that no record covers yet, `scanned` the first byte that was not given yet.
    """

    __slots__ = ("_charset", "_cutter", "_fields", "_invalid", "_joiner", "_parser", "offset", "redactor", "scanned")

    def __init__(
        self,
        offset: int,
        max_line_bytes: int,
        parser: TimestampParser,
        redactor: Redactor,
        fields: dict[str, str] | None,
        *,
        encoded: Charset = UTF8,
        split: bool = False,
        joiner: LineJoiner | None = None,
    ) -> None:
        self.offset = self.scanned = offset
        self._parser, self.redactor, self._fields = parser, redactor, fields or None
        self._charset, self._joiner = encoded, joiner
        self._invalid = FLAG_INVALID_UTF8 if encoded is UTF8 else FLAG_INVALID_ENCODING
        self._cutter = LineCutter(offset, max_line_bytes, encoded, split=split)

    @property
    def due_ns(self) -> int | None:
        """Return when `flush_due` will have something, by the clock of `read_ns`; None where nothing waits for time."""
        return self._joiner.due_ns if self._joiner else None

    def add(self, block: bytes, read_ns: int) -> list[Record]:
        """Return the records that this block ends."""
        return self._take(self._cutter.add(block), read_ns)

    def flush(self, read_ns: int) -> list[Record]:
        """Return what is unfinished as records: its file will not grow any more."""
        records = self._take(self._cutter.rest(), read_ns)
        if self._joiner:
            records += self._give(self._joiner.flush())
        return records

    def flush_due(self, now_ns: int) -> list[Record]:
        """Return the lines that have waited for their time-out for more that belong to them.

        Only for a source that is read to its end: what stands in the file already must not be cut off by time.
        """
        return self._give(self._joiner.flush_due(now_ns)) if self._joiner else []

    def _take(self, raw: list[RawLine], read_ns: int) -> list[Record]:
        self.scanned = self._cutter.scanned
        joiner = self._joiner
        if joiner is None:
            self.offset = self._cutter.begin
            return [self._record(*self._decode(data, begin, flag), begin, end, read_ns) for data, begin, end, flag in raw]
        joined: list[Line] = []
        for data, begin, end, flag in raw:
            joined += joiner.add(Line(*self._decode(data, begin, flag), begin, end, read_ns, len(data)))
        return self._give(joined)

    def _give(self, lines: list[Line]) -> list[Record]:
        """Return joined lines as records, and move on behind them."""
        waiting = self._joiner.begin if self._joiner else None
        self.offset = self._cutter.begin if waiting is None else waiting
        return [self._record(line.text, line.flags, line.begin, line.end, line.read_ns) for line in lines]

    def _decode(self, data: bytes, begin: int, flag: str) -> tuple[str, tuple[str, ...]]:
        """Return a line's text without BOM and carriage return, and what there is to say of it."""
        flags: tuple[str, ...] = (flag,) if flag else ()
        text, valid = self._charset.decode(data)
        if not valid:
            flags = (*flags, self._invalid)
        if not flag and text.endswith("\r"):
            text = text[:-1]
        if not begin:
            text = text.removeprefix(BOM)
        if "\0" in text:
            text, flags = text.replace("\0", r"\x00"), (*flags, FLAG_BINARY)
        return text, flags

    def _record(self, text: str, flags: tuple[str, ...], begin: int, end: int, read_ns: int) -> Record:
        time_ns = self._parser.parse(text, read_ns)
        level = find_level(text)
        if self.redactor:
            text = self.redactor.redact(text)
        return Record(read_ns if time_ns is None else time_ns, text, begin, end, level, flags, self._fields)


def make_builder(log_input: LogInput, offset: int, parser: TimestampParser, redactor: Redactor) -> LineBuilder:
    """Return what makes records of a source of this input from an offset on, which stands at the beginning of a line."""
    limit = log_input.max_line_bytes
    return LineBuilder(
        offset,
        limit,
        parser,
        redactor,
        log_input.fields,
        encoded=charset(log_input.encoding),
        split=log_input.long_lines == "split",
        joiner=LineJoiner(log_input.multiline, limit) if log_input.multiline else None,
    )
