"""Between the readers of logs and a sink: one call at a time, tried again until the sink takes it."""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress

from fairlead.core.clock import Clock
from fairlead.core.errors import SinkRejected, SinkUnavailable
from fairlead.core.logsetup import Log
from fairlead.core.readiness import Readiness
from fairlead.core.record import Batch
from fairlead.core.sink import BatchSink
from fairlead.core.telemetry import Telemetry
from fairlead.logs.deadletter import DeadLetterFile

log = Log("delivery")
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 5.0
_CLOSE_S = 3.0


class Delivery:
    """`send` returns once the sink has acknowledged; while it cannot, the caller waits, and so reads nothing more.

    `dead_letters` take what the sink never will; a sink without them keeps it itself.
    """

    def __init__(
        self, sink: BatchSink, clock: Clock, telemetry: Telemetry, readiness: Readiness, dead_letters: DeadLetterFile | None = None
    ) -> None:
        self.sink, self._clock, self._dead_letters = sink, clock, dead_letters
        self._problem = ""
        self.lock = asyncio.Lock()
        """Held while the sink is called."""
        self._wake = asyncio.Event()
        self._sending: asyncio.Task[bool] | None = None
        self._records = telemetry.counter("fairlead_sink_records_total", "Log records that the sink acknowledged.")
        self._errors = telemetry.counter("fairlead_sink_errors_total", "Deliveries that failed and were tried again.", "sink")
        self._rejected = telemetry.counter("fairlead_sink_rejected_records_total", "Log records that the sink will never take.")
        readiness.add("sink", lambda: self._problem)

    async def send(
        self,
        batches: Sequence[Batch],
        acknowledged: Callable[[Sequence[Batch]], None] = lambda _: None,
        wanted: Callable[[], bool] = lambda: True,
    ) -> bool:
        """Deliver batches; a sink that is away is tried again with growing pauses, for ever, or until they are not `wanted` any more.

        Returns whether they were acknowledged; `acknowledged` is told so at once. Cancelled, what the sink is taking just now still ends.
        """
        async with self.lock:
            self._sending = asyncio.create_task(self._send(batches, acknowledged, wanted), name="deliver")
            return await asyncio.shield(self._sending)

    async def reopen(self) -> None:
        """Reopen the sink and end a pause: what kept it away may be mended."""
        await self.sink.reopen()
        self._wake.set()

    async def close(self) -> None:
        """Let a delivery that is under way end within a few seconds; one that waits for the sink to come back is given up."""
        if self._sending is None or self._sending.done():
            return
        if not self._problem:
            await asyncio.wait([self._sending], timeout=_CLOSE_S)
        self._sending.cancel()
        await asyncio.gather(self._sending, return_exceptions=True)

    async def _send(self, batches: Sequence[Batch], acknowledged: Callable[[Sequence[Batch]], None], wanted: Callable[[], bool]) -> bool:
        pause_s = _FIRST_PAUSE_S
        while wanted():
            try:
                await self._attempt(batches)
            except SinkUnavailable as error:
                self.failed(error)
                if wanted():
                    await self.pause(error.retry_after_s or pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - spreads retries, guards nothing
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            else:
                self.succeeded()
                self._records.add(sum(len(batch) for batch in batches))
                acknowledged(batches)
                return True
        return False

    async def _attempt(self, batches: Sequence[Batch]) -> None:
        """Send once; what is rejected is buried, and the sink goes on with the rest."""
        while True:
            try:
                return await self.sink.send(batches)
            except SinkRejected as error:
                if self._dead_letters is None:
                    raise
                lines = sum(len(batch) for batch in error.batches)
                log.error("sink rejected records, they go to the dead letters", sink=self.sink.name, records=lines, error=error)
                await asyncio.to_thread(self._dead_letters.bury, error.batches, str(error))
                self._rejected.add(lines)

    def succeeded(self) -> None:
        """Take note that the sink took something."""
        if self._problem:
            log.info("sink takes records again", sink=self.sink.name)
        self._problem = ""

    def failed(self, error: SinkUnavailable) -> None:
        """Take note that it did not."""
        self._errors.add(1, self.sink.name)
        if not self._problem:
            log.warning("sink unavailable, reading waits", sink=self.sink.name, error=error)
        self._problem = str(error)

    async def pause(self, seconds: float) -> None:
        """Wait so long, or until the sink was reopened."""
        self._wake.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)
