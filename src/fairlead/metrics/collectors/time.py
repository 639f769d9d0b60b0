"""The host's clock, time zone and clock sources."""

import time

from fairlead.core.sample import Series
from fairlead.metrics.collector import Collector, Roots, ValuesCollector, gauge, read_text

_AVAILABLE = gauge(
    "node_time_clocksource_available_info", "Available clocksources read from '/sys/devices/system/clocksource'."
)  # fmt: skip
_CURRENT = gauge("node_time_clocksource_current_info", "Current clocksource read from '/sys/devices/system/clocksource'.")
_SECONDS = gauge("node_time_seconds", "System time in seconds since epoch (1970).")
_OFFSET = gauge("node_time_zone_offset_seconds", "System time zone offset in seconds.")


def build(roots: Roots) -> Collector:
    """Return the collector `time`."""
    folder = f"{roots.sys}/devices/system/clocksource/clocksource0"

    def read() -> list[tuple[Series, float]]:
        local = time.localtime()
        pairs = [
            (Series(_AVAILABLE, (("clocksource", name), ("device", "0"))), 1.0)
            for name in read_text(f"{folder}/available_clocksource").split()
        ]
        if current := read_text(f"{folder}/current_clocksource").strip():
            pairs.append((Series(_CURRENT, (("clocksource", current), ("device", "0"))), 1.0))
        pairs.append((Series(_SECONDS), time.time()))
        pairs.append((Series(_OFFSET, (("time_zone", local.tm_zone),)), float(local.tm_gmtoff)))
        return pairs

    return ValuesCollector("time", read)
