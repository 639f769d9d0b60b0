"""Host metrics on their way: the types between a collector, the store, the exposition and the sinks.

A collector that runs each second would make the same names and labels each second: they stand once in a `Layout`,
and a tick carries only the numbers. A layout is replaced when a device, CPU or mount comes or goes.
"""

from array import array
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from fairlead.core.record import format_time


class MetricType(StrEnum):
    """The types of the Prometheus text format that are in use here."""

    COUNTER = "counter"
    GAUGE = "gauge"
    UNTYPED = "untyped"


class Family(msgspec.Struct, frozen=True):
    """One metric name with its type and help text, as node_exporter gives them."""

    name: str
    type: MetricType
    help: str


class Series(msgspec.Struct, frozen=True):
    """One metric with one set of labels; labels are in the order in which they are printed."""

    family: Family
    labels: tuple[tuple[str, str], ...] = ()


class Layout(msgspec.Struct, frozen=True):
    """The series of one collector, in the order of a tick's values; the series of a family stand together.

    The same object comes with every tick until the set of series changes, so `is` tells whether it did.
    """

    series: tuple[Series, ...]


class Tick(msgspec.Struct):
    """What one collector found at one time: `values[i]` belongs to `layout.series[i]`; NaN where there was nothing."""

    collector: str
    time_ns: int
    layout: Layout
    values: "array[float]"


class LayoutCache:
    """Makes ticks of the objects of `to_json` again, with the same layout for the same series."""

    _LIMIT = 10_000

    def __init__(self) -> None:
        self._layouts: dict[tuple[str, tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...]], Layout] = {}

    def from_json(self, sample: Mapping[str, Any], time_ns: int) -> list[Tick]:
        """Return the ticks of a sample, one for each group of names (`node_cpu`, `node_memory`); ValueError where it is none."""
        groups: dict[str, list[tuple[tuple[str, str, tuple[tuple[str, str], ...]], float]]] = {}
        try:
            for metric in sample["metrics"]:
                name = str(metric["name"])
                key = (name, str(MetricType(metric["type"])), tuple((str(k), str(v)) for k, v in metric["labels"].items()))
                groups.setdefault(_group(name), []).append((key, float(metric["value"])))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"not a metric of a sample: {error!r}") from None
        return [
            Tick(group, time_ns, self._layout(group, tuple(key for key, _ in rows)), array("d", [value for _, value in rows]))
            for group, rows in groups.items()
        ]

    def _layout(self, group: str, series: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...]) -> Layout:
        known = self._layouts.get((group, series))
        if known is None:
            if len(self._layouts) >= self._LIMIT:
                self._layouts.clear()
            made = Layout(tuple(Series(Family(name, MetricType(kind), ""), labels) for name, kind, labels in series))
            known = self._layouts[(group, series)] = made
        return known


def _group(name: str) -> str:
    """Return the collector that a metric is of, as far as its name tells: its second word."""
    words = name.split("_", 2)
    return words[1] if len(words) > 1 else name


def to_json(ticks: Sequence[Tick], host: str, time_ns: int) -> dict[str, Any]:
    """Return the ticks as the one object of `metrics --json`, `--stream`, `--push` and the sinks; NaN values are left out."""
    return {
        "@timestamp": format_time(time_ns),
        "host": {"name": host},
        "metrics": [
            {"name": series.family.name, "type": str(series.family.type), "labels": dict(series.labels), "value": value}
            for tick in ticks
            for series, value in zip(tick.layout.series, tick.values, strict=True)
            if value == value  # noqa: PLR0124 - NaN is the only number that differs from itself
        ],
    }
