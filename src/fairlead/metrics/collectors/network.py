"""Network traffic by device, from /proc/net/dev. The loopback device is left out, as Debian's node_exporter does."""

from collections.abc import Iterator

from fairlead._native.procparse import Table
from fairlead.core.sample import Series
from fairlead.metrics.collector import Collector, Field, Roots, TableCollector, TableFile, counter

_RECEIVE = ("bytes", "packets", "errs", "drop", "fifo", "frame", "compressed", "multicast")
_TRANSMIT = ("bytes", "packets", "errs", "drop", "fifo", "colls", "carrier", "compressed")
_NAMES = [f"receive_{name}" for name in _RECEIVE] + [f"transmit_{name}" for name in _TRANSMIT]
_FAMILIES = [counter(f"node_network_{name}_total", f"Network device statistic {name}.") for name in _NAMES]
_HEADER_LINES = 2


def build(roots: Roots) -> Collector:
    """Return the collector `network`."""
    table = Table(len(_FAMILIES), skip_lines=_HEADER_LINES, colon_key=True)
    return TableCollector("network", TableFile(f"{roots.proc}/net/dev", table, _plan))


def _plan(data: bytes) -> Iterator[Field]:
    rows = [line for line in data.split(b"\n")[_HEADER_LINES:] if line.strip()]
    for row, line in enumerate(rows):
        device = line.rpartition(b":")[0].strip().decode(errors="replace")
        if device and device != "lo":
            for column, family in enumerate(_FAMILIES):
                yield Field(Series(family, (("device", device),)), row * len(_FAMILIES) + column)
