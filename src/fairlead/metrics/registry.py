"""Every collector, by the key that `--interval` and `metrics:` name."""

from collections.abc import Callable, Iterable

from fairlead.metrics.collector import Collector, Roots
from fairlead.metrics.collectors import (
    cpu,
    disk,
    filefd,
    filesystem,
    kernel,
    load,
    memory,
    netstat,
    network,
    pressure,
    process,
    sockstat,
    time,
    uname,
    vmstat,
)

BUILDERS: dict[str, Callable[[Roots], Collector]] = {
    "cpu": cpu.build,
    "memory": memory.build,
    "disk": disk.build,
    "network": network.build,
    "load": load.build,
    "pressure": pressure.build,
    "filesystem": filesystem.build,
    "filefd": filefd.build,
    "vmstat": vmstat.build,
    "sockstat": sockstat.build,
    "netstat": netstat.build,
    "kernel": kernel.build,
    "uname": uname.build,
    "time": time.build,
    "self": process.build,
}


def build_collectors(names: Iterable[str], roots: Roots) -> list[Collector]:
    """Return fresh collectors by key, in the order asked for."""
    return [BUILDERS[name](roots) for name in names]
