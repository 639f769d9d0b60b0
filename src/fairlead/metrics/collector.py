"""What a collector is, and the kind that nearly all are: numbers picked out of tables of /proc."""

import os
from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import msgspec

from fairlead._native.procparse import Table
from fairlead.core.sample import Family, Layout, MetricType, Series, Tick


class Roots(msgspec.Struct, frozen=True):
    """Where the kernel's file systems are mounted; tests give fixtures."""

    proc: str = "/proc"
    sys: str = "/sys"

    def problem(self) -> str:
        """Return why nothing can be sampled and what to do, or nothing."""
        return "" if os.path.exists(f"{self.proc}/stat") else f"{self.proc} is not there; mount it: mount -t proc proc {self.proc}"


class Collector(Protocol):
    """One source of numbers. `collect` returns within microseconds unless `aside` says that it waits for a file system."""

    name: str
    aside: bool

    def collect(self, time_ns: int) -> Tick:
        """Sample now; `time_ns` is the time that the tick will bear. Raises OSError where the source cannot be read."""
        ...

    def close(self) -> None:
        """Let go of descriptors."""
        ...


class Field(msgspec.Struct, frozen=True):
    """One series and where its number stands in a table: cell = row * columns + column, times `scale`."""

    series: Series
    cell: int
    scale: float = 1.0


class TableFile:
    """A file of /proc whose descriptor is kept open, its table, and the fields wanted of it.

    `plan` names the fields from the file's content; it is asked again only when the keys in the file change.
    A file that is not there has no fields, until it comes.
    """

    def __init__(self, path: str, table: Table, plan: Callable[[bytes], Iterable[Field]], hold: tuple[int, float] | None = None) -> None:
        self._path, self._table, self._plan, self._hold = path, table, plan, hold
        self._descriptor = -1
        self._fingerprint: int | None = None
        self._index, self._scale = array("i"), array("d")
        self.series: tuple[Series, ...] = ()

    def read(self) -> bool:
        """Read and parse; return whether the series changed."""
        try:
            fingerprint: int | None = self._table.read(self._descriptor)
        except OSError:
            fingerprint = self._read_anew()
        if fingerprint is not None and self._hold is not None:
            self._table.hold(*self._hold)
        if fingerprint == self._fingerprint:
            return False
        self._fingerprint = fingerprint
        fields = by_family(self._plan(self._table.data())) if fingerprint is not None else []
        self._index = array("i", [field.cell for field in fields])
        self._scale = array("d", [field.scale for field in fields])
        self.series = tuple(field.series for field in fields)
        return True

    def values(self) -> "array[float]":
        """Return the numbers of the last read, one a series."""
        return self._table.gather(self._index, self._scale)

    def close(self) -> None:
        """Close the descriptor."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _read_anew(self) -> int | None:
        """Open the file (for the first time, or as it was replaced) and return its fingerprint; None where there is no such file."""
        self.close()
        try:
            self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            return self._table.read(self._descriptor)
        except OSError as error:
            self.close()
            raise OSError(error.errno, os.strerror(error.errno or 0), self._path) from None


class TableCollector:
    """Samples one or more `TableFile`s as one tick."""

    aside = False

    def __init__(self, name: str, first: TableFile, *others: TableFile) -> None:
        self.name = name
        self._first, self._others = first, others
        self._layout = Layout(())

    def collect(self, time_ns: int) -> Tick:
        """Read every file; the layout is the same object until the series change."""
        changed = self._first.read()
        for file in self._others:
            changed |= file.read()
        if changed:
            self._layout = Layout(tuple(series for file in (self._first, *self._others) for series in file.series))
        values = self._first.values()
        for file in self._others:
            values.extend(file.values())
        return Tick(self.name, time_ns, self._layout, values)

    def close(self) -> None:
        """Close every file."""
        for file in (self._first, *self._others):
            file.close()


class ValuesCollector:
    """Samples what is no table: `read` returns (series, number) pairs."""

    aside = False

    def __init__(self, name: str, read: Callable[[], Sequence[tuple[Series, float]]]) -> None:
        self.name = name
        self._read = read
        self._layout = Layout(())

    def collect(self, time_ns: int) -> Tick:
        """Ask for the pairs; the layout is the same object while their series are the same."""
        pairs = self._read()
        series = tuple(series for series, _ in pairs)
        if series != self._layout.series:
            self._layout = Layout(series)
        return Tick(self.name, time_ns, self._layout, array("d", [value for _, value in pairs]))

    def close(self) -> None:
        """Nothing is kept open."""


def by_family(fields: Iterable[Field]) -> list[Field]:
    """Return fields with those of a family together, families and members in the order in which they came."""
    families: dict[Family, list[Field]] = {}
    for field in fields:
        families.setdefault(field.series.family, []).append(field)
    return [field for members in families.values() for field in members]


def counter(name: str, help_text: str) -> Family:
    """Return a family of counters."""
    return Family(name, MetricType.COUNTER, help_text)


def gauge(name: str, help_text: str) -> Family:
    """Return a family of gauges."""
    return Family(name, MetricType.GAUGE, help_text)


def untyped(name: str, help_text: str) -> Family:
    """Return a family without a type, as node_exporter gives those it copies by name."""
    return Family(name, MetricType.UNTYPED, help_text)


def read_text(path: str, default: str = "") -> str:
    """Return a small file's text without its last newline, or `default` where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read().rstrip("\n")
    except OSError:
        return default
