"""`metrics:` and `--interval`: the period of each collector."""

import msgspec

from fairlead.core.errors import UsageError
from fairlead.core.units import Duration

DEFAULT_INTERVALS = {
    "cpu": 1.0, "disk": 1.0, "memory": 5.0, "network": 5.0, "load": 5.0, "pressure": 5.0, "filesystem": 30.0, "filefd": 15.0,
    "vmstat": 5.0, "sockstat": 15.0, "netstat": 15.0, "kernel": 5.0, "uname": 3600.0, "time": 15.0, "self": 15.0,
}  # fmt: skip
"""Seconds by collector key; the keys are those of contracts.md."""
MINIMUM_S = 0.1

Intervals = dict[str, Duration]
"""The `metrics:` section: collector key -> period."""


def check_intervals(intervals: Intervals) -> None:
    """Raise ValueError at an unknown collector or a period below MINIMUM_S."""
    for key, period in intervals.items():
        if key not in DEFAULT_INTERVALS:
            raise ValueError(f"{key} is not a collector; allowed are {', '.join(DEFAULT_INTERVALS)}")
        if period < MINIMUM_S:
            raise ValueError(f"{key}: {period:g} s is too short; allowed are {MINIMUM_S * 1000:g}ms and more")


class ShippedMetrics(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An agent's `metrics:` section: only what is given a period is sampled. `topic` is Kafka's, where it is not the logs' own."""

    topic: str = ""
    cpu: Duration | None = None
    memory: Duration | None = None
    disk: Duration | None = None
    network: Duration | None = None
    load: Duration | None = None
    pressure: Duration | None = None
    filesystem: Duration | None = None
    filefd: Duration | None = None
    vmstat: Duration | None = None
    sockstat: Duration | None = None
    netstat: Duration | None = None
    kernel: Duration | None = None
    uname: Duration | None = None
    time: Duration | None = None
    own: Duration | None = msgspec.field(default=None, name="self")

    def __post_init__(self) -> None:
        check_intervals(self.intervals())

    def intervals(self) -> Intervals:
        """Return the period of each collector that has one."""
        periods = {key: getattr(self, "own" if key == "self" else key) for key in DEFAULT_INTERVALS}
        return {key: period for key, period in periods.items() if period is not None}


def parse_intervals(text: str) -> Intervals:
    """Parse the flag's `cpu=1s,memory=5s`; raise UsageError with what is allowed."""
    intervals: Intervals = {}
    try:
        for part in filter(None, text.split(",")):
            key, equals, period = part.partition("=")
            if not equals:
                raise ValueError(f"{part!r} has no period; allowed is KEY=PERIOD, such as cpu=1s")
            intervals[key.strip()] = Duration.parse(period.strip())
        check_intervals(intervals)
    except ValueError as error:
        raise UsageError(f"--interval: {error}") from None
    return intervals
