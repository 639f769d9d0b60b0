"""Opens the store's file: makes it, migrates it, refuses a newer one, moves a corrupt one aside."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from fairlead.core.clock import Clock
from fairlead.core.errors import StateError
from fairlead.core.logsetup import Log
from fairlead.core.record import format_time
from fairlead.core.spool.settings import FOLDER_NAME
from fairlead.store.settings import StoreSettings
from fairlead.store.sqlite import schema
from fairlead.store.sqlite.store import DAMAGES, SqliteStore, connect, told

FILE_NAME = "store.db"
_COMPANIONS = ("", "-wal", "-shm")
_OF_AGENTS = (FOLDER_NAME, "checkpoint.a", "checkpoint.b", "checkpoint.json")
"""What lies in the state directory of an agent, which keeps no store."""
_REFUSED = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM)
"""What a reader gets of a store in use that lies where it may not write: what readers and writer share cannot be made there."""
log = Log("store")


class StoreDamaged(StateError):
    """The store's file is there, and not as it was written; `damage` is what is wrong in a few words."""

    def __init__(self, file: Path | None, damage: str) -> None:
        super().__init__(f"{file}: {damage}; see fairlead store verify")
        self.damage = damage


def open_store(folder: Path, settings: StoreSettings, clock: Clock, *, read_only: bool = False) -> SqliteStore:
    """Open (or begin) the store in a state directory.

    Raises StateError where it is newer than this program (left untouched) or cannot be used; a corrupt one is moved aside
    and a new one begun, unless it is opened only to be read.
    """
    file = folder / FILE_NAME
    try:
        if not read_only:
            _prepare(file)
        else:
            _find(file)
            _check(file, read_only=True)
    except PermissionError as error:
        raise _denied(error.filename) from None
    except sqlite3.DatabaseError as error:
        if read_only and _code(error) in _REFUSED:
            raise _denied(folder) from None
        if read_only and _is_corrupt(error):
            raise StoreDamaged(file, told(error)) from None
        if read_only or not _is_corrupt(error):
            raise StateError(f"{file}: {error}; see fairlead store verify") from None
        aside = _move_aside(file, clock)
        log.error("store corrupt, moved aside and a new one begun", moved_to=aside, error=error)
        _prepare(file)
    return SqliteStore(file, settings, clock, read_only=read_only)


@contextlib.contextmanager
def damage_told(store: SqliteStore) -> Iterator[None]:
    """Turn what a damaged file does to those who read it into StoreDamaged."""
    try:
        yield
    except DAMAGES as error:
        raise StoreDamaged(store.file, told(error)) from None


def open_memory(settings: StoreSettings, clock: Clock) -> SqliteStore:
    """Begin a store that lives in memory and ends with the program."""
    store = SqliteStore(None, settings, clock)
    with contextlib.closing(connect(None)) as connection:
        schema.create(connection)
    return store


def _find(file: Path) -> None:
    """Raise StateError where there is no store, PermissionError where there is one for others."""
    try:
        file.open("rb").close()
    except (FileNotFoundError, NotADirectoryError):
        if any((file.parent / name).exists() for name in _OF_AGENTS):
            raise StateError(
                f"{file.parent}: this is an agent's state directory; give the collector's with --state-dir DIR, or -c FILE"
            ) from None
        raise StateError(f"{file}: there is no store yet; start fairlead up, or give another --state-dir") from None


def _prepare(file: Path) -> None:
    """Check what is there, and make or migrate the tables."""
    fresh = not file.exists() or file.stat().st_size == 0
    found = 0 if fresh else _check(file, read_only=False)
    with contextlib.closing(connect(file)) as connection:
        if fresh:
            schema.create(connection)
            file.chmod(0o600)
        elif found < schema.VERSION:
            schema.migrate(connection, found)
            log.info("store migrated", from_version=found, to_version=schema.VERSION)


def _check(file: Path, *, read_only: bool) -> int:
    """Return the schema's version of a store that this program can use, without writing to it."""
    with contextlib.closing(connect(file, read_only=True)) as connection:
        application, version = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
        if application != schema.APPLICATION_ID:
            raise StateError(f"{file}: not a store of fairlead; move it away or give another --state-dir")
        if version > schema.VERSION:
            raise StateError(
                f"{file}: its schema is version {version}, this program knows {schema.VERSION}; "
                "run the newer fairlead, or give another --state-dir"
            )
        if version < schema.VERSION and read_only:
            raise StateError(f"{file}: its schema is version {version}; fairlead up migrates it to {schema.VERSION}")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return int(version)


def _is_corrupt(error: sqlite3.DatabaseError) -> bool:
    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _code(error: sqlite3.DatabaseError) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _denied(path: object) -> StateError:
    return StateError(f"{path}: Permission denied; run as root or as fairlead's user")


def _move_aside(file: Path, clock: Clock) -> Path:
    stamp = format_time(clock.wall_ns()).replace(":", "")
    aside = file.with_name(f"{FILE_NAME}.corrupt-{stamp}")
    for companion in _COMPANIONS:
        part = file.with_name(file.name + companion)
        if part.exists():
            part.rename(aside.with_name(aside.name + companion))
    return aside
