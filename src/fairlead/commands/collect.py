"""`fairlead collect -c FILE`: takes in what agents send, stores each line once, and shows the fleet.

Kafka -> KafkaSource -+
POST  -> HttpSource  -+-> IntakeDesk -> StoreWriter -> SQLite, or OpenSearch -> page and API
                           +-> poison.ndjson: what is no record
"""

import asyncio
import gc
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import click
import msgspec

from fairlead.commands.opening import open_for_collecting
from fairlead.commands.settings import CollectSettings
from fairlead.core import config, logsetup, runtime, sdnotify, statedir
from fairlead.core.clock import SystemClock
from fairlead.core.errors import FairleadError
from fairlead.core.logsetup import Log
from fairlead.core.readiness import Readiness
from fairlead.core.statedir import StateDir
from fairlead.core.telemetry import Telemetry
from fairlead.logs.collector.decode import Poison
from fairlead.logs.collector.http_source import HttpSource
from fairlead.logs.collector.intake import IntakeDesk
from fairlead.store.interface import Store
from fairlead.store.sqlite import SqliteStore
from fairlead.store.writer import StoreWriter
from fairlead.web.feed import Feed
from fairlead.web.fleet import Fleet
from fairlead.web.server import WebServer
from fairlead.web.sources import WebSources

log = Log("collect")
_GC_ALLOCATIONS = 50_000
"""A round of records is tens of thousands of tuples, which go without the collector."""


@click.command("collect")
@click.option("--config", "-c", "config_file", metavar="FILE", required=True, help="Settings: source, store, listen.")
@click.option("--state-dir", metavar="DIR", help="Where the store lives. Default: state_dir of FILE, else as fairlead up.")
@click.option("--listen", metavar="HOST:PORT", help="Address of page and API. Default: listen of FILE, else 127.0.0.1:9321.")
@click.option("--allowed-host", "allowed_hosts", metavar="NAME", multiple=True, help="A further name that a Host header may bear.")
def command(config_file: str, state_dir: str | None, listen: str | None, allowed_hosts: tuple[str, ...]) -> int:
    """Take in what agents send by Kafka or HTTP, store it and show it."""

    def read() -> CollectSettings:
        settings, _ = config.load(config_file, CollectSettings)
        return msgspec.structs.replace(
            settings,
            state_dir=state_dir or settings.state_dir,
            listen=listen or settings.listen,
            allowed_hosts=list(allowed_hosts) or settings.allowed_hosts,
        )

    settings = read()
    logsetup.set_up(settings.log_level, settings.log_format)
    return runtime.run(Collector(settings, read).run())


class Collector:
    """One run of `fairlead collect`."""

    def __init__(self, settings: CollectSettings, read_settings: Callable[[], CollectSettings]) -> None:
        self._settings, self._read_settings = settings, read_settings
        self._clock = SystemClock()
        self._telemetry, self._readiness = Telemetry(), Readiness()
        self._host = statedir.host_name()
        self._feed = Feed()
        self._http: HttpSource | None = None

    async def run(self) -> int:
        """Run until a signal ends it; return the exit code."""
        settings = self._settings
        async with AsyncExitStack() as stack:
            state = StateDir(Path(settings.state_dir) if settings.state_dir else statedir.default_path())
            stack.callback(state.close)
            store, offsets = await asyncio.to_thread(open_for_collecting, settings.store, state.path, self._clock, self._put_aside)
            stack.callback(store.close)
            writer = StoreWriter(store, self._host, self._clock, self._telemetry, self._readiness, self._feed.publish)
            await writer.start()
            stack.push_async_callback(writer.close)
            self._desk = IntakeDesk(writer.take, state.path / "poison.ndjson", self._clock, self._telemetry)
            await self._serve(store, stack)
            parts = await self._sources(offsets, stack)
            signals = await stack.enter_async_context(runtime.Signals(self._reload))
            running = await stack.enter_async_context(runtime.Parts([self._fleet.run(), *parts]))
            self._announce(state)
            return await running.until_stopped(signals)

    def _put_aside(self, refused: Sequence[tuple[bytes, str]]) -> None:
        """Keep the lines that the store will never take; called by the thread that writes."""
        self._desk.put_aside([Poison(reason, value, "store") for value, reason in refused])

    async def _serve(self, store: Store, stack: AsyncExitStack) -> None:
        self._fleet = Fleet(store, self._clock, self._telemetry)
        sources = WebSources(host=self._host, store=store, feed=self._feed, fleet=self._fleet)
        self._server = WebServer(self._settings, sources, self._clock, self._telemetry, self._readiness)
        await self._server.start()
        stack.push_async_callback(self._server.close)

    async def _sources(self, offsets: SqliteStore | None, stack: AsyncExitStack) -> list[Any]:
        """Start what serves, and return what is to run."""
        shared = self._clock, self._telemetry, self._readiness
        if self._settings.source.http is not None:
            self._http = await asyncio.to_thread(HttpSource, self._settings.source.http, self._desk.ingest, *shared)
            await self._http.start()
            stack.push_async_callback(self._http.close)
            log.info("agents deliver here", url=self._http.url)
        if self._settings.source.kafka is None:
            return []
        # The library of Kafka is loaded only where it is used.
        from fairlead.logs.collector.kafka_source import KafkaSource

        stored = offsets.consumed if offsets is not None else None
        return [KafkaSource(self._settings.source.kafka, self._desk.take, stored, *shared).run()]

    def _announce(self, state: StateDir) -> None:
        print(f"fairlead collects: {self._server.url}", flush=True)  # noqa: T201 - what the user waits for
        log.info("started", url=self._server.url, state_dir=state.path)
        sdnotify.notify("READY=1", f"STATUS=page at {self._server.url}")
        gc.collect()
        gc.freeze()
        gc.set_threshold(_GC_ALLOCATIONS)

    async def _reload(self) -> None:
        """Take tokens and retention anew; a wrong configuration is told with its places, and the old one goes on."""
        try:
            settings = await asyncio.to_thread(self._read_settings)
            await asyncio.to_thread(self._server.reload, settings)
            if self._http is not None:
                await asyncio.to_thread(self._http.reload)
        except FairleadError as error:
            for line in error.lines():
                log.error("configuration refused, the old one goes on", problem=line)
            return
        if (settings.source, settings.listen, settings.state_dir) != (
            self._settings.source,
            self._settings.listen,
            self._settings.state_dir,
        ):
            log.warning("source, listen and state_dir change with a restart only")
        self._settings = settings
        logsetup.set_up(settings.log_level, settings.log_format)
        log.info("configuration reloaded")
