"""The spool under a kill at every durable step, power cuts, and ends torn at every byte."""

import os
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fairlead.core.durable import no_step
from fairlead.core.spool import Frame, Spool
from fairlead.core.spool.format import segment_path
from fairlead.core.spool.repair import repair
from fairlead.core.spool.verify import Verification

MAX_BYTES = 8 * 600
STEPS = ("append", "fsync", "create", "seal", "head", "unlink")
Step = Callable[[str], None]


def payload(number: int) -> bytes:
    return f"frame {number} ".encode() * (3 + number % 7)


def number(frame: Frame) -> int:
    return int(frame.payload.split()[1])


class Work:
    """Appends and acknowledges; tells the report what it found, what it is about to do and what returned, as the spool's owner knows it."""

    def __init__(self, folder: Path, tell: Callable[[str], None], step: Step) -> None:
        self._spool, self._tell = Spool(folder, MAX_BYTES, step=step), tell

    def run(self, first: int, rounds: int = 16) -> None:
        """Go on behind what lies there; an empty spool goes on with frame `first`."""
        spool, tell = self._spool, self._tell
        spool.open()
        found = spool.read(1 << 20)
        assert found == [] or [frame.payload for frame in found] == [payload(i) for i in range(number(found[0]), number(found[-1]) + 1)]
        assert (spool.read(1 << 20), list(spool.problems), spool.frames) == ([], [], len(found))
        spool.rewind()
        following = number(found[-1]) + 1 if found else first
        tell(f"found {number(found[0]) if found else first} {following}")
        for index in range(rounds):
            count = 1 + index % 3
            tell(f"append {following + count}")
            spool.append([payload(following + i) for i in range(count)])
            tell("done")
            following += count
            # What waits falls behind, catches up in the middle of a segment, and is drained now and then.
            if index % 2 and (frames := spool.read(10_000 if index % 8 == 7 else 60)):
                tell(f"acknowledge {number(frames[-1]) + 1}")
                spool.acknowledge(frames[-1].place)
                tell("done")
        spool.close()


class Promise:
    """What must stand in the spool: all frames from one of `begins` up to one of `ends`."""

    def __init__(self) -> None:
        self.begins, self.ends = {0}, {0}

    def tell(self, line: str) -> None:
        what, *numbers = line.split()
        if what == "append":
            self.ends.add(int(numbers[0]))
        elif what == "acknowledge":
            self.begins.add(int(numbers[0]))
        elif what == "done":
            self.begins, self.ends = {max(self.begins)}, {max(self.ends)}
        else:
            begin, end = map(int, numbers)
            assert begin in self.begins, (line, self.begins)
            assert end in self.ends, (line, self.ends)
            self.begins, self.ends = {begin}, {end}

    def check(self, folder: Path) -> None:
        """Hold the promise to what lies in a folder."""
        Work(folder, self.tell, no_step).run(max(self.begins), 0)


@pytest.fixture(autouse=True)
def no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill leaves the kernel's pages, so the disk need not be waited for."""
    for call in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, call, lambda _: None)


def run_until_killed(work: Callable[[Callable[[str], None], Step], object], report: Path, name: str, times: int) -> bool:
    """Work in a child process that ends at the n-th time of a step (of any: ""); return whether it got to its end instead."""
    child = os.fork()
    if child == 0:
        try:
            left = times

            def step(reached: str) -> None:
                nonlocal left
                left -= reached.removeprefix("spool ").startswith(name)
                if left == 0:
                    os._exit(137)

            def tell(line: str) -> None:
                with report.open("a") as stream:
                    stream.write(f"{line}\n")

            work(tell, step)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 137), "the child fails by itself"
    return code == 0


def take_report(report: Path, promise: Promise) -> None:
    for line in report.read_text().splitlines() if report.exists() else ():
        promise.tell(line)
    report.unlink(missing_ok=True)


@pytest.mark.parametrize("name", STEPS)
def test_a_kill_at_any_step_loses_and_doubles_nothing(tmp_path: Path, name: str) -> None:
    report, ended, times = tmp_path / "report", False, 0
    while not ended:
        times += 1
        assert times < 200, "the work comes to its end"
        folder, promise = tmp_path / str(times), Promise()
        ended = run_until_killed(lambda tell, step: Work(folder, tell, step).run(0), report, name, times)  # noqa: B023 - called here
        take_report(report, promise)
        # And a second kill soon after, some of them in the opening.
        for again in (times % 7 + 1, 1000):
            first = max(promise.begins)
            run_until_killed(lambda tell, step: Work(folder, tell, step).run(first), report, "", again)  # noqa: B023 - called here
            take_report(report, promise)
        promise.check(folder)
    assert times > 3, "every step comes several times"


def test_a_power_cut_at_any_step_loses_and_doubles_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, promise, cuts = tmp_path / "live", Promise(), 0
    folder.mkdir()
    disk = Disk(folder, monkeypatch)

    def cut(_: str) -> None:
        nonlocal cuts
        for left in disk.after_a_cut(tmp_path):
            cuts += 1
            copy = Promise()
            copy.begins, copy.ends = promise.begins, promise.ends
            copy.check(left)

    def tell(line: str) -> None:
        promise.tell(line)
        cut(line)

    Work(folder, tell, cut).run(0)
    assert cuts > 300


Name = tuple[str, int]
"""Of a file, and its inode: a new file may get an unlinked one's."""


class Disk:
    """What would be left of a folder if the power went: what was fsynced, and whatever else the kernel happened to write."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder, self._names, self._content, self._cuts = folder, set[Name](), dict[Name, bytes](), 0
        monkeypatch.setattr(os, "fsync", self._synced)
        monkeypatch.setattr(os, "fdatasync", self._synced)

    def _synced(self, descriptor: int) -> None:
        target = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if target == self._folder:
            self._names = self._listing()
        elif target.parent == self._folder:
            self._content[target.name, target.stat().st_ino] = target.read_bytes()

    def _listing(self) -> set[Name]:
        return {(entry.name, entry.inode()) for entry in os.scandir(self._folder)}

    def after_a_cut(self, scratch: Path) -> Iterator[Path]:
        """Yield folders as a power cut now may leave them."""
        now = self._listing()
        for names in (self._names, now):
            for part in ("none", "begun", "zeros", "all"):
                self._cuts += 1
                left = scratch / f"cut{self._cuts}"
                left.mkdir()
                for name in names:
                    durable = self._content.get(name, b"")
                    written = (self._folder / name[0]).read_bytes() if name in now else durable
                    (left / name[0]).write_bytes(_left(durable, written, part))
                yield left


def _left(durable: bytes, written: bytes, part: str) -> bytes:
    """Return what a cut may leave of a file that was `durable` and since then `written`; what was only made longer may be zeros."""
    more = written[len(durable) :]
    if part == "none" or (part != "all" and not more):
        return durable
    if part == "begun":
        return durable + more[: len(more) // 2]
    if part == "zeros":
        return durable + bytes(len(more))
    return written


@pytest.mark.parametrize("unwritten", [False, True], ids=["cut", "unwritten"])
def test_an_end_torn_at_any_byte_is_cut_without_complaint(tmp_path: Path, unwritten: bool) -> None:
    folder = tmp_path / "spool"
    spool = Spool(folder, 1 << 20)
    spool.open()
    spool.append([payload(0), payload(1)])
    file = segment_path(folder, 1)
    before = file.stat().st_size
    spool.append([payload(2), payload(3), payload(4)])
    spool.close()
    whole = file.read_bytes()
    for size in range(before, len(whole)):
        file.write_bytes(whole[:before].ljust(size + 1, b"\0") if unwritten else whole[:size])
        spool = Spool(folder, 1 << 20)
        spool.open()
        assert (spool.frames, spool.size_bytes, file.stat().st_size) == (2, before, before), size
        spool.append([payload(5)])
        assert [number(frame) for frame in spool.read(1 << 20)] == [0, 1, 5]
        spool.close()
        assert not spool.problems


def test_blocks_that_a_power_cut_left_unwritten_take_their_append_along(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    spool = Spool(folder, 1 << 20)
    spool.open()
    spool.append([b"before"])
    file = segment_path(folder, 1)
    before = file.stat().st_size
    spool.append([bytes([65 + i]) * 9000 for i in range(3)])
    spool.close()
    whole = file.read_bytes()
    for page in range(4096, len(whole), 4096):
        file.write_bytes(whole[:page] + bytes(len(whole[page : page + 4096])) + whole[page + 4096 :])
        spool = Spool(folder, 1 << 20)
        spool.open()
        found = [frame.payload for frame in spool.read(1 << 20)]
        spool.close()
        if page + 4096 > before + len(whole[before:]) * 2 // 3:
            assert (found, file.stat().st_size, list(spool.problems)) == ([b"before"], before, []), page
        else:
            # A frame of the same append behind the hole is whole: that may as well be damage to what was durable.
            assert found[0] == b"before"
            assert b"C" * 9000 in found


def test_a_kill_at_any_step_of_a_repair_can_be_repaired(tmp_path: Path) -> None:
    ended, times = False, 0
    while not ended:
        times += 1
        assert times < 60, "the repair comes to its end"
        folder = tmp_path / str(times)
        spool = Spool(folder, MAX_BYTES)
        spool.open()
        for i in range(40):
            spool.append([payload(i)])
        spool.acknowledge(spool.read(1)[0].place)
        spool.acknowledge(spool.read(60)[0].place)
        spool.close()
        names = sorted(folder.glob("*.seg"))
        assert len(names) > 5
        for name in (names[0], names[2], names[-1]):
            _flip(name, name.stat().st_size // 2)
        names[4].unlink()
        expected = _readable(folder)
        assert 25 < len(expected) < 38
        ended = run_until_killed(lambda _, step: repair(folder, 7, step=step), tmp_path / "report", "", times)  # noqa: B023 - called here
        assert _readable(folder) == expected
        done = repair(folder, 8)
        assert done.kept == len(expected)
        assert _readable(folder) == expected
        assert not repair(folder, 9).problems
    assert times > 15


def _flip(file: Path, offset: int) -> None:
    data = bytearray(file.read_bytes())
    data[offset] ^= 0xFF
    file.write_bytes(data)


def _readable(folder: Path) -> list[int]:
    found = Verification(folder)
    return [number(frame) for frame in found.frames() if frame.place.number >= found.acknowledged]
