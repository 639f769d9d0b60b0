"""Specification of a line's time and level and oracle of the compiled kernel: native/linehead.pyx. Not used to read logs.

Both depend on the line alone (a time without year or zone also on the day of reading and on the host's zone), so that a line that is
read twice becomes the same record twice. Digits, letters and blanks are ASCII's.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TIME_CHARACTERS = 160
_ISO = r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\d* ?([Zz]\b|[+-]\d\d:?\d\d(?!\d))?"
_ISO_HEAD = re.compile(r"(?:<\d{1,3}>1? ?)?[\[(\"]?" + _ISO, re.ASCII)
_ISO_JSON = re.compile(r'\{.*?[":T= ]' + _ISO, re.ASCII)
_SYSLOG = re.compile(r"(?:<\d{1,3}>)?([A-Z][a-z]{2}) ([ \d]?\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?", re.ASCII)
_COMMON = re.compile(
    r".{0,120}?\[(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))? ([+-]\d{4})\]",
    re.ASCII,
)
_EPOCH = re.compile(r"\[?(\d{10})(?:\.(\d{1,9})|(\d{3}|\d{6}|\d{9}))?(?=[\] \t,:;|]|\Z)", re.ASCII)
_EPOCHS_S = range(946_684_800, 4_102_444_800)
"""2000-01-01 to 2100-01-01: another number at the head of a line is no time."""
_TIMES_S = range(9_223_372_036)
"""1970-01-01 to 2262-04-11: the nanoseconds fit in 63 bits."""

_LEVEL_CHARACTERS = 240
_SEVERITIES = ("emergency", "alert", "critical", "error", "warning", "notice", "info", "debug")
"""RFC 5424, table 2: severity 0 to 7."""
_NAMES = {
    "trace": "trace", "debug": "debug", "dbg": "debug", "info": "info", "information": "info", "notice": "notice",
    "warn": "warning", "warning": "warning", "error": "error", "err": "error", "eror": "error", "severe": "error", "crit": "critical",
    "critical": "critical", "fatal": "critical", "alert": "alert", "emerg": "emergency", "emergency": "emergency", "panic": "emergency",
}  # fmt: skip
_GLOG = {"I": "info", "W": "warning", "E": "error", "F": "critical"}
_WORDS = "|".join(sorted(_NAMES, key=len, reverse=True))
_LEVEL = re.compile(
    r"^<(?P<priority>1[0-8]\d|19[01]|0?\d{1,2})>"
    rf"|\b(?:level|lvl|severity|loglevel|levelname)\\?\"?\s?[=:]\s?\\?\"?(?P<field>(?i:{_WORDS}))\b"
    rf"|[\[(<](?P<bracket>(?i:{_WORDS}))[\])>: ]"
    rf"|(?:^|[ \t:|])(?P<upper>{_WORDS.upper()})(?=[ \t:|,\]]|\Z)"
    rf"|(?:^|[ \t\]])(?P<lower>(?i:{_WORDS})):(?=[ \t])"
    r"|^(?P<glog>[IWEF])\d{4} \d\d:",
    re.ASCII,
)


def use_width(width: int) -> int:
    """Take vectors of at most `width` bytes from now on (32: AVX2, 16: SSE2, 8: words) and return what is taken. For tests."""
    return width


def find_level(line: str) -> str | None:
    """Return one of `core.record.LEVELS`, None where the first 240 characters say nothing of it; what begins first counts."""
    match = _LEVEL.search(line[:_LEVEL_CHARACTERS])
    if match is None:
        return None
    kind, text = match.lastgroup, match[match.lastgroup or 0]
    if kind == "priority":
        return _SEVERITIES[int(text) % 8]
    return _GLOG[text] if kind == "glog" else _NAMES[text.lower()]


class Timestamps:
    """Dates lines by their first 160 characters.

    `local` is the host's zone: it takes what a clock on the wall shows, as seconds since 1970 as if it were UTC, and returns seconds
    since the epoch, or None where there are none. It is called once a minute of log time, and must always answer the same.
    """

    def __init__(self, local: Callable[[int], int | None]) -> None:
        self._local = local

    def parse(self, line: str, read_ns: int) -> int | None:
        """Return nanoseconds since the epoch, None where the line bears no time that is one.

        Syslog's dates without a year are of the year that puts them nearest to the day of reading. A date in the common log format is
        sought last: a line may hold one anywhere.
        """
        head = line[:_TIME_CHARACTERS]
        for found in (self._iso(head), self._syslog(head, max(read_ns, 0)), _epoch(head), self._common(head)):
            if found is not None:
                return found
        return None

    def _iso(self, head: str) -> int | None:
        match = _ISO_HEAD.match(head) or _ISO_JSON.match(head)
        if match is None:
            return None
        year, month, day, hour, minute, second, fraction, zone = match.groups()
        return self._nanoseconds(_wall(int(year), int(month), int(day), hour, minute), zone, second, fraction)

    def _common(self, head: str) -> int | None:
        match = _COMMON.match(head)
        if match is None or match[2] not in _MONTHS:
            return None
        day, month, year, hour, minute, second, fraction, zone = match.groups()
        return self._nanoseconds(_wall(int(year), _MONTHS.index(month) + 1, int(day), hour, minute), zone, second, fraction)

    def _syslog(self, head: str, read_ns: int) -> int | None:
        match = _SYSLOG.match(head)
        if match is None or match[1] not in _MONTHS:
            return None
        month, day, hour, minute, second, fraction = match.groups()
        read_s = read_ns // 86_400_000_000_000 * 86400
        year = datetime.fromtimestamp(read_s, UTC).year
        walls = [_wall(candidate, _MONTHS.index(month) + 1, int(day), hour, minute) for candidate in (year - 1, year, year + 1)]
        minutes = [seconds for wall in walls if wall is not None and (seconds := self._local(wall)) is not None]
        return _dated(min(minutes, key=lambda seconds: abs(seconds - read_s), default=None), second, fraction)

    def _nanoseconds(self, wall_s: int | None, zone: str | None, second: str, fraction: str | None) -> int | None:
        if wall_s is None:
            return None
        if zone is None:
            return _dated(self._local(wall_s), second, fraction)
        if zone in "Zz":
            return _dated(wall_s, second, fraction)
        offset_s = int(zone[1:3]) * 3600 + int(zone[-2:]) * 60
        if offset_s >= 86400:
            return None
        return _dated(wall_s + offset_s if zone[0] == "-" else wall_s - offset_s, second, fraction)


def _wall(year: int, month: int, day: int, hour: str, minute: str) -> int | None:
    """Return seconds since 1970 of a minute without a zone; None where there is no such minute."""
    if int(hour) > 23 or int(minute) > 59:
        return None
    try:
        days = date(year, month, day).toordinal() - date(1970, 1, 1).toordinal()
    except ValueError:
        return None
    return timedelta(days=days, hours=int(hour), minutes=int(minute)) // timedelta(seconds=1)


def _epoch(head: str) -> int | None:
    match = _EPOCH.match(head)
    if match is None or int(match[1]) not in _EPOCHS_S:
        return None
    return int(match[1]) * 1_000_000_000 + int(f"{match[2] or match[3] or '0':0<9}")


def _dated(minute_s: int | None, second: str, fraction: str | None) -> int | None:
    if minute_s is None or int(second) > 60:  # 60 is a leap second
        return None
    seconds = minute_s + int(second)
    return seconds * 1_000_000_000 + int(f"{fraction or '0':0<9}") if seconds in _TIMES_S else None
