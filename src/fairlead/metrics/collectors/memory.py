"""Memory, from /proc/meminfo; each of its lines is a metric."""

import re
from collections.abc import Iterator

from fairlead._native.procparse import Table
from fairlead.core.sample import Series
from fairlead.metrics.collector import Collector, Field, Roots, TableCollector, TableFile, gauge

_LINE = re.compile(rb"\s*(.+):\s*\d+\s*(kB)?\s*")
_BRACKETS = re.compile(r"\((.*)\)")


def build(roots: Roots) -> Collector:
    """Return the collector `memory`."""
    return TableCollector("memory", TableFile(f"{roots.proc}/meminfo", Table(1, colon_key=True, single_read=True), _plan))


def _plan(data: bytes) -> Iterator[Field]:
    rows = [line for line in data.split(b"\n") if line.strip()]
    for row, line in enumerate(rows):
        if match := _LINE.fullmatch(line):
            key = _BRACKETS.sub(r"_\1", match[1].decode())
            name = f"{key}_bytes" if match[2] else key
            yield Field(Series(gauge(f"node_memory_{name}", f"Memory information field {name}.")), row, 1024.0 if match[2] else 1.0)
