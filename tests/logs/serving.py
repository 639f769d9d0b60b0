"""A running HTTP intake of the collector that keeps what it is handed, as tests need it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from fairlead.core.readiness import Readiness
from fairlead.core.telemetry import Telemetry
from fairlead.logs.collector.http_source import HttpSource, Posted
from fairlead.logs.collector.settings import HttpSourceSettings
from fairlead.net.aio import aiohttp
from tests.support.samples import ManualClock

WAITING = "fairlead_ingest_waiting_requests"
LINES = b'{"message":"one"}\n{"message":"two"}\n'
HEADERS = {"Content-Type": "application/x-ndjson", "Fairlead-Agent": "a1", "Fairlead-Batch": "7"}


class Answered(NamedTuple):
    """An answer of the intake."""

    status: int
    body: Any
    headers: Any


class ServedSource:
    """What a test reaches: `taken` is what came, `errors` are raised one by one, and while `gate` is not set what comes waits."""

    def __init__(self, settings: HttpSourceSettings) -> None:
        self.taken: list[Posted] = []
        self.errors: list[Exception] = []
        self.waiting = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.clock, self.telemetry, self.readiness = ManualClock(), Telemetry(), Readiness()
        self.source = HttpSource(settings, self._ingest, self.clock, self.telemetry, self.readiness)

    async def _ingest(self, posted: Posted) -> int:
        self.waiting += 1
        try:
            await self.gate.wait()
        finally:
            self.waiting -= 1
        if self.errors:
            raise self.errors.pop(0)
        self.taken.append(posted)
        return posted.lines.count(b"\n")

    @property
    def url(self) -> str:
        """Where agents deliver."""
        return f"{self.source.url}/api/v1/ingest"

    async def post(self, body: Any = LINES, *, path: str = "/api/v1/ingest", method: str = "POST", **headers: str | None) -> Answered:
        """Post once on a connection of its own; a header that is None is left out, and `_` stands for `-` in names."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in {**HEADERS, **given}.items() if value is not None}
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(method, self.source.url + path, data=body, headers=sent) as answer,
        ):
            is_json = answer.content_type == "application/json"
            return Answered(answer.status, await (answer.json() if is_json else answer.text()), answer.headers)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a bare connection."""
        host, _, port = self.source.url.partition("://")[2].rpartition(":")
        return await asyncio.open_connection(host, int(port))

    async def exchange(self, sent: bytes, *, half_close: bool = False) -> bytes:
        """Send bytes as they are and return what comes back until the intake closes."""
        reader, writer = await self.connect()
        try:
            writer.write(sent)
            if half_close:
                writer.write_eof()
            return await asyncio.wait_for(reader.read(), 15)
        except ConnectionError:
            return b""
        finally:
            writer.transport.abort()

    def counted(self, name: str, *labels: str) -> float:
        """Return what a counter or gauge says."""
        found = (
            value for series, value in self.telemetry.collect() if (series.family.name, *dict(series.labels).values()) == (name, *labels)
        )
        return sum(found)


@asynccontextmanager
async def serving(**settings: Any) -> AsyncIterator[ServedSource]:
    """Serve on a free port; settings are those of HttpSourceSettings."""
    given = HttpSourceSettings(**{"listen": "127.0.0.1:0", **settings})
    made = await asyncio.to_thread(ServedSource, given)
    await made.source.start()
    try:
        yield made
    finally:
        made.gate.set()
        await made.source.close()
    assert made.counted(WAITING) == 0, "a place was not given back"


def request(body: bytes = LINES, **headers: str) -> bytes:
    """Return a whole request as bytes."""
    given = {
        "Host": "localhost",
        "Content-Length": str(len(body)),
        **HEADERS,
        **{name.replace("_", "-"): text for name, text in headers.items()},
    }
    head = "".join(f"{name}: {text}\r\n" for name, text in given.items() if text)
    return b"POST /api/v1/ingest HTTP/1.1\r\n" + head.encode() + b"\r\n" + body
