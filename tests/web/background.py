"""A web server in a thread of its own, for tests that drive a browser; it can be stopped, and started again on the same port."""

import asyncio
import threading
from collections.abc import Callable

from fairlead.core.clock import SystemClock
from fairlead.core.readiness import Readiness
from fairlead.core.telemetry import Telemetry
from fairlead.web.feed import Feed
from fairlead.web.server import WebServer
from fairlead.web.settings import WebSettings
from fairlead.web.sources import WebSources


class BackgroundServer:
    """Serves from the moment that it is made; what it shows is asked for at each start."""

    def __init__(self, sources: Callable[[Feed], WebSources]) -> None:
        self._sources = sources
        self.url = ""
        self._listen = "127.0.0.1:0"
        self.start()

    def start(self) -> None:
        started = threading.Event()

        def run() -> None:
            asyncio.run(self._serve(started))

        self.thread = threading.Thread(target=run, name="server")
        self.thread.start()
        assert started.wait(10)

    async def _serve(self, started: threading.Event) -> None:
        self.loop, self.stopping, self.feed = asyncio.get_running_loop(), asyncio.Event(), Feed()
        server = WebServer(WebSettings(listen=self._listen), self._sources(self.feed), SystemClock(), Telemetry(), Readiness())
        await server.start()
        self.url, self._listen = server.url, server.url.partition("://")[2]
        started.set()
        await self.stopping.wait()
        await server.close()

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.stopping.set)
        self.thread.join(15)
