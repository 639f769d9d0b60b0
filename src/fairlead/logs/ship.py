"""The agent's way out: straight to the sink while it takes what comes, else through the spool.

While the sink is away, log files are the first queue: they are not read on. What could vanish meanwhile (a file that was rotated away) is
read all the same and goes into the spool, and so does what was in hand. A source that has something in the spool keeps to it until
the spool is empty, so its lines never overtake each other; other sources go straight to the sink again as soon as it is back.
"""

import asyncio
from collections import deque
from collections.abc import Sequence

import msgspec

from fairlead.core.clock import Clock
from fairlead.core.context import RunContext
from fairlead.core.errors import SinkError, SinkRejected, SinkUnavailable
from fairlead.core.logsetup import Log
from fairlead.core.record import Batch, Position
from fairlead.core.sink import Keyed, Kind, Sink
from fairlead.core.spool import Place, Spool, SpoolFull
from fairlead.logs.checkpoint import CheckpointFile
from fairlead.logs.delivery import Delivery
from fairlead.logs.spooling import pack_batch, pack_sample, unpack

log = Log("ship")
DRAIN_BYTES = 1 << 20
_WAITING_SAMPLES = 3600
_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 10.0


class Shipper:
    """`send` returns once batches are durable at the sink or in the spool, and `checkpoint` knows of it.

    Without a spool it waits for the sink. `output` is how the sink wants lines. A sink that has not acknowledged for `grace_s` is away.
    """

    def __init__(
        self,
        delivery: Delivery,
        sink: Sink,
        output: str,
        checkpoint: CheckpointFile,
        spool: Spool | None,
        context: RunContext,
        *,
        grace_s: float,
    ) -> None:
        self._grace_s = grace_s
        self._delivery, self._sink, self._output, self._checkpoint, self._spool = delivery, sink, output, checkpoint, spool
        self._clock: Clock = context.clock
        positions = checkpoint.positions()
        self._spooled = {position.source for position in positions if position.spooled} if spool and spool.frames else set[str]()
        self._delivered = {position.source: position for position in positions if position.source not in self._spooled}
        self._away = False
        self._filled, self._emptied = asyncio.Event(), asyncio.Event()
        if spool and spool.frames:
            self._filled.set()
        self._spool_lock = asyncio.Lock()
        self._problem = ""
        self._samples: deque[Keyed] = deque(maxlen=_WAITING_SAMPLES)
        self._samples_wait = asyncio.Event()
        telemetry = context.telemetry
        self._sampled = telemetry.counter("fairlead_sink_samples_total", "Metric samples that the sink acknowledged.")
        self._dropped = telemetry.counter("fairlead_sink_dropped_samples_total", "Metric samples given up: the sink took none for long.")
        telemetry.gauge("fairlead_sink_waiting_samples", "Metric samples that wait for the sink.", lambda: float(len(self._samples)))
        telemetry.gauge("fairlead_spool_bytes", "Bytes that wait in the spool.", lambda: float(spool.size_bytes if spool else 0))
        context.readiness.add("spool", lambda: self._problem)

    def away(self) -> bool:
        """Tell whether the sink takes nothing: then only what could vanish is to be read."""
        return self._away

    def spool_bytes(self) -> int:
        """Return how much waits in the spool."""
        return self._spool.size_bytes if self._spool else 0

    async def send(self, batches: Sequence[Batch]) -> None:
        """Deliver batches, or put them into the spool."""
        held = [batch for batch in batches if batch.source in self._spooled]
        direct = [batch for batch in batches if batch.source not in self._spooled] if held else batches
        if held:
            await self._put(held)
        if not any(len(batch) for batch in direct):
            # They only tell what has become of their source; the next heartbeat passes it on.
            self._acknowledge(direct)
        elif self._spool is None:
            await self.wait_and_send(direct)
        elif self._away:
            await self._put(direct)
        else:
            await self._begin(direct)
            await self._send_or_spool(direct)

    async def wait_and_send(self, batches: Sequence[Batch]) -> None:
        """Deliver batches whose source can wait: nothing of it vanishes."""
        await self._begin(batches)
        await self._delivery.send(batches, self._acknowledge)

    def offer_sample(self, sample: Keyed) -> None:
        """Hand a sample over without waiting; while the sink takes nothing it goes into the spool, else the newest are kept."""
        if len(self._samples) == _WAITING_SAMPLES:
            self._dropped.add()
        self._samples.append(sample)
        self._samples_wait.set()

    def take_delivered(self) -> list[Position]:
        """Return how far the sink itself acknowledged each source that moved since the last call; at the first, all."""
        delivered, self._delivered = self._delivered, {}
        return list(delivered.values())

    def give_back(self, positions: Sequence[Position]) -> None:
        """Take positions back that could not be told."""
        self._delivered = {position.source: position for position in positions} | self._delivered

    async def tell(self, kind: Kind, records: Sequence[Keyed]) -> None:
        """Deliver records that are of no use later; raises SinkError."""
        if self._away:
            raise SinkUnavailable("the sink is away")
        async with self._delivery.lock:
            await self._sink.send_records(kind, records)

    async def run(self) -> None:
        """Deliver samples, and what waits in the spool, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._send_samples())
            if self._spool is not None:
                group.create_task(self._drain(self._spool))

    async def reopen(self) -> None:
        """Reopen the sink, and try again at once."""
        await self._delivery.reopen()

    async def close(self) -> None:
        """End what is under way in good order."""
        await self._delivery.close()

    async def _begin(self, batches: Sequence[Batch]) -> None:
        """Make the ids of new sources durable; waits while that cannot be."""
        while True:
            try:
                return await self._checkpoint.begin(batches)
            except SinkUnavailable as error:
                self._delivery.failed(error)
                await self._delivery.pause(_PAUSE_S)

    async def _send_or_spool(self, batches: Sequence[Batch]) -> None:
        """Give the sink its time; then what is in hand goes into the spool, and the attempt that is under way ends unheard."""
        wanted = True
        sending = asyncio.ensure_future(
            self._delivery.send(batches, lambda sent: self._acknowledge(sent) if wanted else None, lambda: wanted)
        )
        try:
            await asyncio.wait([sending], timeout=self._grace_s)
            if sending.done():
                sending.result()
                return
            if not self._away:
                log.warning("sink away, what could vanish goes into the spool")
            self._away = True
            await self._put(batches, sending)
            wanted = False
        finally:
            if not sending.done():
                sending.add_done_callback(_look_at)
                if wanted:
                    sending.cancel()

    def _acknowledge(self, batches: Sequence[Batch]) -> None:
        for batch in batches:
            batch.position = self._note(batch.position)
        self._checkpoint.acknowledged(batches)

    def _note(self, position: Position) -> Position:
        """Take note that the sink itself has a source up to here."""
        delivered = msgspec.structs.replace(position, spooled=False) if position.spooled else position
        self._delivered[position.source] = delivered
        return delivered

    async def _put(self, batches: Sequence[Batch], sending: "asyncio.Future[bool] | None" = None) -> None:
        """Put batches into the spool; waits for room, unless `sending` ends well. Where nothing can be spooled, the sink is waited for."""
        assert self._spool is not None
        await self._begin(batches)
        for batch in batches:
            batch.position = msgspec.structs.replace(batch.position, spooled=True)
        frames = await asyncio.to_thread(lambda: [pack_batch(batch, self._output) for batch in batches])
        while not await self._append(frames):
            if sending is not None:
                await asyncio.wait([sending], timeout=_PAUSE_S)
                if sending.done():
                    sending.result()
                    self._back()
                    return
            elif self._spool.frames:
                await asyncio.sleep(_PAUSE_S)
            else:
                await self._delivery.send(batches, self._acknowledge)
                self._back()
                return
        self._spooled.update(batch.source for batch in batches)
        self._checkpoint.acknowledged(batches)

    async def _append(self, frames: Sequence[bytes]) -> bool:
        """Append frames durably; return False where there is no room now."""
        assert self._spool is not None
        async with self._spool_lock:
            try:
                await asyncio.to_thread(self._spool.append, frames)
            except (SpoolFull, OSError) as error:
                reason = error.strerror if isinstance(error, OSError) else str(error)
                if not self._problem:
                    log.error("spool takes nothing, reading stops until there is room", reason=reason)
                self._problem = f"takes nothing: {reason}"
                return False
            self._problem = ""
            self._filled.set()
            return True

    async def _drain(self, spool: Spool) -> None:
        """Deliver what waits in the spool, oldest first."""
        while True:
            await self._filled.wait()
            async with self._spool_lock:
                frames = await asyncio.to_thread(spool.read, DRAIN_BYTES)
                if not frames:
                    self._filled.clear()
                    # All that could be read of it was delivered: what was not is lost, and the statements shall tell.
                    for position in self._checkpoint.positions():
                        if position.source in self._spooled:
                            self._note(position)
                    self._spooled.clear()
                    self._back()
                    continue
            await self._deliver([frame.payload for frame in frames])
            await self._forget(spool, frames[-1].place)
            self._back()

    async def _forget(self, spool: Spool, place: Place) -> None:
        """Let go of what was delivered."""
        while True:
            try:
                async with self._spool_lock:
                    return await asyncio.to_thread(spool.acknowledge, place)
            except OSError as error:
                log.error("spool cannot take note of what was delivered, tried again", error=error)
                await self._clock.sleep(_PAUSE_S)

    async def _deliver(self, payloads: Sequence[bytes]) -> None:
        run: list[Batch] = []
        for payload in payloads:
            try:
                item = unpack(payload)
            except ValueError as error:
                log.error("spool holds what is no frame of ours, passed over", bytes=len(payload), error=error)
                continue
            if isinstance(item, Batch):
                run.append(item)
            else:
                await self._patiently(item)
        if run:
            await self._delivery.send(run)
            for batch in run:
                self._note(batch.position)

    async def _patiently(self, sample: Keyed) -> None:
        """Deliver a sample from the spool."""
        pause_s = _PAUSE_S
        while True:
            try:
                async with self._delivery.lock:
                    await self._sink.send_records("metric", [sample])
                self._delivery.succeeded()
                return
            except SinkUnavailable as error:
                self._delivery.failed(error)
                await self._delivery.pause(error.retry_after_s or pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            except SinkRejected as error:
                self._refuse(error)
                return

    def _back(self) -> None:
        if self._away:
            log.info("sink is back", spool_bytes=self.spool_bytes())
        self._away = False

    async def _send_samples(self) -> None:
        while True:
            await self._samples_wait.wait()
            self._samples_wait.clear()
            while self._samples:
                sample = self._samples[0]
                if self._away and self._spool is not None:
                    if not await self._append([pack_sample(sample)]):
                        break
                elif not await self._send_sample(sample):
                    self._samples_wait.set()
                    break
                if self._samples and self._samples[0] is sample:
                    self._samples.popleft()

    async def _send_sample(self, sample: Keyed) -> bool:
        """Deliver a sample; return False where it is to be tried again, after a pause."""
        try:
            async with self._delivery.lock:
                await self._sink.send_records("metric", [sample])
        except SinkUnavailable as error:
            self._delivery.failed(error)
            await self._delivery.pause(error.retry_after_s or _PAUSE_S)
            return False
        except SinkRejected as error:
            self._refuse(error)
            return True
        self._sampled.add()
        self._delivery.succeeded()
        return True

    def _refuse(self, error: SinkError) -> None:
        self._dropped.add()
        log.error("sink rejected a sample, it is left out", sink=self._sink.name, error=error)


def _look_at(task: "asyncio.Future[bool]") -> None:
    """Take the result of an attempt that nobody waits for any more."""
    if not task.cancelled():
        task.exception()
