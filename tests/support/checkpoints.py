"""Checkpoints as tests need them: opened in any folder, put to work, and what they promised meanwhile."""

import asyncio
import errno
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from fairlead.core.readiness import Readiness
from fairlead.core.record import Batch, Position
from fairlead.logs.checkpoint import CheckpointFile, nothing
from tests.support.samples import ManualClock

Offsets = dict[str, int]


def reach(source: str, offset: int, start: int = 0, **more: object) -> Batch:
    """Return a batch of a source that reaches to an offset; `more` are further fields of its position."""
    position = msgspec.structs.replace(Position(source, f"/log/{source}", offset, tail_bytes=min(offset, 256), tail_hash="ab" * 16), **more)
    return Batch(source, position.path, start, offset, 0, [], position)


def opened(
    folder: Path, step: Callable[[str], None] = nothing, clock: ManualClock | None = None, readiness: Readiness | None = None
) -> CheckpointFile:
    """Open a checkpoint; under a running loop in a thread of its own, because it reads and may write."""

    def make() -> CheckpointFile:
        return CheckpointFile(folder, clock or ManualClock(), readiness or Readiness(), step=step)

    if asyncio._get_running_loop() is None:
        return make()
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(make).result()


def found(folder: Path) -> Offsets:
    """Return the offset of each source as a new start finds it."""
    return {position.source: position.offset for position in opened(folder).positions()}


class Kept:
    """A checkpoint in a folder, opened as often as one likes."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock, self.readiness = folder, ManualClock(), Readiness()
        self.steps: list[str] = []
        self.refused = ""

    def step(self, name: str) -> None:
        self.steps.append(name)
        if name == self.refused:
            raise OSError(errno.ENOSPC, "No space left on device")

    def open(self) -> CheckpointFile:
        return opened(self.folder, self.step, self.clock, self.readiness)

    @property
    def problem(self) -> str:
        return self.readiness.problems()["checkpoint"]

    def offsets(self) -> dict[str, int]:
        """Return the offset of each source as a new start finds it."""
        return {position.source: position.offset for position in self.open().positions()}

    async def commit(self, checkpoint: CheckpointFile, *batches: Batch) -> list[str]:
        """Acknowledge batches durably; return the steps that it took."""
        before = len(self.steps)
        checkpoint.acknowledged(batches)
        await checkpoint.commit()
        return [step.removeprefix("checkpoint ") for step in self.steps[before:]]


class Work:
    """Rounds of a growing number of sources, each begun, acknowledged and committed; what was promised is told before and after."""

    def __init__(self, known: Offsets, tell: Callable[[str, Offsets], None], rounds: int = 17) -> None:
        self.reached, self._tell, self._rounds = dict(known), tell, rounds

    async def run(self, checkpoint: CheckpointFile) -> None:
        for round_ in range(self._rounds):
            # One source rests, the others go on; a new one comes every third round.
            names = [f"s{i}" for i in range(1 + round_ // 3) if i != round_ % 4 or i == 0]
            batches = [reach(name, self.reached.get(name, 0) + 10, self.reached.get(name, 0)) for name in names]
            nothing_yet = dict.fromkeys(names, 0)
            self._tell("acknowledged", nothing_yet | self.reached)
            await checkpoint.begin(batches)
            self._tell("begun", nothing_yet)
            self.reached |= {batch.source: batch.end for batch in batches}
            self._tell("acknowledged", self.reached)
            checkpoint.acknowledged(batches)
            await checkpoint.commit()
            self._tell("committed", self.reached)


class Promise:
    """What must be found at least, and at most."""

    def __init__(self, known: Offsets = {}) -> None:  # noqa: B006 - copied
        self.least, self.most = dict(known), dict(known)

    def tell(self, what: str, offsets: Offsets) -> None:
        if what == "acknowledged":
            self.most |= offsets
        else:
            self.least |= {name: max(offset, self.least.get(name, 0)) for name, offset in offsets.items()}

    def check(self, offsets: Offsets) -> None:
        assert self.least.keys() <= offsets.keys() <= self.most.keys()
        for name, offset in offsets.items():
            assert self.least.get(name, 0) <= offset <= self.most[name], name
