"""Pressure stall information, from /proc/pressure (Linux 4.20 and later, where it is compiled in and switched on)."""

from collections.abc import Iterator

from fairlead._native.procparse import Table
from fairlead.core.sample import Family, Series
from fairlead.metrics.collector import Collector, Field, Roots, TableCollector, TableFile, counter

_MICROSECONDS = 1e-6
_TOTAL_COLUMN = 3
_WAITING = {
    "cpu": counter("node_pressure_cpu_waiting_seconds_total", "Total time in seconds that processes have waited for CPU time"),
    "io": counter("node_pressure_io_waiting_seconds_total", "Total time in seconds that processes have waited due to IO congestion"),
    "memory": counter("node_pressure_memory_waiting_seconds_total", "Total time in seconds that processes have waited for memory"),
}
_STALLED = {
    "io": counter("node_pressure_io_stalled_seconds_total", "Total time in seconds no process could make progress due to IO congestion"),
    "memory": counter(
        "node_pressure_memory_stalled_seconds_total", "Total time in seconds no process could make progress due to memory congestion"
    ),
}  # fmt: skip


def build(roots: Roots) -> Collector:
    """Return the collector `pressure`."""
    return TableCollector("pressure", *(_file(roots, what) for what in _WAITING))


def _file(roots: Roots, what: str) -> TableFile:
    wanted: dict[bytes, Family | None] = {b"some": _WAITING[what], b"full": _STALLED.get(what)}

    def plan(data: bytes) -> Iterator[Field]:
        for row, words in enumerate(words for line in data.split(b"\n") if (words := line.split())):
            if family := wanted.get(words[0]):
                yield Field(Series(family), row * (_TOTAL_COLUMN + 1) + _TOTAL_COLUMN, _MICROSECONDS)

    return TableFile(f"{roots.proc}/pressure/{what}", Table(_TOTAL_COLUMN + 1), plan)
