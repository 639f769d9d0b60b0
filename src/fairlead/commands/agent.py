"""`fairlead agent -c FILE`: ships this host's logs and metrics to a sink, without page and store.

files -> Pipeline -+
journal -----------+-> Shipper -+-> Delivery -> Sink (kafka | http | file | stdout), then its acknowledgement -> CheckpointFile
collectors -> MetricsRunner -+  +-> Spool while the sink is away
"""

import asyncio
import gc
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec
import orjson

from fairlead._native.encode import keep_heap
from fairlead.commands.settings import AgentSettings
from fairlead.core import config, logsetup, runtime, sdnotify, statedir
from fairlead.core.clock import SystemClock
from fairlead.core.context import RunContext
from fairlead.core.errors import FairleadError
from fairlead.core.faults import abort_at
from fairlead.core.logsetup import Log
from fairlead.core.readiness import Readiness
from fairlead.core.sample import Tick, to_json
from fairlead.core.sink import Keyed, Kind, Sink
from fairlead.core.spool import Problem, Spool, log_problem
from fairlead.core.spool.settings import FOLDER_NAME
from fairlead.core.statedir import StateDir
from fairlead.core.telemetry import Telemetry
from fairlead.logs.checkpoint import CheckpointFile
from fairlead.logs.deadletter import DeadLetterFile
from fairlead.logs.delivery import Delivery
from fairlead.logs.encoded import encoding
from fairlead.logs.heartbeat import Heartbeat
from fairlead.logs.readers import LogReaders
from fairlead.logs.redact import Redactor
from fairlead.logs.ship import Shipper
from fairlead.logs.sinks import make_sink, output_of
from fairlead.metrics.collector import Roots
from fairlead.metrics.runner import MetricsRunner

if TYPE_CHECKING:
    from fairlead.web.server import WebServer as Server

log = Log("agent")
_GOODBYE_S = 1.0
_KEPT_HEAP_BYTES = 16 << 20
"""What a round of blocks and batches needs again and again."""


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
        keep_heap(_KEPT_HEAP_BYTES)
        async with AsyncExitStack() as stack:
            state = StateDir(Path(settings.state_dir) if settings.state_dir else statedir.default_path())
            stack.callback(state.close)
            context = RunContext(self._host, state.agent_id, self._clock, self._telemetry, self._readiness)
            checkpoint = CheckpointFile(state.path, self._clock, self._readiness, step=abort_at)
            stack.callback(checkpoint.close)
            topics: dict[Kind, str] = {"heartbeat": settings.heartbeat.topic, "metric": settings.metrics.topic}
            sink = make_sink(settings.sink, state.agent_id, self._clock, topics)
            stack.push_async_callback(sink.close)
            await sink.start()
            spool = await self._open_spool(state, stack)
            self._compose(sink, checkpoint, spool, state, context)
            stack.callback(self._runner.close)
            await self._serve(stack)
            signals = await stack.enter_async_context(runtime.Signals(self._reload))
            stack.push_async_callback(self._end)
            parts = [*self._readers.parts(), self._runner.run(), self._shipper.run(), checkpoint.run()]
            if self._heartbeat is not None:
                parts.append(self._heartbeat.run())
            running = await stack.enter_async_context(runtime.Parts(parts))
            log.info("started", sink=sink.name, state_dir=state.path)
            sdnotify.notify("READY=1", f"STATUS=shipping to {sink.name}")
            gc.collect()
            gc.freeze()
            return await running.until_stopped(signals)

    async def _open_spool(self, state: StateDir, stack: AsyncExitStack) -> Spool | None:
        """Open the spool of a sink that can be away; a file or a pipe is waited for."""
        if self._settings.sink.kafka is None and self._settings.sink.http is None:
            return None
        damages = self._telemetry.counter("fairlead_spool_damages_total", "Places of the spool that had to be passed over.")

        def report(problem: Problem) -> None:
            log_problem(problem)
            damages.add()

        spool = Spool(state.path / FOLDER_NAME, self._settings.spool.max_size, step=abort_at, report=report)
        await asyncio.to_thread(spool.open)
        stack.callback(spool.close)
        return spool

    def _compose(self, sink: Sink, checkpoint: CheckpointFile, spool: Spool | None, state: StateDir, context: RunContext) -> None:
        settings = self._settings
        dead_letters = DeadLetterFile(state.path / "dead-letters.ndjson")
        own = [str(state.path), str(state.path / FOLDER_NAME)] + ([settings.sink.file.path] if settings.sink.file else [])
        delivery = Delivery(sink, self._clock, self._telemetry, self._readiness, dead_letters)
        self._shipper = Shipper(delivery, sink, output_of(settings.sink), checkpoint, spool, context, grace_s=settings.spool.after)
        roots = Roots()
        if settings.metrics.intervals():
            self._readiness.add("metrics", roots.problem)
        self._runner = MetricsRunner(dict(settings.metrics.intervals()), roots, self._clock, self._telemetry, self._offer_ticks)
        self._readers = LogReaders(
            settings.logs,
            settings.journal,
            settings.redact,
            self._shipper.send,
            checkpoint.positions(),
            context,
            own=own,
            deliver_journal=self._shipper.wait_and_send,
            encoding=encoding(output_of(settings.sink), context),
            away=self._shipper.away,
            cpu_share=1.0,
        )
        self._heartbeat: Heartbeat | None = None
        if spool is not None:
            self._heartbeat = Heartbeat(self._shipper, context, float(settings.heartbeat.interval), self._measure)

    def _offer_ticks(self, ticks: Sequence[Tick]) -> None:
        self._shipper.offer_sample(Keyed(self._host, orjson.dumps(to_json(ticks, self._host, ticks[0].time_ns))))

    def _measure(self) -> dict[str, float]:
        """Return the numbers of a heartbeat."""
        lag_bytes, lag_s = self._readers.lag()
        return {"sources": self._readers.followed(), "lag_bytes": lag_bytes, "lag_s": round(lag_s, 3)}

    async def _end(self) -> None:
        """Let what is under way end, and say goodbye where somebody listens."""
        await self._shipper.close()
        if self._heartbeat is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._heartbeat.tell("stopping"), _GOODBYE_S)

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
            await self._shipper.reopen()
        except FairleadError as error:
            for line in error.lines():
                log.error("configuration refused, the old one goes on", problem=line)
            return
        if (settings.sink, settings.listen, settings.state_dir) != (self._settings.sink, self._settings.listen, self._settings.state_dir):
            log.warning("sink, listen and state_dir change with a restart only")
        self._settings = settings
        logsetup.set_up(settings.log_level, settings.log_format)
        await self._runner.reload(dict(settings.metrics.intervals()))
        await self._readers.reload(settings.logs, redactor)
        log.info("configuration reloaded")
