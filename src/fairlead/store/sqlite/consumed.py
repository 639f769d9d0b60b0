"""How far each Kafka partition is stored, in the transaction that stored it: a restart goes on just there."""

import sqlite3
from collections.abc import Mapping


def write(connection: sqlite3.Connection, consumed: Mapping[tuple[str, int], int]) -> None:
    """Remember the next offset of partitions (topic, number)."""
    connection.executemany(
        "INSERT OR REPLACE INTO consumed (topic, number, next) VALUES (?, ?, ?)", [(*place, offset) for place, offset in consumed.items()]
    )


def read(connection: sqlite3.Connection) -> dict[tuple[str, int], int]:
    """Return the next offset of each partition."""
    return {(topic, number): offset for topic, number, offset in connection.execute("SELECT topic, number, next FROM consumed")}
