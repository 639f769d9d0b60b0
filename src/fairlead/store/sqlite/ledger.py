"""The ledger of each source: which of its bytes stand, so that each line is stored once, and what is missing has a name.

Offsets are the sequence numbers. A line that begins where the source ends is the next one; one that begins behind it leaves a gap,
which a late line may still fill; one whose bytes stand already is refused, and one of which only some stand takes their place
(growth.py). `audit` believes none of this: it counts the lines that stand.
"""

import sqlite3
from collections.abc import Sequence

import msgspec

from fairlead.core.record import FOREIGN, REMOTE, Batch, Record
from fairlead.store.interface import AgentLedger, SourceAudit, Statement
from fairlead.store.rows import LineRows
from fairlead.store.sqlite.growth import Growth, unsweep

_REMEMBERED = 100_000
_LOAD = "SELECT id, first, reached, unknown, stated, kind FROM source WHERE name = ?"
_SAVE = (
    "UPDATE source SET agent = ?, path = ?, first = ?, reached = ?, lines = lines + ?, bytes = bytes + ?, refused = refused + ?,"
    " unknown = ?, stated = ?, kind = ? WHERE id = ?"
)


class _Entry(msgspec.Struct):
    """One source while it is written to."""

    id: int
    first: int
    reached: int
    unknown: int
    stated: int
    kind: str
    gaps: list[tuple[int, int]]
    agent: str = ""
    path: str = ""
    lines: int = 0
    bytes: int = 0
    refused: int = 0

    def append(self, record: Record) -> None:
        """Take a line that begins where the source ends, or behind it."""
        if record.offset > self.reached and self.kind != FOREIGN:
            self.gaps.append((self.reached, record.offset))
        self.reached = record.end
        self.lines += 1
        self.bytes += record.end - record.offset

    def missing(self, start: int, end: int) -> int:
        """Return how many of these bytes do not stand."""
        inside = sum(max(0, min(end, finish) - max(start, begin)) for begin, finish in self.gaps)
        return inside + max(0, end - max(start, self.reached))

    def fill(self, start: int, end: int, replaced_lines: int = 0) -> None:
        """Take bytes of which some or all do not stand; a line that takes the place of others is none more."""
        self.bytes += self.missing(start, end)
        self.lines += not replaced_lines
        parts = [part for begin, finish in self.gaps for part in ((begin, min(finish, start)), (max(begin, end), finish))]
        self.gaps = [(begin, finish) for begin, finish in parts if begin < finish]
        self.reached = max(self.reached, end)

    def admit_rows(self, rows: LineRows) -> bool:
        """Take lines at once, if they are the very next ones; else nothing of them."""
        if not rows.tiles or rows.start != self.reached:
            return False
        self.bytes += rows.end - self.reached
        self.reached = rows.end
        self.lines += len(rows)
        return True

    def skip(self, first: int) -> None:
        """Take note that all before `first` was passed over by policy."""
        if first > self.first:
            self.first = first
            self.reached = max(self.reached, first)
            self.gaps = [(max(start, first), end) for start, end in self.gaps if end > first]


class Ledger:
    """Keeps the entries of sources between calls; inside the caller's transaction."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._touched: dict[str, _Entry] = {}
        self._growth = Growth()

    def forget(self) -> None:
        """Drop what is remembered, after a transaction that was rolled back."""
        self._entries.clear()
        self._touched.clear()
        self._growth.forget()

    def admit(self, connection: sqlite3.Connection, batch: Batch) -> tuple[int, Sequence[Record]]:
        """Return a source's id and the lines of a batch to store; with a host's own batch, remember its position.

        What these take the place of is out of the way, and removed by `remove_replaced`.
        """
        entry = self._entry(connection, batch.source)
        position = batch.position
        entry.agent, entry.path = batch.agent, batch.path
        entry.kind = entry.kind if position.kind == REMOTE else position.kind
        entry.skip(position.skipped)
        entry.unknown = max(entry.unknown, position.unknown)
        if position.kind not in (REMOTE, FOREIGN):
            connection.execute("UPDATE source SET position = ? WHERE id = ?", (msgspec.json.encode(position), entry.id))
        records: Sequence[Record] = batch.records
        if isinstance(records, LineRows) and entry.admit_rows(records):
            return entry.id, records
        taken: list[Record] = []
        for record in records:
            if record.offset >= entry.reached:
                entry.append(record)
                taken.append(record)
            elif record.end <= entry.reached and not entry.gaps:
                entry.refused += 1
            else:
                self._admit_overlapping(connection, entry, record, taken)
        return entry.id, taken

    def remove_replaced(self, connection: sqlite3.Connection) -> None:
        """Remove the lines whose place longer ones took, once those are stored and indexed."""
        self._growth.remove(connection)

    def state(self, connection: sqlite3.Connection, statements: Sequence[Statement]) -> None:
        """Take what agents say of their sources."""
        for told in statements:
            entry = self._entry(connection, told.source)
            entry.agent, entry.path, entry.kind = told.agent, told.path, told.kind
            entry.skip(told.skipped)
            entry.unknown, entry.stated = max(entry.unknown, told.unknown), max(entry.stated, told.offset)

    def save(self, connection: sqlite3.Connection) -> None:
        """Write the entries that were touched."""
        for entry in self._touched.values():
            counts = entry.lines, entry.bytes, entry.refused
            connection.execute(
                _SAVE, (entry.agent, entry.path, entry.first, entry.reached, *counts, entry.unknown, entry.stated, entry.kind, entry.id)
            )
            entry.lines = entry.bytes = entry.refused = 0
            connection.execute("DELETE FROM gap WHERE source = ?", (entry.id,))
            connection.executemany("INSERT INTO gap (source, start, end) VALUES (?, ?, ?)", [(entry.id, *gap) for gap in entry.gaps])
        self._touched.clear()
        if len(self._entries) > _REMEMBERED:
            self._entries.clear()

    def _admit_overlapping(self, connection: sqlite3.Connection, entry: _Entry, record: Record, taken: list[Record]) -> None:
        """Take what does not stand yet of a line that begins before its source's end."""
        missing = entry.missing(record.offset, record.end)
        if missing == record.end - record.offset > 0:
            entry.fill(record.offset, record.end)
            taken.append(record)
            return
        room = self._growth.make_room(connection, entry.id, entry.first, record, taken) if missing else None
        if room is None:
            entry.refused += 1
            return
        whole = room.record
        swept_bytes = whole.end - whole.offset - missing - room.replaced_bytes
        if swept_bytes > 0:
            unsweep(connection, entry.id, swept_bytes)
        entry.fill(whole.offset, whole.end, room.replaced_lines)
        taken.append(whole)

    def _entry(self, connection: sqlite3.Connection, name: str) -> _Entry:
        entry = self._entries.get(name)
        if entry is None:
            connection.execute("INSERT OR IGNORE INTO source (name) VALUES (?)", (name,))
            identity, first, reached, unknown, stated, kind = connection.execute(_LOAD, (name,)).fetchone()
            gaps = connection.execute("SELECT start, end FROM gap WHERE source = ? ORDER BY start", (identity,)).fetchall()
            entry = self._entries[name] = _Entry(identity, first, reached, unknown, stated, kind, gaps)
        self._touched[name] = entry
        return entry


_STANDING = "SELECT source, count(*), sum(end - offset) FROM line GROUP BY source"
_OVERLAPS = (
    "SELECT source, count(*) FROM (SELECT source, offset, max(end) OVER (PARTITION BY source ORDER BY offset, id"
    " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM line) WHERE offset < before GROUP BY source"
)


def audit(connection: sqlite3.Connection) -> list[SourceAudit]:
    """Count what stands of each source and compare it with what was taken in and what its agent says."""
    connection.execute("BEGIN")
    try:
        standing = {source: (lines, size) for source, lines, size in connection.execute(_STANDING)}
        overlaps = dict(connection.execute(_OVERLAPS).fetchall())
        gaps: dict[int, list[tuple[int, int]]] = {}
        for source, start, end in connection.execute("SELECT source, start, end FROM gap ORDER BY source, start"):
            gaps.setdefault(source, []).append((start, end))
        rows = connection.execute(
            "SELECT id, agent, name, path, first, reached, stated, swept_lines, swept_bytes, unknown, refused, kind FROM source"
            " ORDER BY agent, path, name"
        ).fetchall()
    finally:
        connection.execute("COMMIT")
    found = []
    for identity, agent, name, path, first, reached, stated, swept_lines, swept_bytes, unknown, refused, kind in rows:
        lines, size = standing.get(identity, (0, 0))
        missing = list(gaps.get(identity, ()))
        if stated > reached:
            missing.append((reached, stated))
        # A line that was taken in and stands no more is nowhere in the list of gaps: the sums tell.
        vanished = reached - first - sum(end - start for start, end in gaps.get(identity, ())) - size - swept_bytes
        if vanished > 0 and kind != FOREIGN:
            missing.append((reached - vanished, reached))
        doubled = overlaps.get(identity, 0)
        found.append(
            SourceAudit(agent, name, path, lines + swept_lines, first, max(reached, stated), tuple(missing), doubled, unknown, refused)
        )
    return found


_SUMS = (
    "SELECT agent, count(*), sum(lines), sum(stated > reached), CAST(total(unknown) AS INTEGER) FROM source GROUP BY agent ORDER BY agent"
)
"""`unknown` is the agents' word: sum() would fail where theirs add up to more than SQLite counts."""
_GAPS = "SELECT source.agent, count(*) FROM gap JOIN source ON source.id = gap.source GROUP BY source.agent"


def by_agent(connection: sqlite3.Connection) -> list[AgentLedger]:
    """Add up what is written down of each agent's sources; no line is looked at."""
    connection.execute("BEGIN")
    try:
        sums = connection.execute(_SUMS).fetchall()
        gaps = dict(connection.execute(_GAPS).fetchall())
    finally:
        connection.execute("COMMIT")
    return [AgentLedger(agent, sources, lines, gaps.get(agent, 0) + behind, unknown) for agent, sources, lines, behind, unknown in sums]
