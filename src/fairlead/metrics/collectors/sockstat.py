"""Sockets in use by protocol, from /proc/net/sockstat and sockstat6."""

import os
from collections.abc import Iterator

from fairlead._native.procparse import Table
from fairlead.core.sample import Series
from fairlead.metrics.collector import Collector, Field, Roots, TableCollector, TableFile, gauge

_COLUMNS = 16
_USED = gauge("node_sockstat_sockets_used", "Number of IPv4 sockets in use.")


def build(roots: Roots) -> Collector:
    """Return the collector `sockstat`."""
    files = [TableFile(f"{roots.proc}/net/{name}", Table(_COLUMNS, colon_key=True), _plan) for name in ("sockstat", "sockstat6")]
    return TableCollector("sockstat", *files)


def _plan(data: bytes) -> Iterator[Field]:
    """Name the fields of lines such as `TCP: inuse 5 orphan 0`: words and numbers take turns."""
    page_bytes = float(os.sysconf("SC_PAGE_SIZE"))
    for row, line in enumerate(line for line in data.decode(errors="replace").split("\n") if line.strip()):
        protocol, _, rest = line.partition(":")
        protocol = protocol.strip()
        for place, name in enumerate(rest.split()[:_COLUMNS:2]):
            cell = row * _COLUMNS + 2 * place + 1
            if protocol == "sockets":
                yield Field(Series(_USED), cell)
                continue
            yield _field(protocol, name, cell, 1.0)
            if name == "mem":
                yield _field(protocol, "mem_bytes", cell, page_bytes)


def _field(protocol: str, name: str, cell: int, scale: float) -> Field:
    family = gauge(f"node_sockstat_{protocol}_{name}", f"Number of {protocol} sockets in state {name}.")
    return Field(Series(family), cell, scale)
