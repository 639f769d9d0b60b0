"""One-minute roll-ups of samples: mean, minimum and maximum of each gauge, and of each counter's rate.

A roll-up's blob holds three runs of doubles: the means of all series of the layout, the minima, the maxima.
"""

import math
import sqlite3
from array import array
from collections.abc import Sequence

import orjson

from fairlead.core.sample import MetricType
from fairlead.store.sqlite.samples import ROLLUP_S, tick_values

_MINUTE_NS = ROLLUP_S * 1_000_000_000
_LATE_NS = 5_000_000_000
"""A minute is rolled up so long after its end, so that collectors run aside are in it."""
_MINUTES_A_CALL = 60


def roll_up(connection: sqlite3.Connection, now_ns: int) -> None:
    """Roll up every finished minute since the last call, at most an hour of each layout, inside the caller's transaction."""
    until_ns = (now_ns - _LATE_NS) // _MINUTE_NS * _MINUTE_NS
    for layout, text, rolled_ns in connection.execute(
        "SELECT id, series, rolled_ns FROM layout WHERE rolled_ns < ?", (until_ns,)
    ).fetchall():
        first = connection.execute("SELECT min(time_ns) FROM sample WHERE layout = ? AND time_ns >= ?", (layout, rolled_ns)).fetchone()[0]
        if first is None:
            continue
        begin_ns = first // _MINUTE_NS * _MINUTE_NS
        end_ns = min(until_ns, begin_ns + _MINUTES_A_CALL * _MINUTE_NS)
        if end_ns > begin_ns:
            counting = [kind == MetricType.COUNTER for _, kind, _ in orjson.loads(text)]
            _roll_up_range(connection, layout, counting, begin_ns, end_ns)
            connection.execute("UPDATE layout SET rolled_ns = ? WHERE id = ?", (end_ns, layout))


def _roll_up_range(connection: sqlite3.Connection, layout: int, counting: Sequence[bool], begin_ns: int, end_ns: int) -> None:
    earlier = connection.execute(
        "SELECT time_ns, numbers FROM sample WHERE layout = ? AND time_ns < ? ORDER BY time_ns DESC LIMIT 2", (layout, begin_ns)
    ).fetchall()
    rows = connection.execute(
        "SELECT time_ns, numbers FROM sample WHERE layout = ? AND time_ns >= ? AND time_ns < ? ORDER BY time_ns", (layout, begin_ns, end_ns)
    ).fetchall()
    minutes: dict[int, list[array[float]]] = {}
    for time_ns, values in tick_values(rows, earlier[::-1], range(len(counting)), counting):
        minutes.setdefault(time_ns // _MINUTE_NS * _MINUTE_NS, []).append(values)
    connection.executemany(
        "INSERT OR REPLACE INTO rollup (layout, time_ns, numbers) VALUES (?, ?, ?)",
        [(layout, minute_ns, summary(ticks).tobytes()) for minute_ns, ticks in minutes.items()],
    )


def summary(ticks: Sequence["array[float]"]) -> "array[float]":
    """Return means, minima and maxima of ticks of one layout; NaN is left out of them, and stands where nothing else was."""
    means, minima, maxima = array("d"), array("d"), array("d")
    for column in zip(*ticks, strict=True):
        numbers = [value for value in column if value == value]  # noqa: PLR0124 - NaN is the only number that differs from itself
        means.append(sum(numbers) / len(numbers) if numbers else math.nan)
        minima.append(min(numbers, default=math.nan))
        maxima.append(max(numbers, default=math.nan))
    return means + minima + maxima
