"""Durations and sizes as people write them: `500ms`, `1s`, `1h30m`, `7d`; `512`, `64MiB`, `2GiB`, `1MB`."""

import re
from typing import Self

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_BYTES = {
    "": 1, "B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40,
    "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
}  # fmt: skip
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)")

_MOST_S = 36500 * 86400.0
"""A hundred years: in nanoseconds what an int64 holds thrice."""
_MOST_BYTES = 1 << 60


def _shown(text: object) -> str:
    """Return what was given as a message can hold it."""
    shown = repr(text)
    return shown if len(shown) <= 60 else f"{shown[:50]}..."


class Duration(float):
    """Seconds, written with a unit; `parse` raises ValueError with what is allowed."""

    @classmethod
    def parse(cls, text: object) -> Self:
        """Parse `1s`, `500ms`, `1h30m`; a bare number has no unit and is refused."""
        parts = _DURATION.findall(text) if isinstance(text, str) else []
        if not parts or "".join(number + unit for number, unit in parts) != text:
            raise ValueError(f"{_shown(text)} is not a duration; allowed is a number with ms, s, m, h, d or w, such as 500ms or 1h30m")
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
        if seconds > _MOST_S:
            raise ValueError(f"{_shown(text)} is too long; allowed is at most 36500d")
        return cls(seconds)


class Size(int):
    """Bytes, written with or without a unit; `parse` raises ValueError with what is allowed."""

    @classmethod
    def parse(cls, text: object) -> Self:
        """Parse `512`, `64MiB`, `1.5GB`."""
        if isinstance(text, int) and not isinstance(text, bool) and text >= 0:
            return cls._bounded(text, text)
        match = _SIZE.fullmatch(text) if isinstance(text, str) else None
        if not match or match[2] not in _BYTES:
            raise ValueError(f"{_shown(text)} is not a size; allowed is a number of bytes or one with KiB, MiB, GiB, TiB, kB, MB, GB or TB")
        return cls._bounded(float(match[1]) * _BYTES[match[2]], text)

    @classmethod
    def _bounded(cls, size: float, text: object) -> Self:
        if size > _MOST_BYTES:
            raise ValueError(f"{_shown(text)} is too large; allowed is at most {_MOST_BYTES >> 40}TiB")
        return cls(size)
