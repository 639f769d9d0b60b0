"""One sample of CPU, memory, disk and network.

Contenders: the four reads alone, Fairlead's collectors, psutil's equivalent, a Go program with prometheus/procfs.
`python -m bench.scenarios.sample NAME` is one contender: it prints the seconds a sample takes.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable

from bench.harness import OUT, Contender, Goal, Section, build_go, in_turn, ratios, spread

FILES = ("/proc/stat", "/proc/meminfo", "/proc/diskstats", "/proc/net/dev")
NAMES = ("cpu", "memory", "disk", "network")
BUFFER_BYTES = 65536
SAMPLES = 5000
ROUNDS = 15


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
    from fairlead.metrics.collector import Roots
    from fairlead.metrics.registry import build_collectors

    collectors = build_collectors(NAMES, Roots())
    return lambda: [collector.collect(0) for collector in collectors]


def psutil_sample() -> Callable[[], object]:
    """Return a call that asks psutil for the same."""
    import psutil

    return lambda: (
        psutil.cpu_times(percpu=True),
        psutil.virtual_memory(),
        psutil.disk_io_counters(perdisk=True),
        psutil.net_io_counters(True),
    )


PYTHON = {"reads": reads_only, "fairlead": fairlead_sample, "psutil": psutil_sample}


def measure() -> Section:
    """Run the contenders in turn."""
    build_go()
    contenders = [Contender(name, [sys.executable, "-m", __name__, name]) for name in PYTHON]
    contenders.append(Contender("go-procfs", [f"{OUT}/procfs", "-samples", str(SAMPLES)]))
    runs = in_turn(contenders, ROUNDS)
    rows = [
        (name, spread([run.seconds * 1e6 for run in done], "{:.1f}"), spread(ratios(runs, name, "fairlead"))) for name, done in runs.items()
    ]
    over_reads = statistics.median(ratios(runs, "fairlead", "reads"))
    under_psutil = statistics.median(ratios(runs, "psutil", "fairlead"))
    under_go = statistics.median(ratios(runs, "go-procfs", "fairlead"))
    return Section(
        "sample",
        "one sample of CPU, memory, disk and network",
        f"{ROUNDS} rounds; each process takes {SAMPLES} samples. `reads` only reads the four files to their end.",
        ("contender", "microseconds a sample", "times fairlead's"),
        rows,
        (
            Goal("at most 1.5 times the reads alone", over_reads, 1.5, True),
            Goal("at least 3 times cheaper than psutil", under_psutil, 3.0, False),
            Goal("at least 3 times cheaper than Go with procfs", under_go, 3.0, False),
        ),
    )


def main() -> None:
    """Be one contender; the answer is the number of CPUs, so that all must agree."""
    call = PYTHON[sys.argv[1]]()
    call()
    begin = time.perf_counter()
    for _ in range(SAMPLES):
        call()
    seconds = (time.perf_counter() - begin) / SAMPLES
    print(json.dumps({"seconds": seconds, "answer": os.cpu_count()}))


if __name__ == "__main__":
    main()
