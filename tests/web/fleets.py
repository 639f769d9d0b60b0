"""Stores of collectors, filled as agents fill them."""

from collections.abc import Sequence
from typing import Any

from fairlead.core.record import REMOTE, Batch, Position, Record
from fairlead.store.interface import AgentReport, Intake, Store
from tests.support.samples import SECOND_NS


def report(agent: str, host: str, received_ns: int, version: str = "1.2.3", **numbers: Any) -> AgentReport:
    """Return a heartbeat of an agent that tells every ten seconds."""
    said = {
        "state": "running",
        "interval_s": 10,
        "spool_bytes": 0,
        "sources": 1,
        "lag_bytes": 0,
        "lag_s": 0.0,
    }
    return AgentReport(agent, host, version, received_ns, received_ns, said | numbers)


def remote(agent: str, host: str, now_ns: int, ranges: Sequence[tuple[int, int]], source: str = "", unknown: int = 0) -> Batch:
    """Return lines that an agent sent of one of its sources, each with a range of bytes."""
    source, path = source or f"{agent}-source", f"/var/log/{host}.log"
    records = [Record(now_ns + i, f"line at {start} of {host}", start, end) for i, (start, end) in enumerate(ranges)]
    position = Position(source, path, ranges[-1][1], kind=REMOTE, unknown=unknown)
    return Batch(source, path, ranges[0][0], ranges[-1][1], now_ns, records, position, host, agent)


def small_fleet(store: Store, now_ns: int) -> None:
    """Store four agents: one alive, one late, one silent with gaps, one stopped."""
    store.write(
        Intake(
            batches=[
                remote("a1", "web-1", now_ns - SECOND_NS, [(0, 40), (40, 80)]),
                remote("a3", "db-1", now_ns - SECOND_NS, [(0, 40), (60, 80)], unknown=1),
            ],
            reports=[
                report("a1", "web-1", now_ns - 2 * SECOND_NS, lag_bytes=2048, sources=3),
                report("a2", "web-2", now_ns - 45 * SECOND_NS, lag_bytes=7 << 20, lag_s=90.5, spool_bytes=3 << 20),
                report("a3", "db-1", now_ns - 4000 * SECOND_NS, version="1.2.2"),
                report("a4", "old-1", now_ns - 9000 * SECOND_NS, state="stopping"),
            ],
        )
    )
