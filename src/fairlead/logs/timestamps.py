"""When a line was written, by what stands at its head: RFC 3339 / ISO 8601, syslog RFC 3164 and 5424, common log format, epoch.

The formats are `_native.linehead`'s; here is the host's zone, which a line that names none is in.
"""

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo

from fairlead._native.linehead import Timestamps

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a wall clock's, the zone follows


class TimestampParser:
    """Parses the lines of one source; `zone` is the host's where a line names none (None: the system's)."""

    __slots__ = ("local", "parse")

    def __init__(self, zone: tzinfo | None = None) -> None:
        self.local = wall_clock(zone)
        """See `wall_clock`."""
        self.parse: Callable[[str, int], int | None] = Timestamps(self.local).parse
        """Return nanoseconds since the epoch by a line and the time of reading, None where the line bears no time that is one."""


def wall_clock(zone: tzinfo | None) -> Callable[[int], int | None]:
    """Return what turns seconds of a wall clock in a zone, counted as if it were UTC, into seconds since the epoch.

    None is the answer where the system's own zone knows no such time. An hour that occurs twice is taken to be the first of the two.
    """

    def seconds(wall_s: int) -> int | None:
        try:
            wall = _EPOCH + timedelta(seconds=wall_s)
            return int((wall.replace(tzinfo=zone) if zone else wall).timestamp())
        except (ValueError, OverflowError, OSError):
            return None

    return seconds
