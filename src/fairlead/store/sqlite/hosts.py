"""The hosts of which something stands, in SQLite."""

import sqlite3

from fairlead.store.interface import StoredHost

_OF_LINES = "SELECT DISTINCT host FROM origin WHERE host <> ''"
_OF_SAMPLES = (
    "SELECT host, max(coalesce((SELECT max(time_ns) FROM sample WHERE layout = layout.id),"
    " (SELECT max(time_ns) FROM rollup WHERE layout = layout.id))) FROM layout GROUP BY host"
)


def read(connection: sqlite3.Connection) -> list[StoredHost]:
    """Return them, by name; samples that retention left as roll-ups only count by their last minute."""
    found: dict[str, int | None] = dict.fromkeys(host for (host,) in connection.execute(_OF_LINES))
    found |= dict(connection.execute(_OF_SAMPLES).fetchall())
    return [StoredHost(name, newest_ns) for name, newest_ns in sorted(found.items())]
