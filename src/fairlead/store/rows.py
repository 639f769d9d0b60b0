"""Lines as the values of their rows: what was decoded natively goes into a table without an object a line."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

import orjson

from fairlead.core.record import LEVELS, Record

WIDTH = 7
"""How many values a line has: offset, end, time (ns), the number of its level, flags, fields (JSON), message; None for what it has not."""


class LineRows(Sequence[Record]):
    """Consecutive lines of one source; made into records only where they are asked for one by one.

    `values` holds WIDTH values a line. `tiles`: each line begins where the one before it ends.
    """

    __slots__ = ("tiles", "values")

    def __init__(self, values: list[Any], *, tiles: bool = False) -> None:
        self.values, self.tiles = values, tiles

    @property
    def start(self) -> int:
        """Where the first line begins."""
        return int(self.values[0])

    @property
    def end(self) -> int:
        """Where the last line ends."""
        return int(self.values[1 - WIDTH])

    def messages(self) -> list[str]:
        """Return the lines' messages."""
        return self.values[WIDTH - 1 :: WIDTH]

    def __len__(self) -> int:
        return len(self.values) // WIDTH

    def __iter__(self) -> Iterator[Record]:
        return (_record(*self.values[at : at + WIDTH]) for at in range(0, len(self.values), WIDTH))

    @overload
    def __getitem__(self, place: int) -> Record: ...
    @overload
    def __getitem__(self, place: slice) -> list[Record]: ...
    def __getitem__(self, place: int | slice) -> Record | list[Record]:
        if isinstance(place, slice):
            return list(self)[place]
        at = range(0, len(self.values), WIDTH)[place]
        return _record(*self.values[at : at + WIDTH])


def to_rows(records: Iterable[Record]) -> LineRows:
    """Return records as the values of their rows; a level that is none of LEVELS is left out."""
    values: list[Any] = []
    for record in records:
        values += (
            record.offset,
            record.end,
            record.timestamp_ns,
            _NUMBERS.get(record.level),
            " ".join(record.flags) or None,
            orjson.dumps(record.fields).decode() if record.fields else None,
            record.message,
        )
    return LineRows(values)


_NUMBERS: dict[str | None, int] = {level: number for number, level in enumerate(LEVELS)}


def _record(offset: int, end: int, time_ns: int, level: int | None, flags: str | None, fields: str | None, message: str) -> Record:
    return Record(
        timestamp_ns=time_ns,
        message=message,
        offset=offset,
        end=end,
        level=None if level is None else LEVELS[level],
        flags=tuple(flags.split()) if flags else (),
        fields=orjson.loads(fields) if fields else None,
    )
