"""What is let go of: by age, and by size when the file would grow past its limit; in slices, so that writes go on."""

import sqlite3

from fairlead.store.settings import StoreSettings
from fairlead.store.sqlite import index

LINES_A_SLICE = 2000
SAMPLES_A_SLICE = 5000
VACUUM_PAGES = 500


def remove_slice(connection: sqlite3.Connection, settings: StoreSettings, now_ns: int) -> bool:
    """Remove one slice of what is too old or too much, inside the caller's transaction; return whether more may wait."""
    lines = _remove_lines(connection, now_ns - int(settings.max_age * 1e9))
    samples = _remove_samples(connection, "sample", now_ns - int(settings.samples_max_age * 1e9))
    rollups = _remove_samples(connection, "rollup", now_ns - int(settings.rollups_max_age * 1e9))
    if used_bytes(connection) > settings.max_size:
        lines += _remove_lines(connection, None)
        if not lines:
            samples += _remove_samples(connection, "sample", None)
    if not lines:
        connection.execute("DELETE FROM agent WHERE received_ns < ?", (now_ns - int(settings.max_age * 1e9),))
        connection.execute(
            "DELETE FROM origin WHERE id NOT IN (SELECT DISTINCT origin FROM line) AND source NOT IN (SELECT name FROM source)"
        )
        connection.execute(
            "DELETE FROM layout WHERE rolled_ns < ? AND NOT EXISTS (SELECT 1 FROM sample WHERE layout = layout.id)"
            " AND NOT EXISTS (SELECT 1 FROM rollup WHERE layout = layout.id)",
            (now_ns - int(settings.rollups_max_age * 1e9),),
        )
    return bool(lines or samples or rollups)


def used_bytes(connection: sqlite3.Connection) -> int:
    """Return the bytes of the file that hold something."""
    pages, free, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size"))
    return int((pages - free) * size)


def _remove_lines(connection: sqlite3.Connection, before_ns: int | None) -> int:
    """Remove the oldest lines (those before a time, if one is given), index entries first: they are made of the lines anew."""
    bound = (before_ns if before_ns is not None else 1 << 62, LINES_A_SLICE)
    old = connection.execute("SELECT id, end - offset, source FROM line WHERE time_ns < ? ORDER BY time_ns LIMIT ?", bound).fetchall()
    index.remove(connection, [row[0] for row in old])
    connection.executemany("DELETE FROM line WHERE id = ?", [(row[0],) for row in old])
    connection.executemany(
        "UPDATE source SET swept_lines = swept_lines + 1, swept_bytes = swept_bytes + ? WHERE id = ?", [row[1:] for row in old]
    )
    return len(old)


def _remove_samples(connection: sqlite3.Connection, table: str, before_ns: int | None) -> int:
    """Remove old ticks of each layout, or the oldest of all where no time is given."""
    removed = 0
    for (layout,) in connection.execute("SELECT id FROM layout").fetchall():
        removed += connection.execute(
            f"DELETE FROM {table} WHERE layout = ?1 AND time_ns < ?2 AND time_ns IN"  # noqa: S608 - `table` is a constant
            f" (SELECT time_ns FROM {table} WHERE layout = ?1 ORDER BY time_ns LIMIT ?3)",
            (layout, before_ns if before_ns is not None else 1 << 62, SAMPLES_A_SLICE),
        ).rowcount
    return removed
