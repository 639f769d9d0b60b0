"""Collectors over small trees of /proc: what the kernel does to its files, and what becomes of it."""

import math
import os
import threading
from pathlib import Path

import psutil
import pytest

from fairlead.core.sample import Tick
from fairlead.metrics.collector import Collector, Roots
from fairlead.metrics.collectors.filesystem import FilesystemCollector, parse_mountinfo, parse_mounts
from fairlead.metrics.registry import BUILDERS, build_collectors
from fairlead.metrics.settings import DEFAULT_INTERVALS
from tests.support.waiting import wait_until


def values(tick: Tick) -> dict[str, float]:
    """Return a tick's numbers by name and labels, as the exposition would write them."""
    found = {}
    for series, value in zip(tick.layout.series, tick.values, strict=True):
        labels = ",".join(f"{name}={text}" for name, text in series.labels)
        found[f"{series.family.name}{{{labels}}}" if labels else series.family.name] = value
    return found


class Tree:
    """A /proc that a test writes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.open: list[Collector] = []

    def write(self, name: str, text: str) -> None:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def collector(self, name: str) -> Collector:
        (collector,) = build_collectors([name], Roots(proc=str(self.root), sys=str(self.root)))
        self.open.append(collector)
        return collector


@pytest.fixture
def proc(tmp_path: Path) -> "Tree":
    """An empty /proc, whose collectors are closed at the end."""
    return Tree(tmp_path)


@pytest.fixture(autouse=True)
def _closed(proc: Tree, _leak_check: None) -> "object":
    yield
    for collector in proc.open:
        collector.close()


def test_every_interval_has_its_collector() -> None:
    assert set(BUILDERS) == set(DEFAULT_INTERVALS)


def test_cpu_counters_that_step_back_are_held(proc: Tree) -> None:
    proc.write("stat", "cpu  1 1 1 1 1 1 1 1 0 0\ncpu0 100 0 50 1000 30 0 0 0 0 0\nintr 5\n")
    cpu = proc.collector("cpu")
    cpu.collect(0)
    proc.write("stat", "cpu  1 1 1 1 1 1 1 1 0 0\ncpu0 101 0 50 900 29 0 0 0 0 0\nintr 6\n")
    held = values(cpu.collect(1))
    assert held["node_cpu_seconds_total{cpu=0,mode=idle}"] == 10.0
    assert held["node_cpu_seconds_total{cpu=0,mode=iowait}"] == pytest.approx(0.30)
    assert held["node_cpu_seconds_total{cpu=0,mode=user}"] == pytest.approx(1.01)


def test_a_cpu_that_came_anew_is_taken_as_it_is(proc: Tree) -> None:
    proc.write("stat", "cpu0 100 0 50 100000 30 0 0 0 0 0\n")
    cpu = proc.collector("cpu")
    cpu.collect(0)
    proc.write("stat", "cpu0 1 0 0 5 0 0 0 0 0 0\n")
    assert values(cpu.collect(1))["node_cpu_seconds_total{cpu=0,mode=user}"] == pytest.approx(0.01)


def test_the_layout_is_the_same_object_until_a_cpu_comes_or_goes(proc: Tree) -> None:
    proc.write("stat", "cpu0 1 0 0 5 0 0 0 0 0 0\n")
    cpu = proc.collector("cpu")
    first = cpu.collect(0)
    assert cpu.collect(1).layout is first.layout
    proc.write("stat", "cpu0 1 0 0 5 0 0 0 0 0 0\ncpu1 1 0 0 5 0 0 0 0 0 0\n")
    second = cpu.collect(2)
    assert second.layout is not first.layout
    assert len(second.values) == 2 * len(first.values)


def test_memory_fields_bear_node_exporters_names_with_odd_spacing(proc: Tree) -> None:
    proc.write("meminfo", "MemTotal:       100 kB\n Active(anon):\t 7  kB\nHugePages_Total:     3\nOdd:\n")
    found = values(proc.collector("memory").collect(0))
    assert found == {"node_memory_MemTotal_bytes": 102400.0, "node_memory_Active_anon_bytes": 7168.0, "node_memory_HugePages_Total": 3.0}


def test_disks_are_in_their_units_and_partitions_left_out(proc: Tree) -> None:
    numbers = " ".join(str(i) for i in range(1, 18))
    proc.write("diskstats", f"   8  0 sda {numbers}\n 8 1 sda1 {numbers}\n 7 0 loop0 {numbers}\n 259 0 nvme0n1 1 2 3 4 5 6 7 8 9 10 11\n")
    found = values(proc.collector("disk").collect(0))
    assert found["node_disk_read_bytes_total{device=sda}"] == 3 * 512
    assert found["node_disk_write_time_seconds_total{device=sda}"] == pytest.approx(0.008)
    assert found["node_disk_io_now{device=nvme0n1}"] == 9
    assert not any("sda1" in name or "loop0" in name for name in found)
    assert "node_disk_flush_requests_total{device=nvme0n1}" not in found


def test_network_names_may_hold_colons_and_stick_to_their_numbers(proc: Tree) -> None:
    head = "Inter-|   Receive |  Transmit\n face |bytes packets\n"
    proc.write(
        "net/dev",
        head
        + "  eth0:4294967295 2 0 0 0 0 0 0 9 8 0 0 0 0 0 0\n br:1: 5 2 0 0 0 0 0 0 9 8 0 0 0 0 0 0\n lo: 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n",
    )
    found = values(proc.collector("network").collect(0))
    assert found["node_network_receive_bytes_total{device=eth0}"] == 4294967295
    assert found["node_network_transmit_packets_total{device=br:1}"] == 8
    assert not any("lo" in name.partition("{")[2] for name in found)


def test_a_device_that_goes_takes_its_series_along(proc: Tree) -> None:
    row = "1 2 0 0 0 0 0 0 9 8 0 0 0 0 0 0"
    proc.write("net/dev", f"a\nb\n eth0: {row}\n eth1: {row}\n")
    network = proc.collector("network")
    assert len(network.collect(0).values) == 32
    proc.write("net/dev", f"a\nb\n eth1: {row}\n")
    assert {dict(series.labels)["device"] for series in network.collect(1).layout.series} == {"eth1"}


def test_a_kernel_without_pressure_has_no_pressure_series(proc: Tree) -> None:
    pressure = proc.collector("pressure")
    assert len(pressure.collect(0).values) == 0
    proc.write("pressure/io", "some avg10=0.00 avg60=0.00 avg300=0.00 total=2500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1\n")
    found = values(pressure.collect(1))
    assert found["node_pressure_io_waiting_seconds_total"] == 2.5
    assert "node_pressure_cpu_waiting_seconds_total" not in found


def test_a_file_that_vanishes_while_open_is_sought_again(proc: Tree) -> None:
    proc.write("loadavg", "0.5 0.25 0.1 1/100 4\n")
    load = proc.collector("load")
    load.collect(0)
    os.close(load._first._descriptor)  # type: ignore[attr-defined]  # what a device that went leaves behind: a dead descriptor
    load._first._descriptor = os.open(proc.root, os.O_RDONLY)  # type: ignore[attr-defined]  # reading a directory fails, as ENODEV would
    proc.write("loadavg", "1.5 0.25 0.1 1/100 4\n")
    assert values(load.collect(1))["node_load1"] == 1.5


def test_sockstat_and_netstat_pick_by_name(proc: Tree) -> None:
    proc.write("net/sockstat", "sockets: used 17\nTCP: inuse 1 orphan 0 tw 2 alloc 1 mem 65\n")
    found = values(proc.collector("sockstat").collect(0))
    assert found["node_sockstat_sockets_used"] == 17
    assert found["node_sockstat_TCP_mem_bytes"] == 65 * os.sysconf("SC_PAGE_SIZE")
    proc.write("net/netstat", "TcpExt: SyncookiesSent Other ListenDrops\nTcpExt: 1 2 3\n")
    proc.write("net/snmp6", "Ip6InOctets   \t256\nIp6OutNoRoutes 4\n")
    found = values(proc.collector("netstat").collect(0))
    assert found == {"node_netstat_TcpExt_SyncookiesSent": 1, "node_netstat_TcpExt_ListenDrops": 3, "node_netstat_Ip6_InOctets": 256}


def test_mounts_are_unescaped_and_shadowed_ones_told_once() -> None:
    mounts = parse_mounts(
        "/dev/sda / ext4 rw 0 0\nproc /proc proc rw 0 0\nold /data ext4 rw 0 0\n"
        "/dev/sdb /data ext4 ro,noatime 0 0\n/dev/sdc /my\\040disk xfs rw 0 0\nodd\n"
    )
    assert [(mount.device, mount.mountpoint, mount.readonly) for mount in mounts] == [
        ("/dev/sda", "/", False),
        ("/dev/sdb", "/data", True),
        ("/dev/sdc", "/my disk", False),
    ]


def test_mountinfo_tells_what_the_file_system_says_of_read_only() -> None:
    mounts = parse_mountinfo(
        "27 1 8:1 / / ro,relatime shared:1 - ext4 /dev/sda rw,errors=remount-ro\n28 27 0:5 / /proc rw - proc proc rw\n"
        "29 27 8:2 / /my\\040disk rw - xfs /dev/sdb ro\nodd\n30 27 0:9 / /odd rw - ext4\n"
    )
    assert [(mount.device, mount.mountpoint, mount.fstype, mount.readonly) for mount in mounts] == [
        ("/dev/sda", "/", "ext4", False),
        ("/dev/sdb", "/my disk", "xfs", True),
    ]


@pytest.mark.parametrize(("host", "expected"), [("/dev/sda / ext4 ro 0 0\n", 1.0), (None, 0.0)])
def test_a_sandbox_does_not_make_the_host_read_only(proc: Tree, host: str | None, expected: float) -> None:
    proc.write("self/mounts", "/dev/sda / ext4 ro 0 0\n")
    proc.write("self/mountinfo", "27 1 8:1 / / ro,relatime - ext4 /dev/sda rw\n")
    if host:
        proc.write("1/mounts", host)
    found = values(proc.collector("filesystem").collect(0))
    assert found["node_filesystem_readonly{device=/dev/sda,fstype=ext4,mountpoint=/}"] == expected


def test_a_dead_mount_is_an_error_of_its_own_and_keeps_one_thread(proc: Tree) -> None:
    proc.write("self/mounts", "".join(f"dev{i} /mnt/{i} ext4 rw 0 0\n" for i in range(8)) + "nfs /dead nfs4 rw 0 0\n")
    released, here = threading.Event(), os.statvfs("/")

    def statvfs(path: str) -> os.statvfs_result:
        if path == "/dead":
            released.wait(30)
        return here

    collector = FilesystemCollector(Roots(proc=str(proc.root)), statvfs, deadline_s=0.4)
    for _ in range(3):
        found = values(collector.collect(0))
        assert found["node_filesystem_device_error{device=nfs,fstype=nfs4,mountpoint=/dead}"] == 1
        assert math.isnan(found["node_filesystem_size_bytes{device=nfs,fstype=nfs4,mountpoint=/dead}"])
        assert found["node_filesystem_device_error{device=dev7,fstype=ext4,mountpoint=/mnt/7}"] == 0
        wait_until(lambda: probes() == 1, "the one stuck thread to be alone")
    released.set()
    wait_until(lambda: probes() == 0, "the stuck thread to end")
    assert values(collector.collect(0))["node_filesystem_device_error{device=nfs,fstype=nfs4,mountpoint=/dead}"] == 0
    wait_until(lambda: probes() == 0, "the threads to end")


def probes() -> int:
    return sum(thread.name == "statvfs" for thread in threading.enumerate())


def test_psutil_finds_the_same_on_this_host() -> None:
    collectors = build_collectors(["cpu", "memory", "disk", "network", "kernel"], Roots())
    try:
        found: dict[str, float] = {}
        for collector in collectors:
            found |= values(collector.collect(0))
    finally:
        for collector in collectors:
            collector.close()
    for i, times in enumerate(psutil.cpu_times(percpu=True)):
        assert found[f"node_cpu_seconds_total{{cpu={i},mode=user}}"] == pytest.approx(times.user, abs=2)
        assert found[f"node_cpu_seconds_total{{cpu={i},mode=idle}}"] == pytest.approx(times.idle, abs=2)
    assert found["node_memory_MemTotal_bytes"] == psutil.virtual_memory().total
    assert found["node_boot_time_seconds"] == pytest.approx(psutil.boot_time(), abs=2)
    for name, numbers in psutil.net_io_counters(pernic=True).items():
        if name != "lo":
            assert found[f"node_network_receive_bytes_total{{device={name}}}"] == pytest.approx(numbers.bytes_recv, rel=0.01, abs=1e5)
    for name, disk in psutil.disk_io_counters(perdisk=True).items():
        if f"node_disk_read_bytes_total{{device={name}}}" in found:
            assert found[f"node_disk_read_bytes_total{{device={name}}}"] == pytest.approx(disk.read_bytes, rel=0.01, abs=1e6)
