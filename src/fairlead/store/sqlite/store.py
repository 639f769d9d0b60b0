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
from fairlead.core.record import Batch, Position
from fairlead.core.sample import Tick
from fairlead.store.interface import Bucket, LogQuery, SeriesRange, StoredRecord
from fairlead.store.settings import StoreSettings
from fairlead.store.sqlite import lines, retention, rollup, samples

BUSY_TIMEOUT_S = 10.0
MEMORY = "file:fairlead?mode=memory&cache=shared"
_WRITER_CACHE_KIB = 4096
_READER_CACHE_KIB = 2048
_WAL_LIMIT_BYTES = 32 << 20


def connect(file: Path | None, *, read_only: bool = False) -> sqlite3.Connection:
    """Open a connection that leaves transactions to us; any thread may use it, one at a time. None: the store in memory."""
    if file is None:
        # One database for all connections of this process. Readers of a shared cache would be refused while a table is
        # written, unless they read what is not committed yet.
        connection = sqlite3.connect(MEMORY, uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_TIMEOUT_S)
        connection.execute("PRAGMA read_uncommitted = 1")
        return connection
    mode = "ro" if read_only else "rwc"
    connection = sqlite3.connect(
        f"file:{_escape(file)}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_TIMEOUT_S
    )
    try:
        connection.execute(f"PRAGMA cache_size = -{_READER_CACHE_KIB if read_only else _WRITER_CACHE_KIB}")
        if not read_only:
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")
    except BaseException:
        connection.close()
        raise
    return connection


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
        self._lines = lines.LineWriter()
        self._samples = samples.SampleWriter()

    def write(self, batches: Sequence[Batch], ticks: Sequence[Tick], host: str) -> None:
        """Store everything in one transaction. Raises sqlite3.Error; nothing of it is stored then."""
        with self._transaction() as connection:
            self._lines.write(connection, batches, self._clock.wall_ns())
            self._samples.write(connection, ticks, host)

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

    def scan(self, query: LogQuery, after_id: int = 0) -> Iterator[StoredRecord]:
        """Yield every match in order (`@timestamp`, source, offset); with `after_id` only those stored later than that record."""
        return lines.scan(self._reader(), query, after_id)

    def record(self, record_id: int) -> StoredRecord | None:
        """Return one record by its id."""
        return lines.by_id(self._reader(), record_id)

    def newest_id(self) -> int:
        """Return the id of the record stored last; 0 where there is none."""
        found = self._reader().execute("SELECT max(id) FROM line").fetchone()[0]
        return int(found or 0)

    def context(self, record_id: int, before: int, after: int) -> list[StoredRecord]:
        """Return the lines around a line of its own source, itself included."""
        return lines.context(self._reader(), record_id, before, after)

    def histogram(self, query: LogQuery, since_ns: int, until_ns: int, buckets: int) -> list[Bucket]:
        """Return evenly spaced bars over [since, until)."""
        return lines.histogram(self._reader(), query, since_ns, until_ns, buckets)

    def series(self, names: Sequence[str], since_s: float, until_s: float, points: int, host: str | None = None) -> SeriesRange:
        """Return the series of these metric names with about so many points, rolled up where the range is long."""
        return samples.series(self._reader(), names, since_s, until_s, points, host)

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
        """Return what SQLite's and FTS5's own checks find wrong; nothing is the good answer."""
        reader = self._reader()
        found = [row[0] for row in reader.execute("PRAGMA integrity_check(20)") if row[0] != "ok"]
        found += [f"line {row[0]}: its source is missing" for row in reader.execute(lines.ORPHANS)]
        # Asked of the reading connection: FTS5's own check writes, so entries and lines are counted against each other.
        (lines_kept,) = reader.execute("SELECT count(*) FROM line").fetchone()
        (entries,) = reader.execute("SELECT count(*) FROM line_text_docsize").fetchone()
        if entries != lines_kept:
            found.append(f"full-text index: {entries} entries for {lines_kept} lines")
        return found

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
