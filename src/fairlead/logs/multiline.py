"""Lines that belong together: a stack trace, a statement over several lines. What begins a record is told by a pattern.

A record is given when the next one begins, when it has reached a maximum, when no line has come for a time, or at the file's end.
What follows a record that was ended early still belongs to it, and is flagged so.
"""

import re
from typing import NamedTuple

from fairlead.logs.cutting import FLAG_SPLIT
from fairlead.logs.settings import Multiline

FLAG_MULTILINE = "multiline"
"""A record of more than one line, or what goes on with one that was ended by a maximum or by time."""


class Line(NamedTuple):
    """A decoded line, or several joined by newlines; [begin, end) is what it covers of the source, `size_bytes` what is kept of it."""

    text: str
    flags: tuple[str, ...]
    begin: int
    end: int
    read_ns: int
    size_bytes: int


class LineJoiner:
    """Joins the lines of one source. `begin` is the first byte of what is not given yet, None where there is nothing.

    A line that was split by `max_line_bytes` is joined with nothing before it, and its pieces stay apart.
    """

    __slots__ = ("_continues", "_lines", "_max_bytes", "_max_lines", "_size_bytes", "_start", "_timeout_ns", "_within")

    def __init__(self, settings: Multiline, max_line_bytes: int) -> None:
        self._start = re.compile(settings.start).search
        self._max_lines = settings.max_lines
        self._max_bytes = max_line_bytes if settings.max_bytes is None else settings.max_bytes
        self._timeout_ns = int(settings.timeout * 1e9)
        self._lines: list[Line] = []
        self._size_bytes = 0
        self._continues = self._within = False

    @property
    def begin(self) -> int | None:
        """Return the first byte of what is not given yet."""
        return self._lines[0].begin if self._lines else None

    @property
    def due_ns(self) -> int | None:
        """Return when what is not given yet is to be given, by the clock of `read_ns`."""
        return self._lines[-1].read_ns + self._timeout_ns if self._lines else None

    def add(self, line: Line) -> list[Line]:
        """Take a line and return the records that it ends."""
        ended: list[Line] = []
        within, self._within = self._within, FLAG_SPLIT in line.flags
        if within or self._within or self._start(line.text):
            ended += self.flush()
        elif self._lines and self._size_bytes + 1 + line.size_bytes > self._max_bytes:
            ended += self._end_early()
        self._lines.append(line)
        self._size_bytes += line.size_bytes + (len(self._lines) > 1)
        if self._within:
            ended += self.flush()
        elif len(self._lines) >= self._max_lines:
            ended += self._end_early()
        return ended

    def flush(self) -> list[Line]:
        """Return what is not given yet; what comes next is a record of its own."""
        ended = self._end_early()
        self._continues = False
        return ended

    def flush_due(self, now_ns: int) -> list[Line]:
        """Return what is not given yet if no line has come for the time; also where the clock was set back since."""
        if self._lines and not self._lines[-1].read_ns <= now_ns < self._lines[-1].read_ns + self._timeout_ns:
            return self._end_early()
        return []

    def _end_early(self) -> list[Line]:
        lines = self._lines
        if not lines:
            return []
        several = len(lines) > 1 or self._continues
        joined = lines[0]
        if several:
            flags = dict.fromkeys(flag for line in lines for flag in line.flags)
            text = "\n".join(line.text for line in lines)
            joined = Line(text, (*flags, FLAG_MULTILINE), joined.begin, lines[-1].end, joined.read_ns, self._size_bytes)
        self._lines, self._size_bytes, self._continues = [], 0, True
        return [joined]
