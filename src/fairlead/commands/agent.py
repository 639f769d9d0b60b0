"""`fairlead agent -c FILE`: ships this host's logs and metrics to a sink, without page and store.

files -> Pipeline -+
journal -----------+-> Delivery -> Sink (stdout | file | http), then its acknowledgement -> CheckpointFile
collectors -> MetricsRunner -+
"""

import asyncio
import gc
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from fairlead.commands.settings import AgentSettings
from fairlead.core import config, logsetup, runtime, sdnotify, statedir
from fairlead.core.clock import SystemClock
from fairlead.core.context import RunContext
from fairlead.core.errors import FairleadError
from fairlead.core.logsetup import Log
from fairlead.core.readiness import Readiness
from fairlead.core.sink import Sink
from fairlead.core.statedir import StateDir
from fairlead.core.telemetry import Telemetry
from fairlead.logs.checkpoint import CheckpointFile
from fairlead.logs.deadletter import DeadLetterFile
from fairlead.logs.delivery import Delivery
from fairlead.logs.readers import LogReaders
from fairlead.logs.redact import Redactor
from fairlead.logs.sinks import make_sink
from fairlead.metrics.collector import Roots
from fairlead.metrics.runner import MetricsRunner

if TYPE_CHECKING:
    from fairlead.web.server import WebServer as Server

log = Log("agent")


@click.command("agent")
@click.option("--config", "-c", "config_file", metavar="FILE", required=True, help="Settings: logs, metrics, sink.")
@click.option("--state-dir", metavar="DIR", help="Where positions are kept. Default: state_dir of FILE, else as fairlead up.")
@click.option("--log-level", type=click.Choice(logsetup.LEVELS), help="Fairlead's own log. Default: info.")
@click.option("--log-format", type=click.Choice(logsetup.FORMATS), help="Default: text.")
def command(config_file: str, **flags: str | None) -> int:
    """Ship this host's logs and metrics to a sink."""

    def read() -> AgentSettings:
        settings, _ = config.load(config_file, AgentSettings)
        return msgspec.structs.replace(settings, **{name: value for name, value in flags.items() if value})

    settings = read()
    logsetup.set_up(settings.log_level, settings.log_format)
    return runtime.run(Agent(settings, read).run())


class Agent:
    """One run of `fairlead agent`."""

    def __init__(self, settings: AgentSettings, read_settings: Callable[[], AgentSettings]) -> None:
        self._settings, self._read_settings = settings, read_settings
        self._clock, self._telemetry, self._readiness = SystemClock(), Telemetry(), Readiness()
        self._host = statedir.host_name()
        self._server: Server | None = None

    async def run(self) -> int:
        """Run until a signal ends it; return the exit code."""
        settings = self._settings
        async with AsyncExitStack() as stack:
            state = StateDir(Path(settings.state_dir) if settings.state_dir else statedir.default_path())
            stack.callback(state.close)
            checkpoint = CheckpointFile(state.path / "checkpoint.json", self._clock, self._readiness)
            stack.callback(checkpoint.close)
            sink = make_sink(settings.sink, state.agent_id, self._clock)
            stack.push_async_callback(sink.close)
            await sink.start()
            self._compose(sink, checkpoint, state)
            stack.callback(self._runner.close)
            await self._serve(stack)
            signals = await stack.enter_async_context(runtime.Signals(self._reload))
            stack.push_async_callback(self._delivery.close)
            parts = [*self._readers.parts(), self._runner.run(), self._delivery.run(self._host), checkpoint.run()]
            running = await stack.enter_async_context(runtime.Parts(parts))
            log.info("started", sink=sink.name, state_dir=state.path)
            sdnotify.notify("READY=1", f"STATUS=shipping to {sink.name}")
            gc.collect()
            gc.freeze()
            return await running.until_stopped(signals)

    def _compose(self, sink: Sink, checkpoint: CheckpointFile, state: StateDir) -> None:
        settings, positions = self._settings, checkpoint.positions()
        dead_letters = DeadLetterFile(state.path / "dead-letters.ndjson")
        own = [str(state.path)] + ([settings.sink.file.path] if settings.sink.file else [])
        self._delivery = Delivery(sink, self._clock, self._telemetry, self._readiness, checkpoint=checkpoint, dead_letters=dead_letters)
        roots = Roots()
        if settings.metrics:
            self._readiness.add("metrics", roots.problem)
        self._runner = MetricsRunner(dict(settings.metrics), roots, self._clock, self._telemetry, self._delivery.offer_ticks)
        self._readers = LogReaders(
            settings.logs,
            settings.journal,
            settings.redact,
            self._delivery.send,
            positions,
            RunContext(self._host, state.agent_id, self._clock, self._telemetry, self._readiness),
            own=own,
        )

    async def _serve(self, stack: AsyncExitStack) -> None:
        """Serve /metrics, /livez and /readyz where `listen` asks for it; else the web server is not even loaded."""
        if not self._settings.listen:
            return
        from fairlead.web.server import WebServer
        from fairlead.web.sources import WebSources

        sources = WebSources(host=self._host, latest=self._runner.latest)
        self._server = server = WebServer(self._settings, sources, self._clock, self._telemetry, self._readiness)
        await server.start()
        stack.push_async_callback(server.close)
        log.info("listening", url=server.url)

    async def _reload(self) -> None:
        """Take the configuration anew; a wrong one is told with its places, and the old one goes on."""
        try:
            settings = await asyncio.to_thread(self._read_settings)
            redactor = Redactor(settings.redact)
            if self._server is not None:
                await asyncio.to_thread(self._server.reload, settings)
            await self._delivery.reopen()
        except FairleadError as error:
            for line in error.lines():
                log.error("configuration refused, the old one goes on", problem=line)
            return
        if (settings.sink, settings.listen, settings.state_dir) != (self._settings.sink, self._settings.listen, self._settings.state_dir):
            log.warning("sink, listen and state_dir change with a restart only")
        self._settings = settings
        logsetup.set_up(settings.log_level, settings.log_format)
        await self._runner.reload(dict(settings.metrics))
        await self._readers.reload(settings.logs, redactor)
        log.info("configuration reloaded")
