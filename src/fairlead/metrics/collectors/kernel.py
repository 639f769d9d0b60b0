"""The kernel's own counters: context switches, interrupts, forks, boot time, running and blocked processes (/proc/stat)."""

from collections.abc import Iterator

from fairlead._native.procparse import Table
from fairlead.core.sample import Series
from fairlead.metrics.collector import Collector, Field, Roots, TableCollector, TableFile, counter, gauge

_FAMILIES = {
    b"intr": counter("node_intr_total", "Total number of interrupts serviced."),
    b"ctxt": counter("node_context_switches_total", "Total number of context switches."),
    b"btime": gauge("node_boot_time_seconds", "Node boot time, in unixtime."),
    b"processes": counter("node_forks_total", "Total number of forks."),
    b"procs_running": gauge("node_procs_running", "Number of processes in runnable state."),
    b"procs_blocked": gauge("node_procs_blocked", "Number of processes blocked waiting for I/O to complete."),
}


def build(roots: Roots) -> Collector:
    """Return the collector `kernel`."""
    return TableCollector("kernel", TableFile(f"{roots.proc}/stat", Table(1, single_read=True), _plan))


def _plan(data: bytes) -> Iterator[Field]:
    for row, words in enumerate(words for line in data.split(b"\n") if (words := line.split())):
        if family := _FAMILIES.get(words[0]):
            yield Field(Series(family), row)
