"""The tables, their version, and the steps from older versions.

A line's key is (source, byte offset); FTS5 keeps only the index, the text stays in `line` (external content). A tick is one
blob of little-endian doubles whose series stand once in `layout`. SQLite's `user_version` is the schema's version.
"""

import sqlite3
from collections.abc import Callable

APPLICATION_ID = 0x464C5354
"""`FLST` in SQLite's header: file(1) and `store verify` tell by it whose file this is."""
VERSION = 1

_TABLES = """
CREATE TABLE origin (
    id INTEGER PRIMARY KEY, source TEXT NOT NULL, path TEXT NOT NULL, host TEXT NOT NULL, agent TEXT NOT NULL,
    UNIQUE (source, path, host, agent)
);
CREATE TABLE source (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, position BLOB);
CREATE TABLE line (
    id INTEGER PRIMARY KEY, source INTEGER NOT NULL, offset INTEGER NOT NULL, end INTEGER NOT NULL, origin INTEGER NOT NULL,
    time_ns INTEGER NOT NULL, created_ns INTEGER NOT NULL, ingested_ns INTEGER NOT NULL,
    level INTEGER, flags TEXT, fields TEXT, message TEXT NOT NULL
);
CREATE UNIQUE INDEX line_key ON line (source, offset);
CREATE INDEX line_time ON line (time_ns, level);
CREATE VIRTUAL TABLE line_text USING fts5 (message, content = 'line', content_rowid = 'id', tokenize = 'unicode61');
CREATE TABLE layout (id INTEGER PRIMARY KEY, host TEXT NOT NULL, collector TEXT NOT NULL, series TEXT NOT NULL,
    rolled_ns INTEGER NOT NULL DEFAULT 0, UNIQUE (host, collector, series));
CREATE TABLE sample (layout INTEGER NOT NULL, time_ns INTEGER NOT NULL, numbers BLOB NOT NULL,
    PRIMARY KEY (layout, time_ns)) WITHOUT ROWID;
CREATE TABLE rollup (layout INTEGER NOT NULL, time_ns INTEGER NOT NULL, numbers BLOB NOT NULL,
    PRIMARY KEY (layout, time_ns)) WITHOUT ROWID;
"""

Step = Callable[[sqlite3.Connection], None]
STEPS: dict[int, Step] = {}
"""Version -> what makes the next version of it; runs inside the migration's one transaction."""


def create(connection: sqlite3.Connection) -> None:
    """Make the tables of the newest version in an empty database."""
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(
        f"BEGIN IMMEDIATE; {_TABLES} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; COMMIT;"
    )


def migrate(connection: sqlite3.Connection, found: int, wanted: int = VERSION, steps: dict[int, Step] | None = None) -> None:
    """Bring an older schema to the wanted version in one transaction; what fails leaves the old one untouched."""
    steps = STEPS if steps is None else steps
    connection.execute("BEGIN IMMEDIATE")
    try:
        for version in range(found, wanted):
            steps[version](connection)
        connection.execute(f"PRAGMA user_version = {int(wanted)}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
