"""Metric samples in SQLite: a blob of doubles a tick, read back as series on one grid of times."""

import math
import sqlite3
from array import array
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import orjson

from fairlead.core.record import format_time
from fairlead.core.sample import Layout, MetricType, Tick
from fairlead.store.interface import SeriesPoints, SeriesRange
from fairlead.store.sqlite.rates import increase

ROLLUP_S = 60
_RAW_LIMIT_S = 6 * 3600
_GAP_PERIODS = 3.5
"""A counter without a reading for more than so many periods has a gap, not a rate over it."""

_Row = tuple[int, "array[float]", "array[float]", "array[float]"]
"""Time (ns), then mean, minimum and maximum of each wanted column."""


class SampleWriter:
    """Writes ticks inside the caller's transaction; a layout is stored once and known again by identity."""

    def __init__(self) -> None:
        self._layouts: dict[tuple[str, str], tuple[Layout, int]] = {}

    def forget(self) -> None:
        """Drop what is remembered, after a transaction that was rolled back."""
        self._layouts.clear()

    def write(self, connection: sqlite3.Connection, ticks: Sequence[Tick], host: str) -> None:
        """Store ticks; a second one of the same time replaces the first."""
        connection.executemany(
            "INSERT OR REPLACE INTO sample (layout, time_ns, numbers) VALUES (?, ?, ?)",
            [(self._layout(connection, tick, host), tick.time_ns, tick.values.tobytes()) for tick in ticks if tick.values],
        )

    def _layout(self, connection: sqlite3.Connection, tick: Tick, host: str) -> int:
        known = self._layouts.get((host, tick.collector))
        if known is None or known[0] is not tick.layout:
            series = orjson.dumps([[s.family.name, str(s.family.type), dict(s.labels)] for s in tick.layout.series]).decode()
            key = (host, tick.collector, series)
            connection.execute("INSERT OR IGNORE INTO layout (host, collector, series) VALUES (?, ?, ?)", key)
            found = connection.execute("SELECT id FROM layout WHERE host = ? AND collector = ? AND series = ?", key).fetchone()
            known = self._layouts[(host, tick.collector)] = (tick.layout, found[0])
        return known[1]


class _Column:
    """One wanted series of one layout."""

    def __init__(self, index: int, name: str, kind: str, labels: dict[str, str]) -> None:
        self.index, self.name, self.labels = index, name, labels
        self.counts = kind == MetricType.COUNTER


def series(
    connection: sqlite3.Connection, names: Sequence[str], since_s: float, until_s: float, points: int, host: str | None
) -> SeriesRange:
    """Return the series on a grid of about `points` steps over [since, until)."""
    wanted = dict.fromkeys(names)
    layouts = list(_wanted_layouts(connection, wanted, host))
    span_s = max(until_s - since_s, 1e-3)
    step_s = (
        max(span_s / points, *(_period_s(connection, layout, since_s, until_s) for layout, _ in layouts), 0.1)
        if layouts
        else span_s / points
    )
    rolled = step_s >= ROLLUP_S or span_s > _RAW_LIMIT_S
    step_s = _nice_step(max(step_s, float(ROLLUP_S)) if rolled else step_s)
    begin_s = math.floor(since_s / step_s) * step_s
    steps = max(1, math.ceil((until_s - begin_s) / step_s))
    grids: dict[tuple[str, str], _Grid] = {}
    for layout, columns in layouts:
        cells = [grids.setdefault((column.name, orjson.dumps(column.labels).decode()), _Grid(column, steps)) for column in columns]
        for time_ns, means, minima, maxima in _rows(connection, layout, columns, begin_s, begin_s + steps * step_s, rolled):
            step = int((time_ns / 1e9 - begin_s) / step_s)
            if 0 <= step < steps:
                for cell, mean, minimum, maximum in zip(cells, means, minima, maxima, strict=True):
                    if mean == mean:  # noqa: PLR0124 - NaN is the only number that differs from itself
                        cell.add(step, mean, minimum, maximum)
    order = list(wanted)
    found = sorted(grids.values(), key=lambda grid: order.index(grid.name))
    return SeriesRange(step_s, [round(begin_s + i * step_s, 3) for i in range(steps)], [grid.points() for grid in found])


class _Grid:
    """One series while it is put together."""

    def __init__(self, column: _Column, steps: int) -> None:
        self.name, self._labels = column.name, column.labels
        self._sums, self._counts = array("d", bytes(8 * steps)), array("l", bytes(array("l").itemsize * steps))
        self._minima, self._maxima = array("d", [math.inf]) * steps, array("d", [-math.inf]) * steps

    def add(self, step: int, mean: float, minimum: float, maximum: float) -> None:
        self._sums[step] += mean
        self._counts[step] += 1
        self._minima[step] = min(self._minima[step], minimum)
        self._maxima[step] = max(self._maxima[step], maximum)

    def points(self) -> SeriesPoints:
        counts = self._counts
        return SeriesPoints(
            self.name,
            self._labels,
            [total / count if count else None for total, count in zip(self._sums, counts, strict=True)],
            [value if count else None for value, count in zip(self._minima, counts, strict=True)],
            [value if count else None for value, count in zip(self._maxima, counts, strict=True)],
        )


def _wanted_layouts(connection: sqlite3.Connection, names: dict[str, None], host: str | None) -> Iterator[tuple[int, list[_Column]]]:
    for layout, of_host, text in connection.execute("SELECT id, host, series FROM layout").fetchall():
        if host is not None and of_host != host:
            continue
        columns = [_Column(i, name, kind, labels) for i, (name, kind, labels) in enumerate(orjson.loads(text)) if name in names]
        if columns:
            yield layout, columns


def _period_s(connection: sqlite3.Connection, layout: int, since_s: float, until_s: float) -> float:
    """Return how far apart a layout's samples of this range are, by its newest few; 0 where there are none."""
    rows = connection.execute(
        "SELECT time_ns FROM sample WHERE layout = ? AND time_ns BETWEEN ? AND ? ORDER BY time_ns DESC LIMIT 12",
        (layout, int(since_s * 1e9), int(until_s * 1e9)),
    ).fetchall()
    distances = sorted(later[0] - earlier[0] for later, earlier in pairwise(rows))
    return distances[len(distances) // 2] / 1e9 if distances else 0.0


def _nice_step(step_s: float) -> float:
    """Round a step up to one that divides minutes and hours, so that grids of neighbouring requests meet."""
    for nice in (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600):
        if step_s <= nice * 1.05:
            return float(nice)
    return math.ceil(step_s / 3600) * 3600.0


def _rows(
    connection: sqlite3.Connection, layout: int, columns: list[_Column], begin_s: float, end_s: float, rolled: bool
) -> Iterator[_Row]:
    bounds = (layout, int(begin_s * 1e9), int(end_s * 1e9))
    if not rolled:
        yield from _raw_rows(connection, columns, bounds)
        return
    for time_ns, blob in connection.execute(
        "SELECT time_ns, numbers FROM rollup WHERE layout = ? AND time_ns >= ? AND time_ns < ? ORDER BY time_ns", bounds
    ):
        numbers = memoryview(blob).cast("d")
        third = len(numbers) // 3
        yield (
            time_ns,
            array("d", [numbers[column.index] for column in columns]),
            array("d", [numbers[third + column.index] for column in columns]),
            array("d", [numbers[2 * third + column.index] for column in columns]),
        )
    # What is not rolled up yet: the newest minutes.
    (rolled_ns,) = connection.execute("SELECT rolled_ns FROM layout WHERE id = ?", (layout,)).fetchone()
    yield from _raw_rows(connection, columns, (layout, max(bounds[1], rolled_ns), bounds[2]))


def _raw_rows(connection: sqlite3.Connection, columns: list[_Column], bounds: tuple[int, int, int]) -> Iterator[_Row]:
    """Yield each tick's gauges, and the rates of its counters since the tick before; the first of a run has no rate."""
    layout, begin_ns, _ = bounds
    earlier = connection.execute(
        "SELECT time_ns, numbers FROM sample WHERE layout = ? AND time_ns < ? ORDER BY time_ns DESC LIMIT 2", (layout, begin_ns)
    ).fetchall()
    rows = connection.execute(
        "SELECT time_ns, numbers FROM sample WHERE layout = ? AND time_ns >= ? AND time_ns < ? ORDER BY time_ns", bounds
    )
    indexes = [column.index for column in columns]
    counting = [column.counts for column in columns]
    for time_ns, values in tick_values(rows, earlier[::-1], indexes, counting):
        yield time_ns, values, values, values


def tick_values(
    rows: Iterator[tuple[int, bytes]] | Any,  # noqa: ANN401 - any iterable of rows, a cursor among them
    earlier: Sequence[tuple[int, bytes]],
    indexes: Sequence[int],
    counting: Sequence[bool],
) -> Iterator[tuple[int, "array[float]"]]:
    """Yield (time_ns, values) of ticks in order: gauges as read, counters as their rate a second since the tick before.

    `earlier` holds up to two ticks before the first row. Where a counter has no reading near enough, its rate is NaN.
    """
    nothing = array("d", [math.nan]) * len(indexes)
    period_ns = earlier[1][0] - earlier[0][0] if len(earlier) > 1 else 0
    before_ns, before = (earlier[-1][0], _pick(earlier[-1][1], indexes)) if earlier else (0, nothing)
    any_counter = any(counting)
    for time_ns, blob in rows:
        now = _pick(blob, indexes)
        if not any_counter:
            yield time_ns, now
            continue
        distance_ns = time_ns - before_ns
        period_ns = min(period_ns, distance_ns) if period_ns else distance_ns
        near = 0 < distance_ns <= _GAP_PERIODS * period_ns and before_ns
        seconds = distance_ns / 1e9
        yield (
            time_ns,
            array(
                "d",
                [
                    value if not counts else increase(past, value) / seconds if near else math.nan
                    for counts, past, value in zip(counting, before, now, strict=True)
                ],
            ),
        )
        before_ns, before = time_ns, now


def export(connection: sqlite3.Connection) -> Iterator[dict[str, Any]]:
    """Yield every tick as the object of `metrics --json`."""
    for layout, host, text in connection.execute("SELECT id, host, series FROM layout ORDER BY id").fetchall():
        series = orjson.loads(text)
        for time_ns, blob in connection.execute("SELECT time_ns, numbers FROM sample WHERE layout = ? ORDER BY time_ns", (layout,)):
            metrics = [
                {"name": name, "type": kind, "labels": labels, "value": value}
                for (name, kind, labels), value in zip(series, memoryview(blob).cast("d"), strict=True)
                if not math.isnan(value)
            ]
            yield {"@timestamp": format_time(time_ns), "host": {"name": host}, "metrics": metrics}


def _pick(blob: bytes, indexes: Sequence[int]) -> "array[float]":
    numbers = memoryview(blob).cast("d")
    return array("d", [numbers[index] for index in indexes])
