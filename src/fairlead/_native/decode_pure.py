"""Specification of the way from ECS objects of lines to the values of their rows, and oracle of native/decode.pyx. Not used to work.

Only what `native/encode.pyx` and `core.record.to_ecs` write is recognised: these keys in this order, no space between them, text escaped as
orjson does it. All else is left to a parser of JSON, which finds the same in what is recognised here.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

_TIME = rb'"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)"'
_ANY_STRING = rb'"(?:[^"\\\x00-\x1f]|\\.)*+"'
_MESSAGE = rb'"(?:[^"\\\x00-\x1f]|\\["\\bfnrt]|\\u00[01][0-9a-f])*+"'
_OFFSET = rb"(0|[1-9]\d{0,18})"
_RECORD = re.compile(
    rb'\{"@timestamp":%b,"event\.created":%b,"message":(%b),"log\.file\.path":(%b),"log\.offset":%b,"fairlead\.source":(%b),"fairlead\.end":'
    rb'%b,"host\.name":(%b),"agent\.id":(%b)(?:,"log\.level":(%b)(?:,(.+))?|(?:,(?!"log\.level":")(.+))?)\}'
    % (_TIME, _TIME, _MESSAGE, _ANY_STRING, _OFFSET, _ANY_STRING, _OFFSET, _ANY_STRING, _ANY_STRING, _ANY_STRING),
    re.DOTALL,
)

Run = tuple[int, Any, int, bool, list[Any]]


class LineDecoder:
    """Takes ECS objects of lines by runs: consecutive ones with the same source, path, host, agent and `event.created`.

    `levels` are the names that `log.level` may bear. `origin` is called with a JSON list of source, path, host and agent, and `more` with
    the inside of a JSON object: what a record has behind `agent.id` and `log.level`. Both are asked once where neighbours say the same,
    and answer None where the record is something else. `more` answers flags and fields.
    """

    def __init__(
        self, levels: Sequence[str], origin: Callable[[bytes], Any | None], more: Callable[[bytes], tuple[str | None, str | None] | None]
    ) -> None:
        self._levels, self._origin, self._more = [f'"{level}"'.encode() for level in levels], origin, more

    def run(self, values: list[bytes], first: int) -> Run | None:
        """Return the run that begins at values[first], None where that is something else.

        A run is how many records it has, what `origin` answered, `event.created` (ns since the epoch), whether each line begins where the
        one before it ends, and a flat list with seven values a line: offset, end, time (ns), the number of its level, flags, fields,
        message.
        """
        if not 0 <= first <= len(values):
            raise IndexError("first lies outside of values")
        begun: tuple[bytes, ...] = ()
        head: tuple[Any, int] = None, 0
        rows: list[Any] = []
        tiles = True
        for at in range(first, len(values)):
            if values[at] is None:
                raise TypeError("a value is None")
            found = self._record(values[at])
            if found is None or (begun and found[0] != begun):
                break
            if not begun:
                origin = self._origin(b"[%b]" % b",".join(found[0][:4]))
                if origin is None:
                    break
                begun, head = found[0], (origin, found[1])
            tiles = tiles and (not rows or rows[-7 + 1] == found[2][0])
            rows += found[2]
        return (len(rows) // 7, *head, tiles, rows) if rows else None

    def _record(self, value: bytes) -> tuple[tuple[bytes, ...], int, list[Any]] | None:
        found = _RECORD.fullmatch(value)
        if found is None:
            return None
        written, created, message, path, offset, source, end, host, agent, level, *more_of = found.groups()
        more = more_of[0] or more_of[1]
        times = _nanoseconds(written), _nanoseconds(created)
        if times[0] is None or times[1] is None or not int(offset) < int(end) < 1 << 62:
            return None
        try:
            text = orjson.loads(message)
        except orjson.JSONDecodeError:
            return None
        if level is not None and level not in self._levels:
            return None
        flags_and_fields = self._more(more) if more is not None else (None, None)
        if flags_and_fields is None:
            return None
        number = None if level is None else self._levels.index(level)
        return (source, path, host, agent, created), times[1], [int(offset), int(end), times[0], number, *flags_and_fields, text]


def _nanoseconds(text: bytes) -> int | None:
    """Return what 64 bits hold; None for no time, and for one that is not from 1970 to 2261."""
    try:
        when = datetime.fromisoformat(text[:19].decode()).replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(when.timestamp()) * 1_000_000_000 + int(text[20:26]) * 1000 if 1970 <= when.year < 2262 else None
