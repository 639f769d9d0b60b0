"""When a line was written, by what stands at its head: RFC 3339 / ISO 8601, syslog RFC 3164 and 5424, common log format, epoch.

A file keeps to one format, so the one that matched last is tried first; and the lines of one minute share their date, so what
stands before the seconds is computed once.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo

_MONTHS = {name: i for i, name in enumerate(("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1)}
_SEARCHED = 160
_ISO = r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d):(\d\d)(?:[.,](\d{1,9}))?\d* ?(Z|z|[+-]\d\d:?\d\d)?"
_ISO_HEAD = re.compile(r"(?:<\d{1,3}>1? ?)?[\[(\"]?" + _ISO)
_ISO_JSON = re.compile(r'\{.*?[":T= ]' + _ISO)
_SYSLOG = re.compile(r"(?:<\d{1,3}>)?([A-Z][a-z]{2} [ \d]?\d \d\d:\d\d):(\d\d)(?:\.(\d{1,9}))?")
_COMMON = re.compile(r".{0,120}?\[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d):(\d\d)(?:\.(\d{1,9}))? ([+-]\d{4})\]")
_EPOCH = re.compile(r"\[?(\d{10})(?:\.(\d{1,9})|(\d{3}|\d{6}|\d{9}))?(?=[\] \t,:;|]|$)")
_EARLIEST_EPOCH_S = 946_684_800
"""2000-01-01: a smaller number at the head of a line is no time."""
_LATEST_EPOCH_S = 4_102_444_800


class TimestampParser:
    """Parses the lines of one source; `zone` is the host's where a line names none (None: the system's)."""

    def __init__(self, zone: tzinfo | None = None) -> None:
        self._zone = zone
        self._formats: list[Callable[[str, int], int | None]] = [self._iso, self._syslog, self._common, self._epoch, self._json]
        self._minute: tuple[str, str | None, int] = ("", None, 0)
        self._syslog_minute: tuple[str, int, int] = ("", 0, 0)

    def parse(self, line: str, read_ns: int) -> int | None:
        """Return nanoseconds since the epoch, None where the line bears no time that is one."""
        head = line[:_SEARCHED]
        for place, parse in enumerate(self._formats):
            found = parse(head, read_ns)
            if found is not None:
                if place:
                    self._formats.insert(0, self._formats.pop(place))
                return found
        return None

    def _iso(self, line: str, _: int) -> int | None:
        match = _ISO_HEAD.match(line)
        return self._of_iso(match) if match else None

    def _json(self, line: str, _: int) -> int | None:
        match = _ISO_JSON.match(line)
        return self._of_iso(match) if match else None

    def _of_iso(self, match: re.Match[str]) -> int | None:
        minute, second, fraction, zone = match.groups()
        if self._minute[:2] != (minute, zone):
            seconds = self._seconds(f"{minute[:10]} {minute[11:]}", "%Y-%m-%d %H:%M", zone)
            if seconds is None:
                return None
            self._minute = (minute, zone, seconds)
        return _nanoseconds(self._minute[2], second, fraction)

    def _common(self, line: str, _: int) -> int | None:
        match = _COMMON.match(line)
        if match is None:
            return None
        minute, second, fraction, zone = match.groups()
        if self._minute[:2] != (minute, zone):
            month = _MONTHS.get(minute[3:6], 0)
            seconds = self._seconds(f"{minute[7:11]}-{month:02} {minute[:2]} {minute[12:]}", "%Y-%m %d %H:%M", zone)
            if seconds is None:
                return None
            self._minute = (minute, zone, seconds)
        return _nanoseconds(self._minute[2], second, fraction)

    def _syslog(self, line: str, read_ns: int) -> int | None:
        match = _SYSLOG.match(line)
        if match is None:
            return None
        minute, second, fraction = match.groups()
        day = read_ns // 86_400_000_000_000
        if self._syslog_minute[:2] != (minute, day):
            seconds = self._nearest_year(minute, read_ns // 1_000_000_000)
            if seconds is None:
                return None
            self._syslog_minute = (minute, day, seconds)
        return _nanoseconds(self._syslog_minute[2], second, fraction)

    def _nearest_year(self, minute: str, read_s: int) -> int | None:
        """Return the seconds of a date without a year, in the year that puts it nearest to the time of reading."""
        month = _MONTHS.get(minute[:3], 0)
        year = datetime.fromtimestamp(read_s, UTC).year
        found = [
            seconds
            for candidate in (year - 1, year, year + 1)
            if (seconds := self._seconds(f"{candidate}-{month:02} {minute[4:6].strip()} {minute[-5:]}", "%Y-%m %d %H:%M", None)) is not None
        ]
        return min(found, key=lambda seconds: abs(seconds - read_s), default=None)

    def _epoch(self, line: str, _: int) -> int | None:
        match = _EPOCH.match(line)
        if match is None:
            return None
        seconds, fraction, more = int(match[1]), match[2] or "", match[3] or ""
        if not _EARLIEST_EPOCH_S <= seconds < _LATEST_EPOCH_S:
            return None
        return seconds * 1_000_000_000 + int(f"{(fraction or more):0<9}"[:9] or 0)

    def _seconds(self, text: str, pattern: str, zone: str | None) -> int | None:
        """Return seconds since the epoch of a minute; None where there is no such date."""
        try:
            found = datetime.strptime(text, pattern)  # noqa: DTZ007 - the zone follows
            if zone is None:
                return int(found.replace(tzinfo=self._zone).timestamp()) if self._zone else int(found.timestamp())
            return int(found.replace(tzinfo=_zone(zone)).timestamp())
        except (ValueError, OverflowError, OSError):
            return None


def _zone(text: str) -> tzinfo:
    if text in "Zz":
        return UTC
    hours, minutes = int(text[1:3]), int(text[-2:])
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


def _nanoseconds(minute_s: int, second: str, fraction: str | None) -> int | None:
    seconds = int(second)
    if seconds > 60:  # 60 is a leap second
        return None
    return (minute_s + seconds) * 1_000_000_000 + (int(f"{fraction:0<9}") if fraction else 0)
