"""Log lines in SQLite: written once by (source, offset), found by words, time, file, host and level."""

import sqlite3
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import msgspec
import orjson

from fairlead.core.record import ERROR_LEVELS, LEVELS, Batch, Record
from fairlead.store.interface import Bucket, LogQuery, StoredRecord
from fairlead.store.rows import WIDTH, LineRows, to_rows
from fairlead.store.sqlite import index
from fairlead.store.sqlite.blocks import BlockWriter
from fairlead.store.sqlite.ledger import Ledger

_ERROR_FROM = LEVELS.index(ERROR_LEVELS[0])
_COLUMNS = (
    "line.id, origin.source, origin.path, origin.host, origin.agent, line.created_ns, line.ingested_ns,"
    " line.time_ns, line.message, line.offset, line.end, line.level, line.flags, line.fields"
)
_FROM = "FROM line JOIN origin ON origin.id = line.origin"
_OLDEST_FIRST = "ORDER BY line.time_ns, line.source, line.offset"
_NEWEST_FIRST = "ORDER BY line.time_ns DESC, line.source DESC, line.offset DESC"
_INSERT = "INSERT OR FAIL INTO line (source, origin, created_ns, ingested_ns, offset, end, time_ns, level, flags, fields, message)"
_TAKEN = (128, 16, 1)
"""How many lines are inserted by a statement: what neighbours share is bound once, and SQLite is entered once. OR FAIL: what fails is
rolled back with its transaction, so SQLite need not write down how to undo the one statement."""
_NTH_NEWEST = "SELECT time_ns FROM line WHERE time_ns <= ? ORDER BY time_ns DESC LIMIT 1 OFFSET ?"
_WINDOWS = (4_000, 64_000)
"""Lines searched first, and next."""
_NEVER_NS = 2**63 - 1
ORPHANS = "SELECT id FROM line WHERE origin NOT IN (SELECT id FROM origin) OR source NOT IN (SELECT id FROM source) LIMIT 20"


class LineWriter:
    """Writes batches inside the caller's transaction; remembers the ids of origins between calls."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._blocks = BlockWriter()
        self._origins: dict[tuple[str, str, str, str], int] = {}

    def forget(self) -> None:
        """Drop what is remembered, after a transaction that was rolled back."""
        self._origins.clear()
        self._blocks.forget()

    def write(self, connection: sqlite3.Connection, batches: Sequence[Batch], ingested_ns: int) -> None:
        """Store the lines that do not stand yet or have grown, index them, and remember each source's position."""
        if not batches:
            return
        next_id = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM line").fetchone()[0]
        messages: list[str] = []
        for batch in batches:
            source, records = self._ledger.admit(connection, batch)
            if not records:
                continue
            rows = records if isinstance(records, LineRows) else to_rows(records)
            _insert(connection, [source, self._origin(connection, batch), batch.created_ns, ingested_ns], rows)
            messages += rows.messages()
        self._blocks.write(connection, next_id, messages)
        self._ledger.remove_replaced(connection)

    def _origin(self, connection: sqlite3.Connection, batch: Batch) -> int:
        key = (batch.source, batch.path, batch.host, batch.agent)
        if key not in self._origins:
            connection.execute("INSERT OR IGNORE INTO origin (source, path, host, agent) VALUES (?, ?, ?, ?)", key)
            found = connection.execute("SELECT id FROM origin WHERE source = ? AND path = ? AND host = ? AND agent = ?", key)
            self._origins[key] = found.fetchone()[0]
        return self._origins[key]


def _insert(connection: sqlite3.Connection, shared: list[Any], rows: LineRows) -> None:
    """Insert lines; `shared` is what all of them have in the first columns."""
    at, values = 0, rows.values
    for lines in _TAKEN:
        statement, step = _statement(lines), lines * WIDTH
        while at + step <= len(values):
            connection.execute(statement, shared + values[at : at + step])
            at += step


@cache
def _statement(lines: int) -> str:
    line = f"({', '.join('?' * WIDTH)})"
    return f"{_INSERT} SELECT ?, ?, ?, ?, * FROM (VALUES {', '.join([line] * lines)})"  # noqa: S608 - constants


def search(connection: sqlite3.Connection, query: LogQuery, limit: int, before: StoredRecord | None) -> list[StoredRecord]:
    """Return the newest matches before a record (or at all), oldest of them first.

    Words may match millions of lines: the newest lines are searched first, and older ones only while too few were found.
    """
    if query.phrases:
        upper_ns = _NEVER_NS if query.until_ns is None else query.until_ns
        if before is not None:
            upper_ns = min(upper_ns, before.record.timestamp_ns)
        for lines in _WINDOWS:
            row = connection.execute(_NTH_NEWEST, (upper_ns, lines)).fetchone()
            if row is None or (query.since_ns is not None and row[0] < query.since_ns):
                break
            found = _search(connection, msgspec.structs.replace(query, since_ns=row[0] + 1), limit, before)
            if len(found) == limit:
                return found
    return _search(connection, query, limit, before)


def _search(connection: sqlite3.Connection, query: LogQuery, limit: int, before: StoredRecord | None) -> list[StoredRecord]:
    where, parameters = _where(connection, query)
    if before is not None:
        where += " AND (line.time_ns, line.source, line.offset) < (?, (SELECT source FROM line WHERE id = ?), ?)"
        parameters += [before.record.timestamp_ns, before.id, before.record.offset]
    rows = connection.execute(f"SELECT {_COLUMNS} {_FROM} WHERE {where} {_NEWEST_FIRST} LIMIT ?", [*parameters, limit])
    return [_stored(row) for row in rows][::-1]


def scan(connection: sqlite3.Connection, query: LogQuery, after_id: int, upto_id: int | None) -> Iterator[StoredRecord]:
    """Yield every match with an id behind one and up to the other, oldest first."""
    where, parameters = _where(connection, query)
    if after_id:
        where += " AND line.id > ?"
        parameters.append(after_id)
    if upto_id is not None:
        where += " AND line.id <= ?"
        parameters.append(upto_id)
    for row in connection.execute(f"SELECT {_COLUMNS} {_FROM} WHERE {where} {_OLDEST_FIRST}", parameters):
        yield _stored(row)


def by_id(connection: sqlite3.Connection, record_id: int) -> StoredRecord | None:
    """Return one record."""
    row = connection.execute(f"SELECT {_COLUMNS} {_FROM} WHERE line.id = ?", (record_id,)).fetchone()
    return _stored(row) if row else None


def context(connection: sqlite3.Connection, record_id: int, before: int, after: int) -> list[StoredRecord]:
    """Return the lines of a record's source around it, in the order of the file."""
    place = connection.execute("SELECT source, offset FROM line WHERE id = ?", (record_id,)).fetchone()
    if place is None:
        return []
    base = f"SELECT {_COLUMNS} {_FROM} WHERE line.source = ? AND line.offset"
    earlier = connection.execute(f"{base} < ? ORDER BY line.offset DESC LIMIT ?", (*place, before)).fetchall()
    later = connection.execute(f"{base} >= ? ORDER BY line.offset LIMIT ?", (*place, after + 1)).fetchall()
    return [_stored(row) for row in (*reversed(earlier), *later)]


def histogram(connection: sqlite3.Connection, query: LogQuery, since_ns: int, until_ns: int, buckets: int) -> list[Bucket]:
    """Count matches by evenly spaced bars over [since, until)."""
    where, parameters = _where(connection, msgspec.structs.replace(query, since_ns=since_ns, until_ns=until_ns))
    step_ns = max(1, -(-(until_ns - since_ns) // buckets))
    rows = connection.execute(
        f"SELECT (line.time_ns - ?) / ? AS bar, count(*), coalesce(sum(line.level >= ?), 0) FROM line WHERE {where} GROUP BY bar",  # noqa: S608 - constants
        [since_ns, step_ns, _ERROR_FROM, *parameters],
    )
    counted = {bar: (count, errors) for bar, count, errors in rows}
    bars = -(-(until_ns - since_ns) // step_ns)
    return [Bucket(since_ns + bar * step_ns, *counted.get(bar, (0, 0))) for bar in range(bars)]


def _where(connection: sqlite3.Connection, query: LogQuery) -> tuple[str, list[Any]]:
    """Return a condition made of constants, and its parameters; text of the query is only ever a parameter."""
    conditions, parameters = ["1"], list[Any]()
    if query.phrases:
        least, greatest = _ids_between(connection, query)
        conditions.append(index.CANDIDATES)
        parameters.append(index.candidates(connection, query, least, greatest))
    if query.files or query.hosts:
        wanted = [
            origin
            for origin, path, host in connection.execute("SELECT id, path, host FROM origin")
            if (not query.files or any(fnmatchcase(path, glob) for glob in query.files)) and (not query.hosts or host in query.hosts)
        ]
        conditions.append("line.origin IN (SELECT value FROM json_each(?))")
        parameters.append(orjson.dumps(wanted).decode())
    if query.levels:
        conditions.append("line.level IN (SELECT value FROM json_each(?))")
        parameters.append(orjson.dumps([LEVELS.index(level) for level in query.levels if level in LEVELS]).decode())
    if query.since_ns is not None:
        conditions.append("line.time_ns >= ?")
        parameters.append(query.since_ns)
    if query.until_ns is not None:
        conditions.append("line.time_ns < ?")
        parameters.append(query.until_ns)
    if query.phrases or query.excluded:
        # Last: it is the dearest.
        conditions.append(index.FITS)
        parameters.append(index.key(query))
    return " AND ".join(conditions), parameters


def _ids_between(connection: sqlite3.Connection, query: LogQuery) -> tuple[int, int]:
    """Return the least and greatest id of a query's range of time: what is stored grows with time, so the index is cut to size."""
    if query.since_ns is None and query.until_ns is None:
        return 0, _NEVER_NS
    since_ns = -_NEVER_NS if query.since_ns is None else query.since_ns
    until_ns = _NEVER_NS if query.until_ns is None else query.until_ns
    row = connection.execute("SELECT min(id), max(id) FROM line WHERE time_ns >= ? AND time_ns < ?", (since_ns, until_ns)).fetchone()
    return (0, 0) if row[0] is None else (row[0], row[1])


def _stored(row: tuple[Any, ...]) -> StoredRecord:
    record_id, source, path, host, agent, created_ns, ingested_ns, time_ns, message, offset, end, level, flags, fields = row
    record = Record(
        timestamp_ns=time_ns,
        message=message,
        offset=offset,
        end=end,
        level=None if level is None else LEVELS[level],
        flags=tuple(flags.split()) if flags else (),
        fields=orjson.loads(fields) if fields else None,
    )
    return StoredRecord(record_id, source, path, host, agent, created_ns, ingested_ns, record)
