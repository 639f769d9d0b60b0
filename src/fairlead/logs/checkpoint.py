"""How far each source was acknowledged, in files: for sinks that do not keep the positions themselves.

Written at most once a second and at the end: what was acknowledged in the second before a kill is sent again, never left out.
A commit writes what changed, whatever the number of sources; how it lies on the disk is told in slots.py.
"""

import asyncio
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from fairlead.core.clock import Clock
from fairlead.core.errors import SinkUnavailable
from fairlead.core.logsetup import Log
from fairlead.core.readiness import Readiness
from fairlead.core.record import Batch, Position
from fairlead.logs.checkpoint_json import CheckpointJson
from fairlead.logs.identity import digest
from fairlead.logs.rotation import Rotations
from fairlead.logs.slots import Slots
from fairlead.logs.tail import DONE, GONE

log = Log("checkpoint")
COMMIT_S = 1.0
FORGET_NS = 30 * 86400 * 10**9
"""What is done or gone is remembered so long, and then as long as a file is left that is known by it: it would be read again."""
_LOOKED_FOR_AT_ONCE = 100
"""Of so many sources files are sought before a snapshot: the others are remembered until another one."""


def nothing(step: str) -> None:
    """Do nothing before a durable step; tests do."""


class CheckpointFile:
    """Positions by source; where they cannot be read the files are moved aside, and all is read anew.

    The loop owns the positions. What changed goes by a queue to the thread that writes; what could not be written stays
    there, for the next commit.
    """

    def __init__(self, folder: Path, clock: Clock, readiness: Readiness, *, step: Callable[[str], None] = nothing) -> None:
        self._folder, self._clock, self._step = folder, clock, step
        self._slots = Slots(folder, step)
        self._positions = self._slots.load(clock.wall_ns())
        self._json = CheckpointJson(folder / "checkpoint.json", step)
        if not self._slots.holds():
            self._positions = self._json.load(clock.wall_ns())
        self._looked_for = 0
        """Of how many old sources files were sought in this round."""
        self._starting: set[str] = set()
        """New sources of which nothing is durable yet."""
        self._changed: deque[Position] = deque()
        self._unwritten: dict[str, Position] = {}
        self._turn, self._writing = asyncio.Lock(), threading.Lock()
        self._closed = False
        self._problem = ""
        readiness.add("checkpoint", lambda: self._problem)

    def positions(self) -> list[Position]:
        """Return the position of each source."""
        return list(self._positions.values())

    async def begin(self, batches: Sequence[Batch]) -> None:
        """Remember sources that are new before their first record leaves, so that a kill cannot change their ids.

        SinkUnavailable where that cannot be written now.
        """
        for batch in batches:
            if batch.source not in self._positions:
                self._set(_start(batch))
        if not self._starting.isdisjoint(sources := [batch.source for batch in batches]):
            await self.commit()
            if not self._starting.isdisjoint(sources):
                raise SinkUnavailable(f"checkpoint {self._problem}")

    def acknowledged(self, batches: Sequence[Batch]) -> None:
        """Remember how far batches reach; written with the next commit."""
        for batch in batches:
            self._set(batch.position)

    async def commit(self) -> None:
        """Make durable what changed; whoever comes while a commit is written shares the next one."""
        async with self._turn:
            outgrown = self._slots.outgrown
            if outgrown:
                await self._forget()
            if outgrown or self._changed or self._unwritten or self._json.remains:
                await asyncio.to_thread(self._commit, compact=outgrown)

    async def run(self) -> None:
        """Commit each second until cancelled."""
        while True:
            await self._clock.sleep(COMMIT_S)
            await self.commit()

    def close(self) -> None:
        """Commit what is not written yet; nothing is written any more."""
        self._commit(compact=False)
        self._closed = True

    def _set(self, position: Position) -> None:
        if position.source not in self._positions:
            # Before it can be written, so that the thread does not take it out too early.
            self._starting.add(position.source)
        self._positions[position.source] = position
        self._changed.append(position)

    async def _forget(self) -> None:
        """Leave out what was done or gone long ago and has left no file, before the snapshot that will not hold it."""
        oldest_ns = self._clock.wall_ns() - FORGET_NS
        old = [position for position in self._positions.values() if position.kind in (DONE, GONE) and position.updated_ns < oldest_ns]
        begin = self._looked_for if self._looked_for < len(old) else 0
        some = old[begin : begin + _LOOKED_FOR_AT_ONCE]
        for position in await asyncio.to_thread(_without_file, some):
            # It may have been told of meanwhile.
            if self._positions.get(position.source) is position:
                del self._positions[position.source]
        self._looked_for = begin + len(some)

    def _commit(self, *, compact: bool) -> None:
        with self._writing:
            if self._closed:
                return
            while self._changed:
                position = self._changed.popleft()
                self._unwritten[position.source] = position
            try:
                self._write()
            except OSError as error:
                if not self._problem:
                    log.error("checkpoint cannot be written", folder=self._folder, error=error)
                self._problem = f"cannot be written: {error.strerror}"
                return
            self._starting.difference_update(self._unwritten)
            self._unwritten.clear()
            self._problem = ""
            if compact:
                self._compact()

    def _write(self) -> None:
        if not self._slots.holds():
            if self._positions:
                self._slots.snapshot(self.positions())
        elif self._unwritten:
            self._slots.append(self._unwritten.values())
        self._json.remove()

    def _compact(self) -> None:
        try:
            self._slots.snapshot(self.positions())
        except OSError as error:
            log.warning("checkpoint has no room for a snapshot, its slot grows on", folder=self._folder, error=error)


def _without_file(positions: Sequence[Position]) -> list[Position]:
    """Return those positions of which no file is left: neither itself under any name beside its path, nor a copy of it."""
    rotations, gone = Rotations(), list[Position]()
    for position in positions:
        successor = rotations.find_successor(position)
        if successor is None:
            gone.append(position)
        else:
            os.close(successor.descriptor)
    return gone


def _start(batch: Batch) -> Position:
    """Return where a new source stands before its first batch: nothing of it was read, nor is it at its end."""
    kind = "file" if batch.position.kind in (DONE, GONE) else batch.position.kind
    return msgspec.structs.replace(batch.position, offset=batch.start, kind=kind, tail_bytes=0, tail_hash=digest(b""), cursor="")
