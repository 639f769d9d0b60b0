"""Paging and out-of-memory kills, from /proc/vmstat: node_exporter's default choice of its lines."""

import re
from collections.abc import Iterator

from fairlead._native.procparse import Table
from fairlead.core.sample import Series
from fairlead.metrics.collector import Collector, Field, Roots, TableCollector, TableFile, untyped

_WANTED = re.compile(r"(oom_kill|pgpg|pswp|pg.*fault).*")


def build(roots: Roots) -> Collector:
    """Return the collector `vmstat`."""
    return TableCollector("vmstat", TableFile(f"{roots.proc}/vmstat", Table(1), _plan))


def _plan(data: bytes) -> Iterator[Field]:
    for row, words in enumerate(words for line in data.split(b"\n") if (words := line.split())):
        name = words[0].decode(errors="replace")
        if _WANTED.fullmatch(name):
            yield Field(Series(untyped(f"node_vmstat_{name}", f"/proc/vmstat information field {name}.")), row)
