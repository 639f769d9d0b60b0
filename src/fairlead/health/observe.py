"""What the judge looks at, picked out of the newest ticks."""

from collections.abc import Sequence

import msgspec

from fairlead.core.sample import Tick

_PSEUDO = {"tmpfs", "ramfs", "fuse.portal", "efivarfs", "rootfs"}
"""File systems whose fullness is memory's, or nobody's."""


class Volume(msgspec.Struct, frozen=True):
    """A file system: the share of it that is used, and of its inodes; `failed` where it gave no answer."""

    mountpoint: str
    used: float = 0.0
    inodes_used: float = 0.0
    failed: bool = False


class Observation(msgspec.Struct, frozen=True):
    """One look at the host; None where nothing is known."""

    time_s: float
    load_per_cpu: float | None = None
    pressure: dict[str, float] = {}
    """Share of time in which some task waited, by resource (cpu, io, memory), since the look before."""
    available: float | None = None
    """Share of memory that is available."""
    volumes: tuple[Volume, ...] = ()
    error_lines_a_minute: float = 0.0
    stale: dict[str, float] = {}
    """Collector -> seconds since its last sample."""
    problems: dict[str, str] = {}
    """Part of the program -> why it is not ready."""


class Observer:
    """Turns ticks into observations; keeps the last pressure counters to tell their rates."""

    def __init__(self) -> None:
        self._pressure: dict[str, tuple[int, float]] = {}
        self._shares: dict[str, float] = {}

    def observe(
        self, time_s: float, ticks: Sequence[Tick], error_lines_a_minute: float, stale: dict[str, float], problems: dict[str, str]
    ) -> Observation:
        """Return what the newest ticks say."""
        by_name = {tick.collector: tick for tick in ticks}
        cpus = _cpus(by_name.get("cpu"))
        load = _values(by_name.get("load")).get("node_load5")
        memory = _values(by_name.get("memory"))
        total, free = memory.get("node_memory_MemTotal_bytes"), memory.get("node_memory_MemAvailable_bytes")
        self._see_pressure(by_name.get("pressure"))
        return Observation(
            time_s=time_s,
            load_per_cpu=load / cpus if load is not None and cpus else None,
            pressure=dict(self._shares),
            available=free / total if total and free is not None else None,
            volumes=_volumes(by_name.get("filesystem")),
            error_lines_a_minute=error_lines_a_minute,
            stale=stale,
            problems=problems,
        )

    def _see_pressure(self, tick: Tick | None) -> None:
        values = _values(tick)
        for resource in ("cpu", "io", "memory"):
            waited_s = values.get(f"node_pressure_{resource}_waiting_seconds_total")
            if waited_s is None or tick is None:
                continue
            past = self._pressure.get(resource)
            if past and past[0] == tick.time_ns:
                continue
            if past and tick.time_ns > past[0]:
                self._shares[resource] = max(0.0, waited_s - past[1]) / ((tick.time_ns - past[0]) / 1e9)
            self._pressure[resource] = (tick.time_ns, waited_s)


def _values(tick: Tick | None) -> dict[str, float]:
    """Return the values of series without labels, by name."""
    if tick is None:
        return {}
    pairs = zip(tick.layout.series, tick.values, strict=True)
    return {series.family.name: value for series, value in pairs if not series.labels and value == value}  # noqa: PLR0124 - NaN differs from itself


def _cpus(tick: Tick | None) -> int:
    return len({dict(series.labels)["cpu"] for series in tick.layout.series}) if tick else 0


def _volumes(tick: Tick | None) -> tuple[Volume, ...]:
    if tick is None:
        return ()
    found: dict[tuple[tuple[str, str], ...], dict[str, float]] = {}
    for series, value in zip(tick.layout.series, tick.values, strict=True):
        found.setdefault(series.labels, {})[series.family.name.removeprefix("node_filesystem_")] = value
    volumes: dict[str, Volume] = {}
    for labels, numbers in found.items():
        named = dict(labels)
        if named["fstype"] in _PSEUDO or numbers.get("readonly") == 1.0:
            continue
        if numbers.get("device_error") == 1.0:
            volumes[named["mountpoint"]] = Volume(named["mountpoint"], failed=True)
            continue
        # What df shows: used of what an unprivileged user may fill.
        used = numbers["size_bytes"] - numbers["free_bytes"]
        fillable = used + numbers["avail_bytes"]
        inodes = numbers["files"]
        inodes_used = (inodes - numbers["files_free"]) / inodes if inodes else 0.0
        if fillable > 0:
            volumes[named["mountpoint"]] = Volume(named["mountpoint"], used / fillable, inodes_used)
    return tuple(volumes.values())
