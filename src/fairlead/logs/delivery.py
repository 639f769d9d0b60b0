"""Between the readers of logs and the sink: one call at a time, tried again until the sink takes it."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress

from fairlead.core.clock import Clock
from fairlead.core.errors import SinkRejected, SinkUnavailable
from fairlead.core.logsetup import Log
from fairlead.core.readiness import Readiness
from fairlead.core.record import Batch
from fairlead.core.sink import Sink
from fairlead.core.telemetry import Telemetry

log = Log("delivery")
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0


class Delivery:
    """`send` returns once the sink has acknowledged; while it cannot, the caller waits, and so reads nothing more."""

    def __init__(self, sink: Sink, clock: Clock, telemetry: Telemetry, readiness: Readiness) -> None:
        self._sink, self._clock = sink, clock
        self._problem = ""
        self._lock = asyncio.Lock()
        self._wake = asyncio.Event()
        self._records = telemetry.counter("fairlead_sink_records_total", "Log records that the sink acknowledged.")
        self._errors = telemetry.counter("fairlead_sink_errors_total", "Deliveries that failed and were tried again.", "sink")
        self._rejected = telemetry.counter("fairlead_sink_rejected_records_total", "Log records that the sink will never take.")
        readiness.add("sink", lambda: self._problem)

    async def send(self, batches: Sequence[Batch]) -> None:
        """Deliver batches; a sink that is away is tried again with growing pauses, for ever."""
        async with self._lock:
            pause_s = _FIRST_PAUSE_S
            while True:
                try:
                    await self._sink.send(batches)
                except SinkUnavailable as error:
                    self._failed(error)
                    await self._pause(error.retry_after_s or pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - spreads retries, guards nothing
                    pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
                except SinkRejected as error:
                    self._rejected.add(sum(len(batch.records) for batch in batches))
                    log.error("sink rejected records, they are left out", sink=self._sink.name, error=error)
                    return
                else:
                    self._records.add(sum(len(batch.records) for batch in batches))
                    if self._problem:
                        log.info("sink takes records again", sink=self._sink.name)
                    self._problem = ""
                    return

    async def reopen(self) -> None:
        """Reopen the sink and end a pause: what kept it away may be mended."""
        await self._sink.reopen()
        self._wake.set()

    def _failed(self, error: SinkUnavailable) -> None:
        self._errors.add(1, self._sink.name)
        if not self._problem:
            log.warning("sink unavailable, reading waits", sink=self._sink.name, error=error)
        self._problem = str(error)

    async def _pause(self, seconds: float) -> None:
        self._wake.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)
