"""The collector's way in: what sources bring goes to the store, and what is no record goes aside first."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import orjson

from fairlead.core.clock import Clock
from fairlead.core.durable import append_to
from fairlead.core.errors import SinkUnavailable
from fairlead.core.logsetup import Log
from fairlead.core.record import format_time
from fairlead.core.telemetry import Telemetry
from fairlead.logs.collector.decode import Decoder, Poison
from fairlead.logs.collector.http_source import IngestRejected, Posted
from fairlead.store.interface import Intake

log = Log("collect")
Take = Callable[[Intake, Sequence[Poison]], Awaitable[None]]
KINDS = ("log", "heartbeat", "metric")


class IntakeDesk:
    """`store` takes an intake whole and durably; `poison` is the file that keeps what is none of an agent's records."""

    def __init__(self, store: Callable[[Intake], Awaitable[None]], poison: Path, clock: Clock, telemetry: Telemetry) -> None:
        self._store, self._poison, self._clock = store, poison, clock
        self._decoder = Decoder(clock)
        self._poisoned = telemetry.counter("fairlead_collect_poison_records_total", "Records that are none of an agent's, put aside.")

    async def take(self, intake: Intake, poison: Sequence[Poison]) -> None:
        """Store an intake; SinkUnavailable where that cannot be now: then nothing of it is stored."""
        if poison:
            await asyncio.to_thread(self.put_aside, poison)
        await self._store(intake)

    async def ingest(self, posted: Posted) -> int:
        """Store what was posted and return how many records it was; IngestRejected where none of it is a record."""
        if posted.kind not in KINDS:
            raise IngestRejected(f"Fairlead-Kind {posted.kind[:32]!r} is unknown; allowed are {', '.join(KINDS)}")
        values = [line for line in posted.lines.split(b"\n") if line]
        intake = Intake()
        poison = await asyncio.to_thread(self._decoder.decode, posted.kind, values, intake)
        if values and len(poison) == len(values):
            raise IngestRejected(f"no record among {len(values)} lines; the first: {poison[0].reason}")
        await self.take(intake, poison)
        return len(values)

    def put_aside(self, poison: Sequence[Poison]) -> None:
        """Append to the file of poison; SinkUnavailable where that cannot be now. Blocks."""
        now = format_time(self._clock.wall_ns())
        lines = b"".join(
            orjson.dumps(
                {"@timestamp": now, "error.message": one.reason, "place": one.place, "value": one.value.decode(errors="backslashreplace")}
            )
            + b"\n"
            for one in poison
        )
        try:
            append_to(self._poison, lines)
        except OSError as error:
            raise SinkUnavailable(f"{self._poison}: {error.strerror}") from None
        self._poisoned.add(len(poison))
        log.warning("records are none of an agent's, put aside", records=len(poison), file=self._poison, first=poison[0].reason)
