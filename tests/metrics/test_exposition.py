"""The exposition of a kept /proc: the golden file, and what node_exporter says of the same files."""

import math
import re
import subprocess
import urllib.request
from pathlib import Path

import pytest

from fairlead.metrics.collector import Roots
from fairlead.metrics.registry import build_collectors
from fairlead.net.prometheus import Exposition
from tests.support import golden
from tests.support.waiting import wait_until

HOST = Path(__file__).parents[1] / "fixtures/host"
COLLECTORS = {
    "cpu": "cpu", "memory": "meminfo", "disk": "diskstats", "network": "netdev", "load": "loadavg", "pressure": "pressure",
    "filefd": "filefd", "vmstat": "vmstat", "sockstat": "sockstat", "netstat": "netstat", "kernel": "stat",
}  # fmt: skip
"""Our key -> node_exporter's."""
THEIRS_ONLY = re.compile(r"(# (HELP|TYPE) )?(node_scrape|node_exporter|promhttp|node_disk_info)")
"""About itself; and node_disk_info, which is udev's knowledge, not /proc's."""


def exposition() -> str:
    collectors = build_collectors(COLLECTORS, Roots(proc=f"{HOST}/proc", sys=f"{HOST}/sys"))
    try:
        return Exposition().of_ticks([collector.collect(0) for collector in collectors]).decode()
    finally:
        for collector in collectors:
            collector.close()


def test_golden_exposition() -> None:
    golden.check("host.prom", exposition())


@pytest.mark.real
def test_node_exporter_says_the_same_of_the_same_files(tmp_path: Path) -> None:
    chosen = [f"--collector.{name}" for name in COLLECTORS.values()]
    command = [
        "prometheus-node-exporter",
        "--collector.disable-defaults",
        *chosen,
        "--no-collector.netdev.netlink",
        "--web.disable-exporter-metrics",
    ]
    command += [f"--path.procfs={HOST}/proc", "--web.listen-address=127.0.0.1:0"]
    log = tmp_path / "log"
    with log.open("w") as stream:
        process = subprocess.Popen(command, stderr=stream)
    try:
        wait_until(lambda: "Listening on" in log.read_text(), "node_exporter")
        address = re.search(r"Listening on\" address=(\S+)", log.read_text())
        assert address
        with urllib.request.urlopen(f"http://{address[1]}/metrics", timeout=10) as answer:
            theirs = answer.read().decode()
    finally:
        process.kill()
        process.wait()
    ours_by_line, theirs_by_line = parse(exposition()), parse(theirs)
    assert ours_by_line.keys() == theirs_by_line.keys()
    for line, value in theirs_by_line.items():
        assert ours_by_line[line] == pytest.approx(value, rel=1e-12, nan_ok=True), line


def parse(text: str) -> dict[str, float]:
    """Return the numbers by series, and each HELP and TYPE line with NaN."""
    found = {}
    for line in text.splitlines():
        if THEIRS_ONLY.match(line):
            continue
        if line.startswith("#"):
            found[line] = math.nan
        else:
            series, _, value = line.rpartition(" ")
            found[series] = float(value)
    return found
