"""`fairlead up` at rest, page closed, beside Debian's node_exporter scraped each second, in the same minutes.

The one file is measured where it is built, else the program from source. FAIRLEAD_BENCH_REST_S sets how long
(default: 600 s, as the contracts say).
"""

import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bench.harness import BINARY, Goal, Section, spread
from bench.processes import cpu_seconds

SETTLE_S = 15.0
SLICES = 10
NODE_EXPORTER = "prometheus-node-exporter"
NODE_ADDRESS = "127.0.0.1:19100"


class Slice(NamedTuple):
    """What a process used in a part of the time: percent of one core, resident memory at its end in MB."""

    cpu_percent: float
    resident_mb: float


def resident_mb(pid: int) -> float:
    """Return VmRSS."""
    match = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(match[1]) / 1024 if match else 0.0


def watch(pids: dict[str, int], seconds: float, each_second: Callable[[], None]) -> dict[str, list[Slice]]:
    """Watch processes for so long, in SLICES parts."""
    found: dict[str, list[Slice]] = {name: [] for name in pids}
    for _ in range(SLICES):
        before = {name: cpu_seconds(pid) for name, pid in pids.items()}
        begin = time.monotonic()
        while time.monotonic() - begin < seconds / SLICES:
            each_second()
            threading.Event().wait(1.0)
        took = time.monotonic() - begin
        for name, pid in pids.items():
            found[name].append(Slice(100 * (cpu_seconds(pid) - before[name]) / took, resident_mb(pid)))
    return found


def measure() -> Section:
    """Run both for the same time."""
    seconds = float(os.environ.get("FAIRLEAD_BENCH_REST_S", "600"))
    exporter = shutil.which(NODE_EXPORTER)
    if exporter is None:
        raise SystemExit(f"{NODE_EXPORTER} is not installed")
    program = [str(BINARY.resolve())] if BINARY.exists() else [sys.executable, "-I", "-m", "fairlead"]
    with tempfile.TemporaryDirectory() as state:
        up = subprocess.Popen(
            [*program, "up", "--state-dir", state, "--listen", "127.0.0.1:0"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        node = subprocess.Popen([exporter, f"--web.listen-address={NODE_ADDRESS}"], stderr=subprocess.DEVNULL)
        try:
            time.sleep(SETTLE_S)
            pids = {"fairlead up": up.pid, "node_exporter, scraped each second": node.pid}
            found = watch(pids, seconds, lambda: urllib.request.urlopen(f"http://{NODE_ADDRESS}/metrics").read())
        finally:
            for process in (up, node):
                process.send_signal(signal.SIGTERM)
                process.wait(30)
    rows = [(name, spread([part.cpu_percent for part in parts]), f"{parts[-1].resident_mb:.1f}") for name, parts in found.items()]
    ours = found["fairlead up"]
    return Section(
        "at_rest",
        f"`fairlead up` at rest, {'from source' if program[0] == sys.executable else 'the one file'}",
        f"{seconds:.0f} s after {SETTLE_S:.0f} s to settle, in {SLICES} parts; all default collectors, this host's logs, page closed.",
        ("process", "percent of one core", "resident MB"),
        rows,
        (
            Goal("below 1 % of one core", statistics.mean(part.cpu_percent for part in ours), 1.0, True),
            Goal("below 60 MB resident", ours[-1].resident_mb, 60.0, True),
        ),
    )
