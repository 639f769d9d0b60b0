"""Prometheus text format 0.0.4, written: https://prometheus.io/docs/instrumenting/exposition_formats/ (facts only).

Names and labels of a collector change only with its `Layout`, so what stands before a number is made once a layout.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from fairlead.core.sample import Family, Layout, Series, Tick

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_EXACT_INTEGERS = float(1 << 53)
_LABEL_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
_HELP_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n"})

_Group = tuple[str, list[str]]
"""A family's HELP and TYPE lines, and the text before the number of each of its series."""


class Exposition:
    """Writes ticks again and again; keeps the text before each number while a collector's layout stays the same."""

    def __init__(self) -> None:
        self._groups: dict[str, tuple[Layout, list[_Group]]] = {}

    def of_ticks(self, ticks: Sequence[Tick]) -> bytes:
        """Return the newest samples as text; a series whose value is NaN was not found and is left out."""
        parts: list[str] = []
        for tick in ticks:
            values = iter(tick.values)
            for header, prefixes in self._of_layout(tick):
                lines = [
                    f"{prefix} {_number(value)}\n"
                    for prefix, value in zip(prefixes, values, strict=False)
                    if value == value  # noqa: PLR0124 - NaN is the only number that differs from itself
                ]
                if lines:
                    parts.append(header)
                    parts += lines
        return "".join(parts).encode()

    def _of_layout(self, tick: Tick) -> list[_Group]:
        kept = self._groups.get(tick.collector)
        if kept is None or kept[0] is not tick.layout:
            kept = self._groups[tick.collector] = (tick.layout, list(_groups(tick.layout.series)))
        return kept[1]


def exposition(samples: Iterable[tuple[Series, float]]) -> bytes:
    """Return series with their values as text; the series of a family stand together, as `Telemetry.collect` gives them."""
    parts: list[str] = []
    for family, members in groupby(samples, key=lambda sample: sample[0].family):
        parts.append(_header(family))
        parts += [f"{_prefix(series)} {_number(value)}\n" for series, value in members]
    return "".join(parts).encode()


def _groups(series: Sequence[Series]) -> Iterator[_Group]:
    for family, members in groupby(series, key=lambda one: one.family):
        yield _header(family), [_prefix(one) for one in members]


def _header(family: Family) -> str:
    return f"# HELP {family.name} {family.help.translate(_HELP_ESCAPES)}\n# TYPE {family.name} {family.type}\n"


def _prefix(series: Series) -> str:
    labels = ",".join(f'{name}="{value.translate(_LABEL_ESCAPES)}"' for name, value in series.labels)
    return f"{series.family.name}{{{labels}}}" if labels else series.family.name


def _number(value: float) -> str:
    """Return the shortest text that reads back as the same number; integers without a fraction."""
    if -_EXACT_INTEGERS < value < _EXACT_INTEGERS:
        return str(int(value)) if value == int(value) else repr(value)
    text = repr(value)
    return {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}.get(text, text)
