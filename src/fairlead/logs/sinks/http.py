"""The `http` sink: `POST` of NDJSON to a collector, as contracts.md describes it.

A batch keeps its number when it is sent again, so that a collector can tell a repeat; numbers grow over restarts, too.
"""

import asyncio
import gzip
from collections import deque
from collections.abc import Sequence

import msgspec
import orjson

from fairlead.core.clock import Clock
from fairlead.core.errors import SinkRejected, SinkTooLarge
from fairlead.core.record import Batch
from fairlead.core.sample import Tick, to_json
from fairlead.logs.encode import JSON, encode
from fairlead.logs.settings import HttpSinkSettings
from fairlead.net.http import Poster

TIMEOUT_S = 60.0
_GZIP_LEVEL = 1


class _Part(msgspec.Struct):
    """What goes in one request; it gets its number when it is first sent."""

    batches: Sequence[Batch]
    number: int = 0


class HttpSink:
    """One request at a time; what is answered 413 is split, down to the single record."""

    name = "http"

    def __init__(self, settings: HttpSinkSettings, agent_id: str, clock: Clock) -> None:
        self._poster = Poster("sink.http.url", settings.url, settings.token_file, settings.ca_file, TIMEOUT_S)
        self._agent_id, self._compressed = agent_id, settings.compression == "gzip"
        self._number = clock.wall_ns() // 1000
        self._sending: Sequence[Batch] = ()
        self._parts: deque[_Part] = deque()

    async def start(self) -> None:
        """Make the session."""
        await self._poster.start()

    async def send(self, batches: Sequence[Batch]) -> None:
        """Deliver the parts of batches that were not delivered yet, when these same batches are sent again."""
        if batches is not self._sending:
            self._sending, self._parts = batches, deque([_Part(batches)])
        while self._parts:
            part = self._parts[0]
            try:
                body = await asyncio.to_thread(encode, part.batches, JSON)
                part.number = part.number or self._next_number()
                if body:
                    await self._post(body, "log", part.number)
            except SinkTooLarge as error:
                self._parts.popleft()
                halves = _halves(part.batches)
                if not halves:
                    raise SinkRejected(str(error), part.batches) from None
                self._parts.extendleft(_Part(half) for half in reversed(halves))
            except SinkRejected as error:
                self._parts.popleft()
                raise SinkRejected(str(error), part.batches) from None
            else:
                self._parts.popleft()
        self._sending = ()

    async def send_ticks(self, ticks: Sequence[Tick], host: str) -> None:
        """Deliver a sample."""
        await self._post(orjson.dumps(to_json(ticks, host, ticks[0].time_ns)) + b"\n", "metric", self._next_number())

    async def reopen(self) -> None:
        """Read the token anew."""
        await asyncio.to_thread(self._poster.reload)

    async def close(self) -> None:
        """Close the connection."""
        await self._poster.close()

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    async def _post(self, body: bytes, kind: str, number: int) -> None:
        headers = {
            "Content-Type": "application/x-ndjson",
            "Fairlead-Agent": self._agent_id,
            "Fairlead-Batch": str(number),
            "Fairlead-Kind": kind,
        }
        if self._compressed:
            body = await asyncio.to_thread(gzip.compress, body, _GZIP_LEVEL)
            headers["Content-Encoding"] = "gzip"
        await self._poster.post(body, headers, config_may_heal=True)


def _halves(batches: Sequence[Batch]) -> list[Sequence[Batch]]:
    """Split batches in two; an empty list where there is but one record."""
    if len(batches) > 1:
        middle = len(batches) // 2
        return [batches[:middle], batches[middle:]]
    [batch] = batches
    middle = len(batch.records) // 2
    if not middle:
        return []
    first, second = batch.records[:middle], batch.records[middle:]
    return [
        [msgspec.structs.replace(batch, end=second[0].offset, records=first)],
        [msgspec.structs.replace(batch, start=second[0].offset, records=second)],
    ]
