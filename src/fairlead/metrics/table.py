"""Two samples as a table for people: gauges as they are, counters as their rate over the time between."""

from collections.abc import Iterator, Sequence
from typing import TextIO

from fairlead.core.sample import MetricType, Series, Tick

_STEP = 1024.0
_LABELS_WIDTH = 60
_PREFIXES = ("", "Ki", "Mi", "Gi", "Ti", "Pi")


def rows(older: Sequence[Tick], newer: Sequence[Tick]) -> Iterator[tuple[str, str, str]]:
    """Yield (name, labels, value with its unit) of the newer sample; a counter without an older value has no rate."""
    before = {tick.collector: tick for tick in older}
    for tick in newer:
        past = before.get(tick.collector)
        known = dict(zip(past.layout.series, past.values, strict=True)) if past else {}
        elapsed_s = (tick.time_ns - past.time_ns) / 1e9 if past else 0.0
        for series, value in zip(tick.layout.series, tick.values, strict=True):
            labels = ",".join(f"{name}={text}" for name, text in series.labels)
            if len(labels) > _LABELS_WIDTH:
                labels = labels[: _LABELS_WIDTH - 3] + "..."
            if value == value:  # noqa: PLR0124 - NaN is the only number that differs from itself
                yield series.family.name, labels, _show(series, value, known.get(series), elapsed_s)


def show(older: Sequence[Tick], newer: Sequence[Tick], stream: TextIO) -> None:
    """Write the table; as a rich table on a terminal, as aligned plain text otherwise."""
    found = list(rows(older, newer))
    if stream.isatty():
        from rich.console import Console
        from rich.table import Table

        table = Table("metric", "labels", "value", box=None, pad_edge=False)
        table.columns[2].justify = "right"
        for row in found:
            table.add_row(*(text.replace("[", r"\[") for text in row))
        Console(file=stream).print(table)
        return
    widths = [max((len(row[column]) for row in found), default=0) for column in range(3)]
    stream.writelines(f"{name:<{widths[0]}}  {labels:<{widths[1]}}  {value:>{widths[2]}}\n" for name, labels, value in found)


def _show(series: Series, value: float, past: float | None, elapsed_s: float) -> str:
    name = series.family.name
    if series.family.type is not MetricType.COUNTER:
        return with_unit(value, name)
    if past is None or elapsed_s <= 0 or value < past:
        return f"{with_unit(value, name)} in all"
    rate = (value - past) / elapsed_s
    if name.endswith("_seconds_total"):
        return f"{100 * rate:.1f} %"
    return f"{with_unit(rate, name)}/s"


def with_unit(value: float, name: str) -> str:
    """Return a number for people, by the unit that a metric's name ends with."""
    if name.removesuffix("_total").endswith("_bytes"):
        for prefix in _PREFIXES:
            if abs(value) < _STEP or prefix == _PREFIXES[-1]:
                return f"{value:.4g} {prefix}B"
            value /= _STEP
    if name.removesuffix("_total").endswith("_seconds"):
        return f"{value:.10g} s"
    return f"{value:.10g}"
