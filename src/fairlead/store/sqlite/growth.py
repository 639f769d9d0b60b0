"""A record that stands and comes again longer: the longer one takes the place of all that stands inside it.

An agent ends a record of several lines when no line has come for a time. If it is killed before that is acknowledged, the next agent reads
from the record's beginning and finds the lines that were written meanwhile, too: the same offset, another end. With limits of a record's
size its ends may even lie inside what stands: then what stands stays, and of the new record the rest is taken.
"""

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from fairlead.core.record import Record
from fairlead.store.sqlite import index

_STANDING = (
    "SELECT id, offset, end FROM (SELECT id, offset, end FROM line WHERE source = ?1 AND offset < ?2 ORDER BY offset DESC LIMIT 1)"
    " WHERE end > ?2 UNION ALL SELECT id, offset, end FROM line WHERE source = ?1 AND offset >= ?2 AND offset < ?3"
)
"""The lines of a source that have bytes of a range; they overlap nothing, so only the last one that begins before it can."""
_PARK = "UPDATE line SET offset = -id, end = -id WHERE id = ?"
"""The place is free for the longer line, and no id comes twice: what is stored later has a greater one, as marks and the index want it."""
_UNSWEEP = "UPDATE source SET swept_lines = max(0, swept_lines - 1), swept_bytes = max(0, swept_bytes - ?) WHERE id = ?"


class Room(NamedTuple):
    """The line to store, and how many bytes of lines it takes the place of, by how many lines."""

    record: Record
    replaced_lines: int
    replaced_bytes: int


class Growth:
    """Makes room for longer lines inside the caller's transaction; what they replace is taken out at its end."""

    def __init__(self) -> None:
        self._replaced: list[int] = []

    def forget(self) -> None:
        """Begin anew, after a transaction that was rolled back."""
        self._replaced.clear()

    def make_room(self, connection: sqlite3.Connection, source: int, first: int, record: Record, taken: list[Record]) -> Room | None:
        """Take away what stands inside a record that has bytes of its own, also of the lines `taken` that are not stored yet.

        What stands at its edges and reaches beyond them stays, and so does what was passed over before `first`: the record is cut. None
        where lines that stand doubled leave no room.
        """
        start, end = max(record.offset, first), record.end
        stored = connection.execute(_STANDING, (source, start, end)).fetchall()
        standing = [*stored, *((None, line.offset, line.end) for line in taken if line.offset < end and line.end > start)]
        start = max([start, *(finish for _, begin, finish in standing if begin < start)])
        end = min([end, *(begin for _, begin, finish in standing if finish > end)])
        if start >= end:
            return None
        inside = [(line, finish - begin) for line, begin, finish in standing if start <= begin and finish <= end]
        replaced = [line for line, _ in inside if line is not None]
        connection.executemany(_PARK, [(line,) for line in replaced])
        self._replaced += replaced
        taken[:] = [line for line in taken if not (start <= line.offset and line.end <= end)]
        return Room(cut(record, start, end), len(inside), sum(size for _, size in inside))

    def remove(self, connection: sqlite3.Connection) -> None:
        """Take out what was replaced, once all lines of the transaction are stored and indexed."""
        if self._replaced:
            index.remove(connection, self._replaced)
            connection.executemany("DELETE FROM line WHERE id = ?", [(line,) for line in self._replaced])
            self._replaced.clear()


def unsweep(connection: sqlite3.Connection, source: int, size_bytes: int) -> None:
    """Take note that bytes which retention let go of stand again, in a longer line than the one that they were in."""
    connection.execute(_UNSWEEP, (size_bytes, source))


def cut(record: Record, start: int, end: int) -> Record:
    """Return the part of a record that covers [start, end) of its source.

    Its text is cut where that is certain: where it has as many bytes as the record covers, at the end of a line. Else (it was redacted,
    truncated, or of another encoding) it stays whole: better that some lines are read twice than that one is read nowhere.
    """
    if (start, end) == (record.offset, record.end):
        return record
    lines = record.message.split("\n")
    for ending in (1, 2):  # \n and \r\n
        if (kept := _lines_between(lines, ending, record, start, end)) is not None:
            return msgspec.structs.replace(record, message="\n".join(kept), offset=start, end=end)
    return msgspec.structs.replace(record, offset=start, end=end)


def _lines_between(lines: Sequence[str], ending: int, record: Record, start: int, end: int) -> list[str] | None:
    """Return the lines in a range, if they and their endings are just what the record covers; else None."""
    kept: list[str] = []
    edges = {at := record.offset}
    for line in lines:
        if start <= at < end:
            kept.append(line)
        at += len(line.encode(errors="surrogatepass")) + ending
        edges.add(at)
    return kept if at == record.end and {start, end} <= edges else None
