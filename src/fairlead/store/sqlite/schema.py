"""The tables, their version, and the steps from older versions.

A line's key is (source, byte offset); the full-text index (blocks.py) keeps no text, that stays in `line`. A tick is one
blob of little-endian doubles whose series stand once in `layout`. SQLite's `user_version` is the schema's version.
"""

import sqlite3
from collections.abc import Callable
from itertools import groupby

from fairlead.store.sqlite import blocks

APPLICATION_ID = 0x464C5354
"""`FLST` in SQLite's header: file(1) and `store verify` tell by it whose file this is."""
VERSION = 3

_COUNTS = ("first", "reached", "lines", "bytes", "swept_lines", "swept_bytes", "refused", "unknown", "stated")
"""A source's ledger: the bytes passed over at its beginning, how far it is stored, how many lines and bytes of it were stored and later let
go of by retention, lines that came again, and what its agent says: unknown gaps, and how far it was delivered."""
_LEDGER = (
    """
CREATE TABLE gap (source INTEGER NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL, PRIMARY KEY (source, start)) WITHOUT ROWID;
CREATE TABLE agent (id TEXT PRIMARY KEY, host TEXT NOT NULL, version TEXT NOT NULL, told_ns INTEGER NOT NULL, received_ns INTEGER NOT NULL,
    numbers TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE consumed (topic TEXT NOT NULL, number INTEGER NOT NULL, next INTEGER NOT NULL, PRIMARY KEY (topic, number)) WITHOUT ROWID;
"""
    + "".join(f"ALTER TABLE source ADD COLUMN {name} INTEGER NOT NULL DEFAULT 0;\n" for name in _COUNTS)
    + """
ALTER TABLE source ADD COLUMN agent TEXT NOT NULL DEFAULT '';
ALTER TABLE source ADD COLUMN path TEXT NOT NULL DEFAULT '';
ALTER TABLE source ADD COLUMN kind TEXT NOT NULL DEFAULT 'file';
"""
)
_TABLES = f"""
CREATE TABLE origin (
    id INTEGER PRIMARY KEY, source TEXT NOT NULL, path TEXT NOT NULL, host TEXT NOT NULL, agent TEXT NOT NULL,
    UNIQUE (source, path, host, agent)
);
CREATE TABLE source (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, position BLOB);
{_LEDGER}
CREATE TABLE line (
    id INTEGER PRIMARY KEY, source INTEGER NOT NULL, offset INTEGER NOT NULL, end INTEGER NOT NULL, origin INTEGER NOT NULL,
    time_ns INTEGER NOT NULL, created_ns INTEGER NOT NULL, ingested_ns INTEGER NOT NULL,
    level INTEGER, flags TEXT, fields TEXT, message TEXT NOT NULL
);
CREATE UNIQUE INDEX line_key ON line (source, offset);
CREATE INDEX line_time ON line (time_ns, level);
{blocks.TABLES}
CREATE TABLE layout (id INTEGER PRIMARY KEY, host TEXT NOT NULL, collector TEXT NOT NULL, series TEXT NOT NULL,
    rolled_ns INTEGER NOT NULL DEFAULT 0, UNIQUE (host, collector, series));
CREATE TABLE sample (layout INTEGER NOT NULL, time_ns INTEGER NOT NULL, numbers BLOB NOT NULL,
    PRIMARY KEY (layout, time_ns)) WITHOUT ROWID;
CREATE TABLE rollup (layout INTEGER NOT NULL, time_ns INTEGER NOT NULL, numbers BLOB NOT NULL,
    PRIMARY KEY (layout, time_ns)) WITHOUT ROWID;
"""

Step = Callable[[sqlite3.Connection], None]


def _add_ledger(connection: sqlite3.Connection) -> None:
    """1 -> 2: begin each source's ledger with the lines that stand."""
    for statement in _LEDGER.split(";"):
        connection.execute(statement)
    connection.execute(
        "UPDATE source SET (first, reached, lines, bytes) = (SELECT coalesce(min(offset), 0), coalesce(max(end), 0), count(*),"
        " coalesce(sum(end - offset), 0) FROM line WHERE line.source = source.id)"
    )
    connection.execute(
        "UPDATE source SET (agent, path) = (SELECT agent, path FROM origin WHERE origin.source = source.name ORDER BY id DESC LIMIT 1)"
        " WHERE EXISTS (SELECT 1 FROM origin WHERE origin.source = source.name)"
    )
    connection.execute("DROP TABLE line_text")
    # What retention let go of in the middle is not known any more: it is taken as swept.
    connection.execute("UPDATE source SET swept_bytes = reached - first - bytes WHERE reached - first > bytes")


def _add_signatures(connection: sqlite3.Connection) -> None:
    """2 -> 3: index the lines that stand by signatures of blocks."""
    for table in ("block", "block_text"):
        connection.execute(f"DROP TABLE IF EXISTS {table}")
    for statement in blocks.TABLES.split(";"):
        connection.execute(statement)
    writer = blocks.BlockWriter()
    last = 0
    while rows := connection.execute("SELECT id, message FROM line WHERE id > ? ORDER BY id LIMIT 10000", (last,)).fetchall():
        # Retention left holes.
        for _, run in groupby(enumerate(rows), lambda place: place[1][0] - place[0]):
            together = [row for _, row in run]
            writer.write(connection, together[0][0], [message for _, message in together])
        last = rows[-1][0]


STEPS: dict[int, Step] = {1: _add_ledger, 2: _add_signatures}
"""Version -> what makes the next version of it; runs inside the migration's one transaction."""


def create(connection: sqlite3.Connection) -> None:
    """Make the tables of the newest version in an empty database."""
    # Twice SQLite's own: a sixth less work a line, as most of it is done by the page.
    connection.execute("PRAGMA page_size = 8192")
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
