"""Load averages, from /proc/loadavg."""

from fairlead._native.procparse import Table
from fairlead.core.sample import Series
from fairlead.metrics.collector import Collector, Field, Roots, TableCollector, TableFile, gauge

_FIELDS = [
    Field(Series(gauge("node_load1", "1m load average.")), 0),
    Field(Series(gauge("node_load5", "5m load average.")), 1),
    Field(Series(gauge("node_load15", "15m load average.")), 2),
]


def build(roots: Roots) -> Collector:
    """Return the collector `load`."""
    return TableCollector("load", TableFile(f"{roots.proc}/loadavg", Table(len(_FIELDS), key_word=-1), lambda _: _FIELDS))
