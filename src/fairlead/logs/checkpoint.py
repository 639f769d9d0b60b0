"""How far each source was acknowledged, in a file: for sinks that do not keep the positions themselves.

Written at most once a second and at the end: what was acknowledged in the second before a kill is sent again, never left out.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec

from fairlead.core.clock import Clock
from fairlead.core.errors import SinkUnavailable
from fairlead.core.logsetup import Log
from fairlead.core.readiness import Readiness
from fairlead.core.record import Batch, Position
from fairlead.core.statedir import write_atomically
from fairlead.logs.identity import digest
from fairlead.logs.tail import DONE, GONE

log = Log("checkpoint")
VERSION = 1
COMMIT_S = 1.0
FORGET_NS = 30 * 86400 * 10**9
"""What is done or gone is remembered so long: its file may still match under another name."""


class _Content(msgspec.Struct, frozen=True):
    version: int
    checksum: str
    positions: msgspec.Raw


class CheckpointFile:
    """Positions by source; a file that cannot be read is moved aside, and all is read anew."""

    def __init__(self, file: Path, clock: Clock, readiness: Readiness) -> None:
        self._file, self._clock = file, clock
        self._positions = {position.source: position for position in self._load()}
        self._written = True
        self._problem = ""
        readiness.add("checkpoint", lambda: self._problem)

    def positions(self) -> list[Position]:
        """Return the position of each source."""
        return list(self._positions.values())

    async def begin(self, batches: Sequence[Batch]) -> None:
        """Remember sources that are new before their first record leaves, so that a kill cannot change their ids.

        SinkUnavailable where that cannot be written now.
        """
        fresh = [batch for batch in batches if batch.source not in self._positions]
        if not fresh:
            return
        nothing = digest(b"")
        starts = {b.source: msgspec.structs.replace(b.position, offset=b.start, tail_bytes=0, tail_hash=nothing) for b in fresh}
        await asyncio.to_thread(self._commit, [*self._positions.values(), *starts.values()])
        if self._problem:
            raise SinkUnavailable(f"checkpoint {self._problem}")
        self._positions |= starts

    def acknowledged(self, batches: Sequence[Batch]) -> None:
        """Remember how far batches reach; written with the next commit."""
        self._positions.update((batch.source, batch.position) for batch in batches)
        self._written = False

    async def run(self) -> None:
        """Commit each second until cancelled."""
        while True:
            await self._clock.sleep(COMMIT_S)
            if not self._written:
                self._written = True
                await asyncio.to_thread(self._commit, self.positions())

    def close(self) -> None:
        """Commit what is not written yet."""
        if not self._written:
            self._commit(self.positions())

    def _commit(self, positions: Sequence[Position]) -> None:
        encoded = msgspec.json.encode(positions)
        try:
            write_atomically(self._file, msgspec.json.encode(_Content(VERSION, digest(encoded), msgspec.Raw(encoded))))
        except OSError as error:
            self._written = False
            if not self._problem:
                log.error("checkpoint cannot be written", file=self._file, error=error)
            self._problem = f"cannot be written: {error.strerror}"
            return
        self._problem = ""

    def _load(self) -> list[Position]:
        try:
            content = msgspec.json.decode(self._file.read_bytes(), type=_Content)
            if content.version != VERSION or digest(bytes(content.positions)) != content.checksum:
                raise ValueError(f"version {content.version}, or its checksum is wrong")
            positions = msgspec.json.decode(content.positions, type=list[Position])
        except FileNotFoundError:
            return []
        except (ValueError, msgspec.MsgspecError) as error:
            aside = self._file.with_name(f"{self._file.name}.corrupt-{self._clock.wall_ns()}")
            self._file.rename(aside)
            log.error("checkpoint corrupt, moved aside; all files are read anew", moved_to=aside, error=error)
            return []
        oldest_ns = self._clock.wall_ns() - FORGET_NS
        return [position for position in positions if position.kind not in (DONE, GONE) or position.updated_ns >= oldest_ns]
