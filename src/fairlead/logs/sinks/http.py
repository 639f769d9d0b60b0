"""The `http` sink: `POST` of NDJSON to a collector, as contracts.md describes it.

A batch keeps its number when it is sent again, so that a collector can tell a repeat; numbers grow over restarts, too.
"""

import asyncio
import gzip
from collections import deque
from collections.abc import Sequence

import msgspec

from fairlead._native.compress import zstd_compress
from fairlead.core.clock import Clock
from fairlead.core.errors import SinkRejected, SinkTooLarge, SinkUnavailable, UsageError
from fairlead.core.record import Batch, halves
from fairlead.core.sink import Keyed, Kind
from fairlead.logs.encode import JSON, encode
from fairlead.logs.settings import HttpSinkSettings
from fairlead.net.http import Poster

TIMEOUT_S = 60.0
_GZIP_LEVEL = 1


class _Acknowledgement(msgspec.Struct):
    """What a collector answers once the records are durable."""

    acknowledged: int


class _Part(msgspec.Struct):
    """What goes in one request; it gets its number when it is first sent."""

    batches: Sequence[Batch]
    number: int = 0


class HttpSink:
    """One request at a time; what is answered 413 is split, down to the single record."""

    name = "http"

    def __init__(self, settings: HttpSinkSettings, agent_id: str, clock: Clock) -> None:
        problem, allowed = settings.url_problem()
        if problem:
            raise UsageError(f"sink.http.url: {problem}; {allowed}")
        self._poster = Poster("sink.http.url", settings.url, settings.token_file, settings.ca_file, TIMEOUT_S)
        self._url = settings.url
        self._agent_id, self._compression = agent_id, settings.compression
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
                parts = halves(part.batches)
                if not parts:
                    raise SinkRejected(str(error), part.batches) from None
                self._parts.extendleft(_Part(half) for half in reversed(parts))
            except SinkRejected as error:
                self._parts.popleft()
                raise SinkRejected(str(error), part.batches) from None
            else:
                self._parts.popleft()
        self._sending = ()

    async def send_records(self, kind: Kind, records: Sequence[Keyed]) -> None:
        """Deliver samples or heartbeats."""
        await self._post(b"".join(record.body + b"\n" for record in records), kind, self._next_number())

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
        if self._compression != "none":
            body = await asyncio.to_thread(_compress, body, self._compression)
            headers["Content-Encoding"] = self._compression
        answer = await self._poster.post(body, headers, to_collector=True)
        try:
            msgspec.json.decode(answer, type=_Acknowledgement)
        except msgspec.MsgspecError:
            raise SinkUnavailable(f"{self._url} took the records and acknowledged nothing; is this a collector?") from None


def _compress(body: bytes, coding: str) -> bytes:
    return zstd_compress(body) if coding == "zstd" else gzip.compress(body, _GZIP_LEVEL)
