"""Observations out of ticks: shares of time from counters, and which file systems count."""

import pytest

from fairlead.core.sample import MetricType, Tick
from fairlead.health.observe import Observer
from tests.support.samples import SECOND_NS, layout, tick

COUNTER, GAUGE = MetricType.COUNTER, MetricType.GAUGE
PRESSURE = layout("pressure", *((f"node_pressure_{what}_waiting_seconds_total", COUNTER, {}) for what in ("cpu", "io", "memory")))
MEMORY = layout("memory", ("node_memory_MemTotal_bytes", GAUGE, {}), ("node_memory_MemAvailable_bytes", GAUGE, {}))
CPU = layout("cpu", *(("node_cpu_seconds_total", COUNTER, {"cpu": str(cpu), "mode": "idle"}) for cpu in range(4)))
LOAD = layout("load", ("node_load5", GAUGE, {}))
FILE_SYSTEM = ("size_bytes", "free_bytes", "avail_bytes", "files", "files_free", "readonly", "device_error")


def volume(mountpoint: str, fstype: str, *numbers: float) -> Tick:
    labels = {"device": "x", "fstype": fstype, "mountpoint": mountpoint}
    return tick("filesystem", 0, layout("filesystem", *((f"node_filesystem_{name}", GAUGE, labels) for name in FILE_SYSTEM)), numbers)


def test_load_and_memory_are_shares() -> None:
    seen = Observer().observe(
        0.0, [tick("cpu", 0, CPU, [0] * 4), tick("load", 0, LOAD, [2.0]), tick("memory", 0, MEMORY, [100, 25])], 3, {}, {}
    )
    assert (seen.load_per_cpu, seen.available, seen.error_lines_a_minute) == (0.5, 0.25, 3)


def test_pressure_is_the_share_of_time_between_two_ticks() -> None:
    observer = Observer()
    first = observer.observe(0.0, [tick("pressure", 0, PRESSURE, [10, 20, 30])], 0, {}, {})
    assert first.pressure == {}
    later = [tick("pressure", 10 * SECOND_NS, PRESSURE, [15, 20, 29])]
    expected = {"cpu": 0.5, "io": 0.0, "memory": 0.0}
    assert observer.observe(10.0, later, 0, {}, {}).pressure == expected
    assert observer.observe(11.0, later, 0, {}, {}).pressure == expected, "the same tick again says nothing new"


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (volume("/", "ext4", 100, 50, 40, 1000, 900, 0, 0), [("/", 50 / 90, 0.1, False)]),
        (volume("/run", "tmpfs", 100, 0, 0, 0, 0, 0, 0), []),
        (volume("/cdrom", "iso9660", 100, 0, 0, 0, 0, 1, 0), []),
        (volume("/btrfs", "btrfs", 100, 50, 50, 0, 0, 0, 0), [("/btrfs", 0.5, 0.0, False)]),
        (volume("/nfs", "nfs4", *[float("nan")] * 6, 1), [("/nfs", 0.0, 0.0, True)]),
    ],
)
def test_volumes_are_what_can_fill_up(seen: Tick, expected: list[tuple[str, float, float, bool]]) -> None:
    volumes = Observer().observe(0.0, [seen], 0, {}, {}).volumes
    assert [(one.mountpoint, one.used, one.inodes_used, one.failed) for one in volumes] == expected


def test_nothing_sampled_is_nothing_known() -> None:
    seen = Observer().observe(0.0, [], 0, {}, {})
    assert (seen.load_per_cpu, seen.available, seen.volumes, seen.pressure) == (None, None, (), {})
