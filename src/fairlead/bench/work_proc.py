"""Contenders of the case `proc`: METHOD SAMPLES."""

import os
import sys
import time
from collections.abc import Callable, Sequence

from fairlead.bench.work import Worked
from fairlead.core.errors import UsageError

_FILES = ("/proc/stat", "/proc/meminfo", "/proc/diskstats", "/proc/net/dev")
_COLLECTORS = ("cpu", "memory", "disk", "network")
_BUFFER_BYTES = 65536


def _psutil() -> Callable[[], object]:
    """Return a call that asks psutil for the same."""
    import psutil

    return lambda: (
        psutil.cpu_times(percpu=True),
        psutil.virtual_memory(),
        psutil.disk_io_counters(perdisk=True),
        psutil.net_io_counters(pernic=True),
    )


METHODS = {"psutil": _psutil}

if sys.platform == "linux":

    def _reads() -> Callable[[], object]:
        """Return a call that reads the four files by pread on kept descriptors, to their end, into one buffer."""
        descriptors = [os.open(file, os.O_RDONLY) for file in _FILES]
        buffers = [memoryview(bytearray(_BUFFER_BYTES))]

        def read() -> None:
            for descriptor in descriptors:
                at = 0
                while got := os.preadv(descriptor, buffers, at):
                    at += got

        return read

    def _fairlead() -> Callable[[], object]:
        """Return a call that samples the four collectors."""
        from fairlead.metrics.collector import Roots
        from fairlead.metrics.registry import build_collectors

        collectors = build_collectors(_COLLECTORS, Roots())
        return lambda: [collector.collect(0) for collector in collectors]

    METHODS |= {"reads": _reads, "fairlead": _fairlead}


def work(words: Sequence[str]) -> Worked:
    """Take samples; the seconds are those of one, the answer is the number of CPUs."""
    if len(words) != 2 or words[0] not in METHODS or not words[1].isdecimal():
        raise UsageError(f"proc: give METHOD SAMPLES; methods are {', '.join(METHODS)}")
    sample, samples = METHODS[words[0]](), int(words[1])
    sample()
    begin = time.perf_counter()
    for _ in range(samples):
        sample()
    return Worked((time.perf_counter() - begin) / samples, os.cpu_count())
