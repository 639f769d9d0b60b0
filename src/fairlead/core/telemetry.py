"""The program's own counters and gauges (`fairlead_*`): each is a named event that a long-running part reports.

An own registry of a few lines: the exposition writer exists anyway for the host's metrics, and the usual client library
costs more at import than all of these parts together.
"""

from collections.abc import Callable, Iterator

from fairlead.core.sample import Family, MetricType, Series

Reader = Callable[[], Iterator[tuple[tuple[str, ...], float]]]
"""Yields label values and the number."""


class Counter:
    """A number that only grows, by label values."""

    def __init__(self, family: Family, label_names: tuple[str, ...]) -> None:
        self.family = family
        self._label_names = label_names
        self._values: dict[tuple[str, ...], float] = {} if label_names else {(): 0.0}

    def add(self, amount: float = 1.0, *label_values: str) -> None:
        """Add to the series with these label values."""
        self._values[label_values] = self._values.get(label_values, 0.0) + amount

    def value(self, *label_values: str) -> float:
        """Return the count so far."""
        return self._values.get(label_values, 0.0)

    def collect(self) -> Iterator[tuple[Series, float]]:
        """Yield each series with its value."""
        for label_values, value in self._values.items():
            yield Series(self.family, tuple(zip(self._label_names, label_values, strict=True))), value


class Read:
    """Numbers read when they are asked for: `read` yields label values and the number."""

    def __init__(self, family: Family, label_names: tuple[str, ...], read: Reader) -> None:
        self.family = family
        self._label_names = label_names
        self._read = read

    def collect(self) -> Iterator[tuple[Series, float]]:
        """Yield each series with its value."""
        for label_values, value in self._read():
            yield Series(self.family, tuple(zip(self._label_names, label_values, strict=True))), value


class Telemetry:
    """What one running program counts; made by the command and handed to its parts."""

    def __init__(self) -> None:
        self._metrics: dict[str, Counter | Read] = {}

    def counter(self, name: str, help_text: str, *label_names: str) -> Counter:
        """Return the counter of this name (ending in `_total`), made at the first call."""
        found = self._metrics.get(name)
        if found is None:
            found = self._metrics[name] = Counter(Family(name, MetricType.COUNTER, help_text), label_names)
        assert isinstance(found, Counter), name
        return found

    def gauge(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        """Register a gauge without labels."""
        self.gauges(name, help_text, (), lambda: iter([((), read())]))

    def gauges(self, name: str, help_text: str, label_names: tuple[str, ...], read: Reader) -> None:
        """Register a gauge with labels; `read` yields (label values, number)."""
        self._metrics[name] = Read(Family(name, MetricType.GAUGE, help_text), label_names, read)

    def counters(self, name: str, help_text: str, label_names: tuple[str, ...], read: Reader) -> None:
        """Register a counter that another part keeps; `read` yields (label values, number)."""
        self._metrics[name] = Read(Family(name, MetricType.COUNTER, help_text), label_names, read)

    def collect(self) -> Iterator[tuple[Series, float]]:
        """Yield every series with its value, the series of a family together."""
        for metric in self._metrics.values():
            yield from metric.collect()
