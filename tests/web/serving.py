"""A web server over a real store, as tests need it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from fairlead.core.readiness import Readiness
from fairlead.core.telemetry import Telemetry
from fairlead.core.verdict import Status, Verdict
from fairlead.store.settings import StoreSettings
from fairlead.store.sqlite import SqliteStore, open_store
from fairlead.web.feed import Feed
from fairlead.web.fleet import Fleet
from fairlead.web.server import WebServer
from fairlead.web.settings import WebSettings
from fairlead.web.sources import WebSources
from tests.support.samples import ManualClock


class Served:
    """What a test reaches of a running server."""

    def __init__(self, server: WebServer, store: SqliteStore, feed: Feed, readiness: Readiness, clock: ManualClock) -> None:
        self.server, self.store, self.feed, self.readiness, self.clock = server, store, feed, readiness, clock
        self.url = server.url


@asynccontextmanager
async def serving(folder: Path, *, fleet: bool = False, **settings: object) -> AsyncIterator[Served]:
    """Serve on a free port, as a collector with a fleet or as a host; settings are those of WebSettings."""
    clock, readiness, feed = ManualClock(), Readiness(), Feed()
    store = await asyncio.to_thread(open_store, folder, StoreSettings(), clock)
    verdict = Verdict(Status.OK, clock.wall_ns() / 1e9, "All is well", ())
    sources = (
        WebSources(host="collector", store=store, feed=feed, fleet=Fleet(store, clock, Telemetry()))
        if fleet
        else WebSources(host="host", latest=list, store=store, verdict=lambda: verdict, feed=feed, intervals=dict)
    )
    given = msgspec.convert({"listen": "127.0.0.1:0", **settings}, WebSettings)
    try:
        server = await asyncio.to_thread(WebServer, given, sources, clock, Telemetry(), readiness)
        await server.start()
        try:
            yield Served(server, store, feed, readiness, clock)
        finally:
            await server.close()
    finally:
        await asyncio.to_thread(store.close)
