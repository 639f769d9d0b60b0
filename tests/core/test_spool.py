"""The spool as a queue: order, bound, space, what an opening reads; and at random against a model."""

import contextlib
import errno
import os
import resource
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from fairlead.core.durable import no_step
from fairlead.core.errors import StateError
from fairlead.core.spool import Frame, Spool, SpoolFull
from fairlead.core.spool.format import HEADER_BYTES, RECORD_BYTES, Header, segment_path
from fairlead.core.spool.head import read_head
from fairlead.core.spool.verify import Verification
from fairlead.core.spool.writer import create_segment
from tests.support.samples import ManualClock

ROOM = 1 << 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state/spool"


@contextlib.contextmanager
def opened(folder: Path, max_bytes: int = ROOM, segment_bytes: int = 1000, clock: ManualClock | None = None) -> Iterator[Spool]:
    """Open a spool in which nothing may be wrong."""
    spool = Spool(folder, max_bytes, segment_bytes=segment_bytes, clock=clock or ManualClock())
    spool.open()
    try:
        yield spool
    finally:
        spool.close()
    assert not spool.problems


def payload(number: int, size: int = 100) -> bytes:
    return f"frame {number} ".encode().ljust(size, b".")


def payloads(frames: list[Frame]) -> list[bytes]:
    return [frame.payload for frame in frames]


def fill(spool: Spool, size: int) -> None:
    """Append pairs of frames until something refuses them."""
    while True:
        spool.append([payload(spool.frames, size), payload(spool.frames + 1, size)])


def segments(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.seg"))


def test_frames_come_back_in_order_when_the_spool_is_opened_again(folder: Path) -> None:
    written = [payload(i) for i in range(50)]
    with opened(folder) as spool:
        for i in range(0, 50, 5):
            spool.append(written[i : i + 5])
        assert spool.frames == 50
    assert len(segments(folder)) > 5
    with opened(folder) as spool:
        assert (spool.frames, payloads(spool.read(ROOM))) == (50, written)
        assert spool.read(ROOM) == []
        spool.append([b"", b"later"])
        assert payloads(spool.read(ROOM)) == [b"", b"later"]


def test_reading_takes_so_many_bytes_but_at_least_a_frame(folder: Path) -> None:
    with opened(folder) as spool:
        spool.append([payload(i) for i in range(5)])
        assert [len(spool.read(size)) for size in (250, 1, 0, 99)] == [2, 1, 1, 1]


def test_acknowledging_forgets_durably_and_gives_space_back(folder: Path) -> None:
    with opened(folder) as spool:
        for i in range(40):
            spool.append([payload(i)])
        before = spool.size_bytes
        frames = spool.read(ROOM)
        spool.acknowledge(frames[24].place)
        assert spool.size_bytes < before / 2
        spool.acknowledge(frames[3].place)
        assert spool.frames == 15
    with opened(folder) as spool:
        assert payloads(spool.read(500)) == [payload(i) for i in range(25, 30)]
        spool.rewind()
        frames = spool.read(ROOM)
        assert payloads(frames) == [payload(i) for i in range(25, 40)]
        spool.rewind()
        spool.acknowledge(frames[1].place)
        assert payloads(spool.read(1)) == [payload(27)]
        with pytest.raises(ValueError, match="never read"):
            spool.acknowledge(frames[-1].place._replace(number=40))


def test_an_emptied_spool_holds_no_segment_and_goes_on(folder: Path) -> None:
    for i in range(3):
        with opened(folder) as spool:
            spool.append([payload(i)])
            [frame] = spool.read(ROOM)
            spool.acknowledge(frame.place)
            assert (segments(folder), spool.size_bytes, spool.frames, spool.oldest_age_s) == ([], 0, 0, 0.0)
            spool.append([payload(i)])
            assert payloads(spool.read(ROOM)) == [payload(i)]
            spool.acknowledge(frame.place._replace(segment=frame.place.segment + 1, number=frame.place.number + 1))


def test_the_bound_refuses_the_whole_append_until_there_is_room(folder: Path) -> None:
    with opened(folder, 8000) as spool:
        with pytest.raises(SpoolFull, match="of 8000 bytes are taken"):
            fill(spool, 100)
        taken = spool.frames
        assert 7000 < sum(path.stat().st_size for path in folder.glob("*.seg")) <= 8000
        assert taken % 2 == 0
        frames = spool.read(ROOM)
        spool.acknowledge(frames[20].place)
        spool.append([payload(taken)])
        assert payloads(frames[21:]) + payloads(spool.read(ROOM)) == [payload(i) for i in range(21, taken + 1)]
        with pytest.raises(ValueError, match="never fit"):
            spool.append([b"x" * 8000])


def test_one_append_fills_the_bound_to_its_last_byte(folder: Path) -> None:
    room = 8000 - HEADER_BYTES - 2 * RECORD_BYTES
    with opened(folder, 8000) as spool:
        spool.append([b"x" * room])
        with pytest.raises(SpoolFull):
            spool.append([b""])
        spool.acknowledge(spool.read(1)[0].place)
        spool.append([b"y" * room])


def test_the_oldest_frame_tells_its_age(folder: Path) -> None:
    clock = ManualClock()
    with opened(folder, clock=clock) as spool:
        for i in range(30):
            clock.step(1)
            spool.append([payload(i)])
        assert spool.oldest_age_s == 29
        spool.acknowledge(spool.read(1000)[-1].place)
        assert spool.oldest_age_s == 19
    clock.step(10)
    with opened(folder, clock=clock) as spool:
        assert spool.oldest_age_s == 29
        clock.step(-1000)
        assert spool.oldest_age_s == 0


def test_a_newer_programs_spool_and_an_unusable_folder_are_refused(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as newer:
        newer.setattr("fairlead.core.spool.format.VERSION", 2)
        with opened(folder):
            pass
    with pytest.raises(StateError, match="written by a newer fairlead"):
        Spool(folder, ROOM).open()
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="Not a directory"):
        Spool(tmp_path / "file/spool", ROOM).open()


def fill_and_go_on(folder: Path) -> None:
    """Append until the disk says no; nothing of that may stay, and once there is room it goes on."""
    with opened(folder, segment_bytes=50_000) as spool:
        with pytest.raises(OSError, match=r"No space left|File too large"):
            fill(spool, 3000)
        taken = spool.frames
        assert taken > 5
        assert spool.size_bytes == sum(path.stat().st_size for path in folder.glob("*.seg"))
        frames = spool.read(ROOM)
        assert payloads(frames) == [payload(i, 3000) for i in range(taken)]
    with opened(folder, segment_bytes=50_000) as spool:
        assert spool.frames == taken
        frames = spool.read(ROOM)
        spool.acknowledge(frames[-1].place)
        spool.append([payload(taken, 3000)])
        assert payloads(spool.read(ROOM)) == [payload(taken, 3000)]


@pytest.mark.real
def test_a_full_disk_leaves_the_spool_as_it_was(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(small)], check=True)
    try:
        fill_and_go_on(small / "spool")
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_write_cut_short_leaves_the_spool_as_it_was(folder: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, hard))
    try:
        fill_and_go_on(folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def fail(*_: object) -> object:
    raise OSError(errno.EIO, "Input/output error")


@pytest.mark.parametrize("call", ["pwritev", "fdatasync", "fsync", "open"])
def test_an_append_that_fails_anywhere_may_be_tried_again(folder: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    written: list[bytes] = []
    real, left = getattr(os, call), 0

    def failing(*arguments: object) -> object:
        nonlocal left
        left -= 1
        return fail() if left == 0 else real(*arguments)

    monkeypatch.setattr(os, call, failing)
    with opened(folder) as spool:
        for fail_at in range(1, 12):
            left = fail_at
            for i in range(4):
                frames = [payload(1000 * fail_at + i, 250), b"second"]
                with contextlib.suppress(OSError):
                    spool.append(frames)
                    written += frames
        assert 60 < len(written) < 88
        left = 0
        assert payloads(spool.read(ROOM)) == written
    with opened(folder) as spool:
        assert payloads(spool.read(ROOM)) == written


def test_what_a_failed_append_left_is_cut_off_before_the_next(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(folder) as spool:
        spool.append([b"before"])
        with monkeypatch.context() as faulty:
            for call in ("fdatasync", "ftruncate"):
                faulty.setattr(os, call, fail)
            for _ in range(2):
                with pytest.raises(OSError, match="Input/output"):
                    spool.append([b"much longer than what follows it"])
        assert payloads(spool.read(ROOM)) == [b"before"]
        spool.append([b"after"])
    with opened(folder) as spool:
        assert payloads(spool.read(ROOM)) == [b"before", b"after"]


def test_what_an_opening_reads_does_not_grow_with_the_backlog(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(folder) as spool:
        for i in range(100):
            spool.append([payload(i)])
        spool.acknowledge(spool.read(1)[0].place)
    lengths: list[int] = []
    pread = os.pread

    def counting(descriptor: int, length: int, offset: int) -> bytes:
        data = pread(descriptor, length, offset)
        lengths.append(len(data))
        return data

    monkeypatch.setattr(os, "pread", counting)
    with opened(folder):
        small, count = sum(lengths), len(lengths)
    # 50 GB in between, as sparse files: an opening must not look into them.
    head = read_head(folder).head
    assert head is not None
    last = int(segments(folder)[-1].removesuffix(".seg"))
    for number in range(last + 1, last + 3000):
        with segment_path(folder, number).open("wb") as stream:
            stream.truncate(16 << 20)
    create_segment(folder, Header(head.key, last + 3000, 10**6, 0), no_step).close()
    lengths.clear()
    with opened(folder, 1 << 40) as spool:
        assert (spool.size_bytes > 50e9, spool.frames) == (True, 10**6 - 1)
        assert sum(lengths) <= small
        assert len(lengths) <= count


def test_a_verification_beside_a_working_agent_finds_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(os, "fdatasync", lambda _: None)
    with opened(folder) as spool:

        def work() -> None:
            for i in range(1500):
                spool.append([payload(i), payload(i, 5)])
                if i % 5 == 0 and (frames := spool.read(1500 if i % 100 else ROOM)):
                    spool.acknowledge(frames[-1].place)

        thread = threading.Thread(target=work)
        thread.start()
        while thread.is_alive():
            verification = Verification(folder)
            numbers = [frame.place.number for frame in verification.frames()]
            assert numbers == sorted(numbers)
            assert verification.problems() == []
        thread.join()


class Model(RuleBasedStateMachine):
    """The spool beside a deque of what waits."""

    @initialize(max_bytes=st.sampled_from([3000, 8000, ROOM]), segment_bytes=st.sampled_from([1, 300, 5000]))
    def begin(self, max_bytes: int, segment_bytes: int) -> None:
        self.temporary = tempfile.TemporaryDirectory()
        self.options = Path(self.temporary.name) / "spool", max_bytes, segment_bytes
        self.waiting: deque[bytes] = deque()
        self.read: list[Frame] = []
        self.appended = 0
        self.open()

    def open(self) -> None:
        folder, max_bytes, segment_bytes = self.options
        self.spool = Spool(folder, max_bytes, segment_bytes=segment_bytes)
        self.spool.open()
        self.read = []

    @rule(sizes=st.lists(st.integers(0, 900), max_size=4))
    def append(self, sizes: list[int]) -> None:
        frames = [payload(self.appended + i, size) for i, size in enumerate(sizes)]
        try:
            self.spool.append(frames)
        except SpoolFull:
            assert self.waiting, "an empty spool takes what fits at all"
        except ValueError:
            assert sum(sizes) > 2000
        else:
            self.waiting += frames
            self.appended += len(frames)

    @rule(max_bytes=st.sampled_from([0, 500, 2000, ROOM]))
    def take(self, max_bytes: int) -> None:
        found = self.spool.read(max_bytes)
        behind = list(self.waiting)[len(self.read) :]
        assert payloads(found) == behind[: len(found)]
        assert len(found) == len(behind) or sum(map(len, behind[: len(found) + 1])) > max_bytes
        assert len(found) <= 1 or sum(map(len, payloads(found))) <= max_bytes
        self.read += found

    @rule()
    def rewind(self) -> None:
        self.spool.rewind()
        self.read = []

    @precondition(lambda self: self.read)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        count = data.draw(st.integers(1, len(self.read)))
        if data.draw(st.booleans()):
            self.spool.rewind()
            self.spool.acknowledge(self.read[count - 1].place)
            self.read = []
        else:
            self.spool.acknowledge(self.read[count - 1].place)
            del self.read[:count]
        for _ in range(count):
            self.waiting.popleft()

    @rule()
    def reopen(self) -> None:
        self.spool.close()
        self.open()

    @invariant()
    def the_counts_are_right(self) -> None:
        if self.appended or self.waiting:
            folder, max_bytes, _ = self.options
            assert self.spool.frames == len(self.waiting)
            assert self.spool.size_bytes == sum(path.stat().st_size for path in folder.glob("*.seg")) <= max_bytes
            assert not self.spool.problems

    def teardown(self) -> None:
        if hasattr(self, "temporary"):
            self.spool.close()
            self.temporary.cleanup()


def test_the_spool_is_a_queue_at_random(monkeypatch: pytest.MonkeyPatch) -> None:
    for call in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, call, lambda _: None)
    run_state_machine_as_test(
        Model, settings=settings(max_examples=120, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    )
