"""Fairlead's own process, by the names that every Prometheus client library uses."""

import os
import resource

from fairlead.core.sample import Series
from fairlead.metrics.collector import Collector, Roots, ValuesCollector, counter, gauge, read_text

_CPU = counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.")
_MAX_FDS = gauge("process_max_fds", "Maximum number of open file descriptors.")
_OPEN_FDS = gauge("process_open_fds", "Number of open file descriptors.")
_RESIDENT = gauge("process_resident_memory_bytes", "Resident memory size in bytes.")
_START = gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.")
_VIRTUAL = gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.")
_VIRTUAL_MAX = gauge("process_virtual_memory_max_bytes", "Maximum amount of virtual memory available in bytes.")
_UNLIMITED = float(1 << 64)
_START_FIELD, _VIRTUAL_FIELD, _RESIDENT_FIELD = 21, 22, 23
"""Fields of /proc/PID/stat from 0, proc(5)."""


def build(roots: Roots) -> Collector:
    """Return the collector `self`."""
    own = f"{roots.proc}/self"
    hertz, page_bytes = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")

    def read() -> list[tuple[Series, float]]:
        # The name, in brackets, may hold blanks: count from behind it.
        fields = ["", "", *read_text(f"{own}/stat").rpartition(")")[2].split()]
        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        used = resource.getrusage(resource.RUSAGE_SELF)
        booted = next((line.split()[1] for line in read_text(f"{roots.proc}/stat").splitlines() if line.startswith("btime ")), "0")
        return [
            (Series(_CPU), used.ru_utime + used.ru_stime),
            (Series(_MAX_FDS), float(resource.getrlimit(resource.RLIMIT_NOFILE)[0])),
            (Series(_OPEN_FDS), float(len(os.listdir(f"{own}/fd")))),
            (Series(_RESIDENT), float(fields[_RESIDENT_FIELD]) * page_bytes),
            (Series(_START), float(booted) + float(fields[_START_FIELD]) / hertz),
            (Series(_VIRTUAL), float(fields[_VIRTUAL_FIELD])),
            (Series(_VIRTUAL_MAX), _UNLIMITED if limit == resource.RLIM_INFINITY else float(limit)),
        ]

    return ValuesCollector("self", read)
