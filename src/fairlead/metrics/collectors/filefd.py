"""Open file descriptors of the whole host, from /proc/sys/fs/file-nr."""

from fairlead._native.procparse import Table
from fairlead.core.sample import Series
from fairlead.metrics.collector import Collector, Field, Roots, TableCollector, TableFile, gauge

_FIELDS = [
    Field(Series(gauge("node_filefd_allocated", "File descriptor statistics: allocated.")), 0),
    Field(Series(gauge("node_filefd_maximum", "File descriptor statistics: maximum.")), 2),
]


def build(roots: Roots) -> Collector:
    """Return the collector `filefd`."""
    return TableCollector("filefd", TableFile(f"{roots.proc}/sys/fs/file-nr", Table(3, key_word=-1), lambda _: _FIELDS))
