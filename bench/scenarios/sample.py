"""One sample of CPU, memory, disk and network: Fairlead's collectors, psutil's equivalent, and the four reads alone.

`python -m bench.scenarios.sample` prints seconds a sample as JSON. The Go contender is bench/go/cmd/procfs.
"""

import json
import os
import time
from collections.abc import Callable

import psutil

from fairlead.metrics.collector import Roots
from fairlead.metrics.registry import build_collectors

FILES = ("/proc/stat", "/proc/meminfo", "/proc/diskstats", "/proc/net/dev")
NAMES = ("cpu", "memory", "disk", "network")
BUFFER_BYTES = 65536


def reads_only() -> Callable[[], object]:
    """Return a call that reads the four files by pread on kept descriptors, to their end, into one buffer."""
    descriptors = [os.open(file, os.O_RDONLY) for file in FILES]
    buffers = [memoryview(bytearray(BUFFER_BYTES))]

    def read() -> None:
        for descriptor in descriptors:
            at = 0
            while got := os.preadv(descriptor, buffers, at):
                at += got

    return read


def fairlead_sample() -> Callable[[], object]:
    """Return a call that samples the four collectors."""
    collectors = build_collectors(NAMES, Roots())
    return lambda: [collector.collect(0) for collector in collectors]


def psutil_sample() -> Callable[[], object]:
    """Return a call that asks psutil for the same."""
    return lambda: (
        psutil.cpu_times(percpu=True),
        psutil.virtual_memory(),
        psutil.disk_io_counters(perdisk=True),
        psutil.net_io_counters(True),
    )


def seconds_a_call(call: Callable[[], object], calls: int) -> float:
    """Return the mean duration of a call."""
    begin = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - begin) / calls


CONTENDERS = {"reads": reads_only, "fairlead": fairlead_sample, "psutil": psutil_sample}


def main() -> None:
    """Print each contender's median of interleaved rounds."""
    calls = {name: make() for name, make in CONTENDERS.items()}
    rounds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(15):
        for name, call in calls.items():
            rounds[name].append(seconds_a_call(call, 1000))
    print(json.dumps({name: sorted(times)[len(times) // 2] for name, times in rounds.items()}))


if __name__ == "__main__":
    main()
