"""The Store on SQLite: one writing connection, a reading one for each thread that asks.

`synchronous = NORMAL`: in WAL mode a commit survives the death of the process at once, and after a loss of power the store
is consistent as of some earlier commit. Lines and the positions of their sources are in the same transaction, so lines that
a power cut took are read again from their files.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from fairlead.core.clock import Clock
from fairlead.core.record import Position
from fairlead.store.interface import (
    AgentLedger,
    AgentReport,
    Bucket,
    Intake,
    LogQuery,
    Mark,
    RecordId,
    SeriesRange,
    SourceAudit,
    StoredHost,
    StoredRecord,
)
from fairlead.store.settings import StoreSettings
from fairlead.store.sqlite import agents, consumed, hosts, index, ledger, lines, retention, rollup, samples

BUSY_TIMEOUT_S = 10.0
MEMORY = "file:fairlead?mode=memory&cache=shared"
_WRITER_CACHE_KIB = 8192
_READER_CACHE_KIB = 2048
_WAL_LIMIT_BYTES = 32 << 20
_LINES = "line"
"""The one part of a mark."""
_GREATEST_ID = (1 << 63) - 1
DAMAGES = (sqlite3.DatabaseError, ValueError, TypeError, LookupError, msgspec.MsgspecError)
"""What reading a damaged file raises: SQLite's own complaints, and values that are none that was written."""


def connect(file: Path | None, *, read_only: bool = False) -> sqlite3.Connection:
    """Open a connection that leaves transactions to us; any thread may use it, one at a time. None: the store in memory."""
    if file is None:
        # One database for all connections of this process. Readers of a shared cache would be refused while a table is
        # written, unless they read what is not committed yet.
        connection = sqlite3.connect(MEMORY, uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_TIMEOUT_S)
        connection.execute("PRAGMA read_uncommitted = 1")
        connection.create_function("fits", 2, index.fits, deterministic=True)
        return connection
    mode = "ro" if read_only else "rwc"
    connection = sqlite3.connect(
        f"file:{_escape(file)}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_TIMEOUT_S
    )
    try:
        connection.create_function("fits", 2, index.fits, deterministic=True)
        connection.execute(f"PRAGMA cache_size = -{_READER_CACHE_KIB if read_only else _WRITER_CACHE_KIB}")
        if not read_only:
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")
    except BaseException:
        connection.close()
        raise
    return connection


def _number(record_id: RecordId) -> int:
    """Return an id as SQLite counts; 0, which no record has, for what is none of its own."""
    try:
        number = int(record_id)
    except ValueError:
        return 0
    return number if 0 < number <= _GREATEST_ID else 0


def told(damage: Exception) -> str:
    """Return one of DAMAGES in a line."""
    text = "".join(c if c.isprintable() else "?" for c in " ".join(str(damage).split())[:200])
    return text if isinstance(damage, sqlite3.Error) else f"a value that cannot be read ({type(damage).__name__}: {text})"


def _broken_pages(reader: sqlite3.Connection) -> list[str]:
    return [row[0] for row in reader.execute("PRAGMA integrity_check(20)") if row[0] != "ok"]


def _orphans(reader: sqlite3.Connection) -> list[str]:
    return [f"line {row[0]}: its source is missing" for row in reader.execute(lines.ORPHANS)]


def _escape(file: Path) -> str:
    return str(file.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


class SqliteStore:
    """See `store/interface.py`. `write` and `sweep` belong to one thread; the others may be called from any."""

    def __init__(self, file: Path | None, settings: StoreSettings, clock: Clock, *, read_only: bool = False) -> None:
        self.file = file
        self._settings, self._clock = settings, clock
        self._writer = None if read_only else connect(file)
        self._readers = threading.local()
        self._open_readers: list[sqlite3.Connection] = []
        self._guard = threading.Lock()
        self._ledger = ledger.Ledger()
        self._lines = lines.LineWriter(self._ledger)
        self._samples = samples.SampleWriter()

    def write(self, intake: Intake) -> None:
        """Store everything in one transaction. Raises sqlite3.Error; nothing of it is stored then."""
        with self._transaction() as connection:
            self._lines.write(connection, intake.batches, self._clock.wall_ns())
            for host, ticks in intake.ticks:
                self._samples.write(connection, ticks, host)
            self._ledger.state(connection, intake.statements)
            self._ledger.save(connection)
            agents.write(connection, intake.reports)
            consumed.write(connection, intake.consumed)

    def positions(self) -> list[Position]:
        """Return where each source stood at the last write."""
        rows = self._reader().execute("SELECT position FROM source WHERE position IS NOT NULL")
        return [msgspec.json.decode(row[0], type=Position) for row in rows]

    def span(self) -> tuple[int, int] | None:
        """Return the times (ns) of the oldest and newest sample or record; None where nothing is stored."""
        reader = self._reader()
        found = [reader.execute("SELECT min(time_ns), max(time_ns) FROM line").fetchone()]
        for table in ("sample", "rollup"):
            for (layout,) in reader.execute("SELECT id FROM layout").fetchall():
                found.append(reader.execute(f"SELECT min(time_ns), max(time_ns) FROM {table} WHERE layout = ?", (layout,)).fetchone())  # noqa: S608 - a constant
        times = [(oldest, newest) for oldest, newest in found if oldest is not None]
        return (min(oldest for oldest, _ in times), max(newest for _, newest in times)) if times else None

    def search(self, query: LogQuery, limit: int, before: StoredRecord | None = None) -> list[StoredRecord]:
        """Return the newest matches, oldest of them first; `before` continues a page towards the past."""
        return lines.search(self._reader(), query, limit, before)

    def scan(self, query: LogQuery, after: Mark | None = None, upto: Mark | None = None) -> Iterator[StoredRecord]:
        """Yield every match in order (`@timestamp`, source, offset), of all that is stored or of what was stored between two marks."""
        return lines.scan(self._reader(), query, after[_LINES] if after else 0, upto[_LINES] if upto else None)

    def record(self, record_id: RecordId) -> StoredRecord | None:
        """Return one record by its id, which may have been through text; None where there is no such record."""
        return lines.by_id(self._reader(), _number(record_id))

    def mark(self) -> Mark:
        """Return how far the store has come: the id of the record stored last."""
        found = self._reader().execute("SELECT max(id) FROM line").fetchone()[0]
        return {_LINES: found or 0}

    def context(self, record_id: RecordId, before: int, after: int) -> list[StoredRecord]:
        """Return the lines around a line of its own source, itself included."""
        return lines.context(self._reader(), _number(record_id), before, after)

    def histogram(self, query: LogQuery, since_ns: int, until_ns: int, buckets: int) -> list[Bucket]:
        """Return evenly spaced bars over [since, until)."""
        return lines.histogram(self._reader(), query, since_ns, until_ns, buckets)

    def series(self, names: Sequence[str], since_s: float, until_s: float, points: int, host: str | None = None) -> SeriesRange:
        """Return the series of these metric names with about so many points, rolled up where the range is long."""
        return samples.series(self._reader(), names, since_s, until_s, points, host)

    def audit(self) -> list[SourceAudit]:
        """Return what stands of each source, by agent, path and source: counted anew in the lines themselves."""
        return ledger.audit(self._reader())

    def agents(self) -> list[AgentReport]:
        """Return the newest heartbeat of each agent."""
        return agents.read(self._reader())

    def ledger(self) -> list[AgentLedger]:
        """Return what the ledgers say, by agent."""
        return ledger.by_agent(self._reader())

    def hosts(self) -> list[StoredHost]:
        """Return the hosts of which something stands, by name."""
        return hosts.read(self._reader())

    def consumed(self) -> dict[tuple[str, int], int]:
        """Return how far (next offset) each Kafka partition (topic, number) is stored."""
        return consumed.read(self._reader())

    def reload(self, settings: StoreSettings) -> None:
        """Take another retention."""
        self._settings = settings

    def sweep(self) -> bool:
        """Roll up finished minutes and let old things go, one small slice of it; return whether more is to be done."""
        now_ns = self._clock.wall_ns()
        with self._transaction() as connection:
            rollup.roll_up(connection, now_ns)
            more = retention.remove_slice(connection, self._settings, now_ns)
        if self.file is not None:
            self._connection().execute(f"PRAGMA incremental_vacuum({retention.VACUUM_PAGES})").fetchall()
        return more

    def export_samples(self) -> Iterator[dict[str, Any]]:
        """Yield every tick that is kept as it was sampled, as the object of `metrics --json`, by collector and time."""
        return samples.export(self._reader())

    def problems(self) -> list[str]:
        """Return what SQLite's own check and the index's find wrong; nothing is the good answer."""
        reader, found = self._reader(), list[str]()
        for check in (_broken_pages, _orphans, index.problems):
            try:
                found += check(reader)
            except DAMAGES as error:
                found.append(told(error))
        return list(dict.fromkeys(found))

    def close(self) -> None:
        """Close every connection; what was written stays."""
        with self._guard:
            for reader in self._open_readers:
                reader.close()
            self._open_readers.clear()
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _connection(self) -> sqlite3.Connection:
        if self._writer is None:
            raise sqlite3.ProgrammingError("this store is open for reading only")
        return self._writer

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            # A full disk may have ended the transaction already.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            self._ledger.forget()
            self._lines.forget()
            self._samples.forget()
            raise

    def _reader(self) -> sqlite3.Connection:
        known: sqlite3.Connection | None = getattr(self._readers, "connection", None)
        if known is None:
            known = self._readers.connection = connect(self.file, read_only=True)
            with self._guard:
                self._open_readers.append(known)
        return known
