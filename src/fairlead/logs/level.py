"""How bad a line is, by what it says of itself: a syslog priority, a `level` field, or a word where programs put it."""

import re

_SEARCHED = 240
_SYSLOG = ("emergency", "alert", "critical", "error", "warning", "notice", "info", "debug")
"""RFC 5424, table 2: severity 0 to 7."""
_NAMES = {
    "trace": "trace", "debug": "debug", "dbg": "debug", "info": "info", "information": "info", "notice": "notice",
    "warn": "warning", "warning": "warning", "error": "error", "err": "error", "eror": "error", "severe": "error", "crit": "critical",
    "critical": "critical", "fatal": "critical", "alert": "alert", "emerg": "emergency", "emergency": "emergency", "panic": "emergency",
}  # fmt: skip
_GLOG = {"I": "info", "W": "warning", "E": "error", "F": "critical"}
_WORDS = "|".join(sorted(_NAMES, key=len, reverse=True))
_LEVEL = re.compile(
    r"(?:<(?P<priority>\d{1,3})>)"
    rf"|\b(?:level|lvl|severity|loglevel|levelname)\\?\"?\s?[=:]\s?\\?\"?(?P<field>(?i:{_WORDS}))\b"
    rf"|[\[(<](?P<bracket>(?i:{_WORDS}))[\])>: ]"
    rf"|(?:^|[ \t:|])(?P<upper>{_WORDS.upper()})(?=[ \t:|,\]]|$)"
    rf"|(?:^|[ \t\]])(?P<lower>(?i:{_WORDS})):(?=[ \t])"
    r"|^(?P<glog>[IWEF])\d{4} \d\d:"
)


def find_level(line: str) -> str | None:
    """Return one of `core.record.LEVELS`, None where the line's head says nothing of it."""
    match = _LEVEL.search(line, 0, _SEARCHED)
    if match is None:
        return None
    kind, text = match.lastgroup, match[match.lastgroup or 0]
    if kind == "priority":
        return _SYSLOG[int(text) % 8] if match.start() == 0 and int(text) < 192 else None
    return _GLOG[text] if kind == "glog" else _NAMES[text.lower()]
