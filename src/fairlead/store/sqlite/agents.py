"""The newest heartbeat of each agent, in SQLite."""

import sqlite3
from collections.abc import Sequence

import orjson

from fairlead.store.interface import AgentReport

_WRITE = (
    "INSERT INTO agent (id, host, version, told_ns, received_ns, numbers) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
    " host = excluded.host, version = excluded.version, told_ns = excluded.told_ns, received_ns = excluded.received_ns,"
    " numbers = excluded.numbers WHERE excluded.told_ns >= told_ns"
)


def write(connection: sqlite3.Connection, reports: Sequence[AgentReport]) -> None:
    """Keep the newest of each agent; one that comes late changes nothing."""
    connection.executemany(
        _WRITE, [(r.agent, r.host, r.version, r.told_ns, r.received_ns, orjson.dumps(r.numbers).decode()) for r in reports]
    )


def read(connection: sqlite3.Connection) -> list[AgentReport]:
    """Return them, by host."""
    rows = connection.execute("SELECT id, host, version, told_ns, received_ns, numbers FROM agent ORDER BY host, id")
    return [
        AgentReport(agent, host, version, told_ns, received_ns, orjson.loads(numbers))
        for agent, host, version, told_ns, received_ns, numbers in rows
    ]
