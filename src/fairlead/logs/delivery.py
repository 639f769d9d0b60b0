"""Between the readers of logs and metrics and the sink: one call at a time, tried again until the sink takes it."""

import asyncio
import random
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from fairlead.core.clock import Clock
from fairlead.core.errors import SinkRejected, SinkUnavailable
from fairlead.core.logsetup import Log
from fairlead.core.readiness import Readiness
from fairlead.core.record import Batch
from fairlead.core.sample import Tick
from fairlead.core.sink import Sink
from fairlead.core.telemetry import Telemetry
from fairlead.logs.checkpoint import CheckpointFile
from fairlead.logs.deadletter import DeadLetterFile

log = Log("delivery")
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_CLOSE_S = 3.0
_WAITING_TICKS = 3600


class Delivery:
    """`send` returns once the sink has acknowledged; while it cannot, the caller waits, and so reads nothing more.

    `checkpoint` is told of what the sink took, `dead_letters` of what it never will; a sink without them keeps both itself.
    """

    def __init__(
        self,
        sink: Sink,
        clock: Clock,
        telemetry: Telemetry,
        readiness: Readiness,
        checkpoint: CheckpointFile | None = None,
        dead_letters: DeadLetterFile | None = None,
    ) -> None:
        self._sink, self._clock, self._checkpoint, self._dead_letters = sink, clock, checkpoint, dead_letters
        self._problem = ""
        self._lock = asyncio.Lock()
        self._wake = asyncio.Event()
        self._sending: asyncio.Task[None] | None = None
        self._ticks: deque[Sequence[Tick]] = deque(maxlen=_WAITING_TICKS)
        self._ticks_wait = asyncio.Event()
        self._records = telemetry.counter("fairlead_sink_records_total", "Log records that the sink acknowledged.")
        self._samples = telemetry.counter("fairlead_sink_samples_total", "Metric samples that the sink acknowledged.")
        self._errors = telemetry.counter("fairlead_sink_errors_total", "Deliveries that failed and were tried again.", "sink")
        self._rejected = telemetry.counter("fairlead_sink_rejected_records_total", "Log records that the sink will never take.")
        self._dropped = telemetry.counter("fairlead_sink_dropped_samples_total", "Metric samples given up: the sink took none for long.")
        telemetry.gauge("fairlead_sink_waiting_samples", "Metric samples that wait for the sink.", lambda: float(len(self._ticks)))
        readiness.add("sink", lambda: self._problem)

    async def send(self, batches: Sequence[Batch]) -> None:
        """Deliver batches; a sink that is away is tried again with growing pauses, for ever.

        Cancelled, what the sink is taking just now still ends and is told as acknowledged.
        """
        async with self._lock:
            self._sending = asyncio.create_task(self._send(batches), name="deliver")
            await asyncio.shield(self._sending)

    def offer_ticks(self, ticks: Sequence[Tick]) -> None:
        """Hand a sample over without waiting; while the sink takes nothing the newest are kept."""
        if len(self._ticks) == _WAITING_TICKS:
            self._dropped.add()
        self._ticks.append(ticks)
        self._ticks_wait.set()

    async def run(self, host: str) -> None:
        """Deliver samples until cancelled."""
        pause_s = _FIRST_PAUSE_S
        while True:
            await self._ticks_wait.wait()
            self._ticks_wait.clear()
            while self._ticks:
                ticks = self._ticks.popleft()
                try:
                    async with self._lock:
                        await self._sink.send_ticks(ticks, host)
                except SinkUnavailable as error:
                    if len(self._ticks) < _WAITING_TICKS:
                        self._ticks.appendleft(ticks)
                    self._failed(error)
                    await self._pause(error.retry_after_s or pause_s)
                    pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
                except SinkRejected as error:
                    self._dropped.add()
                    log.error("sink rejected a sample, it is left out", sink=self._sink.name, error=error)
                else:
                    self._samples.add()
                    self._succeeded()
                    pause_s = _FIRST_PAUSE_S

    async def reopen(self) -> None:
        """Reopen the sink and end a pause: what kept it away may be mended."""
        await self._sink.reopen()
        self._wake.set()

    async def close(self) -> None:
        """Let a delivery that is under way end within a few seconds; one that waits for the sink to come back is given up."""
        if self._sending is None or self._sending.done():
            return
        if not self._problem:
            await asyncio.wait([self._sending], timeout=_CLOSE_S)
        self._sending.cancel()
        await asyncio.gather(self._sending, return_exceptions=True)

    async def _send(self, batches: Sequence[Batch]) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                await self._attempt(batches)
            except SinkUnavailable as error:
                self._failed(error)
                await self._pause(error.retry_after_s or pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - spreads retries, guards nothing
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            else:
                break
        self._succeeded()
        self._records.add(sum(len(batch.records) for batch in batches))
        if self._checkpoint is not None:
            self._checkpoint.acknowledged(batches)

    async def _attempt(self, batches: Sequence[Batch]) -> None:
        """Send once; what is rejected is buried, and the sink goes on with the rest."""
        if self._checkpoint is not None:
            await self._checkpoint.begin(batches)
        while True:
            try:
                return await self._sink.send(batches)
            except SinkRejected as error:
                if self._dead_letters is None:
                    raise
                lines = sum(len(batch.records) for batch in error.batches)
                log.error("sink rejected records, they go to the dead letters", sink=self._sink.name, records=lines, error=error)
                await asyncio.to_thread(self._dead_letters.bury, error.batches, str(error))
                self._rejected.add(lines)

    def _succeeded(self) -> None:
        if self._problem:
            log.info("sink takes records again", sink=self._sink.name)
        self._problem = ""

    def _failed(self, error: SinkUnavailable) -> None:
        self._errors.add(1, self._sink.name)
        if not self._problem:
            log.warning("sink unavailable, reading waits", sink=self._sink.name, error=error)
        self._problem = str(error)

    async def _pause(self, seconds: float) -> None:
        self._wake.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)
