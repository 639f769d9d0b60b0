"""CPU time by mode, from /proc/stat.

idle and iowait step back now and then (iowait is kept per run queue, see proc(5)); the higher value stands until the kernel
passes it again. A CPU whose idle time falls by more than 3 s was unplugged and came anew, and is taken as it is: the rule
of node_exporter's cpu collector.
"""

import os
from collections.abc import Iterator

from fairlead._native.procparse import Table
from fairlead.core.sample import Series
from fairlead.metrics.collector import Collector, Field, Roots, TableCollector, TableFile, counter

SECONDS = counter("node_cpu_seconds_total", "Seconds the CPUs spent in each mode.")
GUEST = counter("node_cpu_guest_seconds_total", "Seconds the CPUs spent in guests (VMs) for each mode.")
COLUMNS = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice")
_MODES = ("idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user")
_JUMP_BACK_S = 3.0


def build(roots: Roots) -> Collector:
    """Return the collector `cpu`."""
    hertz = os.sysconf("SC_CLK_TCK")

    def plan(data: bytes) -> Iterator[Field]:
        rows = [line for line in data.split(b"\n") if line.strip()]
        cpus = [(row, line.split()[0][3:].decode()) for row, line in enumerate(rows) if line.startswith(b"cpu")]
        for row, cpu in cpus:
            for mode, column in (("nice", "guest_nice"), ("user", "guest")):
                if cpu:
                    yield Field(Series(GUEST, (("cpu", cpu), ("mode", mode))), row * len(COLUMNS) + COLUMNS.index(column), 1 / hertz)
        for row, cpu in cpus:
            for mode in _MODES:
                if cpu:
                    yield Field(Series(SECONDS, (("cpu", cpu), ("mode", mode))), row * len(COLUMNS) + COLUMNS.index(mode), 1 / hertz)

    hold = (COLUMNS.index("idle"), _JUMP_BACK_S * hertz)
    return TableCollector("cpu", TableFile(f"{roots.proc}/stat", Table(len(COLUMNS), single_read=True), plan, hold))
