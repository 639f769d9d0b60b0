"""Checkpoints under kills at every durable step, power cuts, and steps that fail."""

import asyncio
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairlead.core.errors import SinkUnavailable
from fairlead.core.readiness import Readiness
from fairlead.logs import slots
from fairlead.logs.checkpoint import CheckpointFile
from tests.support.checkpoints import Offsets, Promise, Work, found, opened, reach

STEPS = ("append", "fsync", "snapshot", "rename", "folder")


@pytest.fixture(autouse=True)
def small_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let slots be outgrown by a few commits; a kill leaves the kernel's pages, so the disk need not be waited for."""
    monkeypatch.setattr(slots, "FLOOR_BYTES", 900)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def run_until_killed(folder: Path, report: Path, kill_at: tuple[str, int]) -> bool:
    """Work in a child process that ends at the n-th time of a step; return whether it got to its end instead."""
    child = os.fork()
    if child == 0:
        try:
            _work_in_child(folder, report, *kill_at)
        finally:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 137), "the child fails by itself"
    return code == 0


def _work_in_child(folder: Path, report: Path, kill_at: str, times: int) -> None:
    left = times

    def step(name: str) -> None:
        nonlocal left
        left -= kill_at in ("", name.removeprefix("checkpoint "))
        if left == 0:
            os._exit(137)

    def tell(what: str, offsets: Offsets) -> None:
        with report.open("a") as stream:
            stream.write(f"{what} {' '.join(f'{name}={offset}' for name, offset in offsets.items())}\n")

    async def main() -> None:
        checkpoint = opened(folder, step)
        known = {position.source: position.offset for position in checkpoint.positions()}
        await Work(known, tell).run(checkpoint)
        await asyncio.to_thread(checkpoint.close)

    asyncio.run(main())
    os._exit(0)


def promised(report: Path, known: Offsets = {}) -> Promise:  # noqa: B006 - copied
    promise = Promise(known)
    for line in report.read_text().splitlines() if report.exists() else []:
        what, *pairs = line.split()
        promise.tell(what, {name: int(offset) for name, offset in (pair.split("=") for pair in pairs)})
    report.unlink(missing_ok=True)
    return promise


@pytest.mark.parametrize("name", STEPS)
def test_a_kill_at_any_step_leaves_what_was_committed(tmp_path: Path, name: str) -> None:
    for times in range(1, 40):
        folder = tmp_path / str(times)
        folder.mkdir()
        ended = run_until_killed(folder, tmp_path / "report", (name, times))
        promised(tmp_path / "report").check(known := found(folder))
        # And a second kill soon after.
        run_until_killed(folder, tmp_path / "report", ("", 1 + times % 7))
        promised(tmp_path / "report", known).check(found(folder))
        if ended:
            break
    assert ended
    assert times > 3, "every step comes several times"


def test_a_power_cut_at_any_step_leaves_what_was_committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, promise, cuts = tmp_path / "live", Promise(), 0
    folder.mkdir()
    disk = Disk(folder, monkeypatch)

    def cut(name: str) -> None:
        nonlocal cuts
        for left in disk.after_a_cut(tmp_path):
            cuts += 1
            promise.check(found(left))

    def tell(what: str, offsets: Offsets) -> None:
        promise.tell(what, offsets)
        cut(what)

    asyncio.run(Work({}, tell).run(opened(folder, cut)))
    assert cuts > 300


class Disk:
    """What would be left of a folder if the power went: what was fsynced, and whatever else the kernel happened to write."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder, self._names, self._content, self._cuts = folder, dict[str, int](), dict[int, bytes](), 0
        monkeypatch.setattr(os, "fsync", self._fsynced)

    def _fsynced(self, descriptor: int) -> None:
        target = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if target == self._folder:
            self._names = self._listing()
        elif target.parent == self._folder:
            self._content[target.stat().st_ino] = target.read_bytes()

    def _listing(self) -> dict[str, int]:
        return {entry.name: entry.inode() for entry in os.scandir(self._folder)}

    def after_a_cut(self, scratch: Path) -> Iterator[Path]:
        """Yield folders as a power cut now may leave them."""
        now = self._listing()
        for names in (self._names, now):
            for more in (0.0, 0.5, 1.0):
                self._cuts += 1
                left = scratch / f"cut{self._cuts}"
                left.mkdir()
                for name, inode in names.items():
                    durable = self._content.get(inode, b"")
                    written = (self._folder / name).read_bytes() if now.get(name) == inode else durable
                    (left / name).write_bytes(durable + written[len(durable) :][: int(more * (len(written) - len(durable)))])
                yield left


ACTIONS = st.one_of(
    st.tuples(st.just("begin"), st.sampled_from("abc"), st.integers(0, 0)),
    st.tuples(st.just("acknowledge"), st.sampled_from("abc"), st.integers(1, 9)),
    st.tuples(st.sampled_from(["commit", "kill", "end"]), st.just(""), st.integers(0, 0)),
    st.tuples(st.just("fail"), st.just(""), st.integers(0, 6)),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=st.lists(ACTIONS, max_size=40))
def test_every_source_stands_between_its_last_commit_and_its_last_acknowledgement(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, str, int]]
) -> None:
    asyncio.run(Model(tmp_path_factory.mktemp("model")).check(actions))


class Model:
    """What must be found again, and what may; durable steps fail when they are told to."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.committed, self.acknowledged = folder, dict[str, int](), dict[str, int]()
        self.failing_in, self.readiness = 0, Readiness()

    def step(self, name: str) -> None:
        self.failing_in -= 1
        if self.failing_in == 0:
            raise OSError(errno.EIO, "Input/output error")

    def open(self) -> CheckpointFile:
        checkpoint = opened(self.folder, self.step, readiness=self.readiness)
        found = {position.source: position.offset for position in checkpoint.positions()}
        for source in {*found, *self.committed}:
            assert self.committed.get(source, 0) <= found.get(source, 0) <= self.acknowledged.get(source, 0)
        assert not self.committed.keys() - found.keys()
        self.committed, self.acknowledged = dict(found), dict(found)
        return checkpoint

    async def check(self, actions: list[tuple[str, str, int]]) -> None:
        checkpoint = self.open()
        for action, source, number in actions:
            if action == "begin":
                offset = self.acknowledged.setdefault(source, 0)
                try:
                    await checkpoint.begin([reach(source, offset + 1, start=offset)])
                except SinkUnavailable:
                    continue
                self.committed.setdefault(source, offset)
            elif action == "acknowledge":
                self.acknowledged[source] = self.acknowledged.get(source, 0) + number
                checkpoint.acknowledged([reach(source, self.acknowledged[source])])
            elif action == "fail":
                self.failing_in = number
            elif action == "commit":
                await checkpoint.commit()
                if not self.readiness.problems()["checkpoint"]:
                    self.committed = dict(self.acknowledged)
            else:
                if action == "end":
                    self.failing_in = 0
                    await asyncio.to_thread(checkpoint.close)
                    self.committed = dict(self.acknowledged)
                checkpoint = self.open()
        await asyncio.to_thread(checkpoint.close)
