"""Positions that come back: what a commit costs, what is forgotten, taken over, refused, and repaired."""

import asyncio
import gzip
import os
import resource
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from fairlead.core.errors import SinkUnavailable, StateError
from fairlead.core.record import Position
from fairlead.logs import slots
from fairlead.logs.identity import describe, digest
from fairlead.logs.tail import DONE, GONE
from tests.support.checkpoints import Kept, reach
from tests.support.waiting import until

DAY_S = 86400


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slots that are outgrown by a few commits."""
    monkeypatch.setattr(slots, "FLOOR_BYTES", 1000)


async def test_a_commit_is_fsynced_before_it_counts_and_a_new_file_is_named_durably(kept: Kept) -> None:
    checkpoint = kept.open()
    assert await kept.commit(checkpoint, reach("a", 10)) == ["snapshot", "fsync", "rename", "folder"]
    assert await kept.commit(checkpoint, reach("a", 20)) == ["append", "fsync"]
    assert await kept.commit(checkpoint) == []
    assert kept.offsets() == {"a": 20}


async def test_a_folder_that_could_not_be_synced_is_synced_with_the_next_commit(kept: Kept) -> None:
    checkpoint, kept.refused = kept.open(), "checkpoint folder"
    await kept.commit(checkpoint, reach("a", 10))
    assert kept.problem == "cannot be written: No space left on device"
    assert await kept.commit(checkpoint) == ["append", "fsync", "folder"]
    assert kept.problem
    kept.refused = ""
    assert await kept.commit(checkpoint) == ["append", "fsync", "folder"]
    assert not kept.problem
    assert await kept.commit(checkpoint, reach("a", 20)) == ["append", "fsync"]


async def test_a_position_comes_back_whole_and_foreign_fields_do_no_harm(kept: Kept) -> None:
    class Later(Position, frozen=True):
        colour: str = ""

    checkpoint = kept.open()
    whole = reach("a", 10, device=1, inode=2, birth_ns=3, head_bytes=4, head_hash="h", cursor="c", skipped=5, updated_ns=6, met_ns=7)
    await kept.commit(checkpoint, whole)
    later = msgspec.structs.replace(reach("b", 1), position=Later("b", "/log/ü", 1, colour="red"))
    await kept.commit(checkpoint, later)
    assert kept.open().positions() == [whole.position, Position("b", "/log/ü", 1)]


async def test_a_new_source_is_durable_before_its_first_record_leaves(kept: Kept) -> None:
    checkpoint = kept.open()
    first, second = reach("a", 300, start=5, kind=DONE), reach("a", 400, start=300)
    await checkpoint.begin([first, second])
    [start] = kept.open().positions()
    assert (start.offset, start.kind, start.tail_bytes, start.tail_hash) == (5, "file", 0, digest(b""))
    steps = len(kept.steps)
    await checkpoint.begin([first])
    assert len(kept.steps) == steps, "a source that is known costs nothing"
    await checkpoint.begin([reach("journal", 500, kind="journal", cursor="s=end")])
    assert kept.open().positions()[1] == Position("journal", "/log/journal", 0, kind="journal", tail_hash=digest(b""))


async def test_those_who_come_while_a_commit_is_written_share_the_next(kept: Kept) -> None:
    checkpoint = kept.open()
    await asyncio.gather(*(checkpoint.begin([reach(f"s{i}", 10)]) for i in range(20)))
    assert kept.steps.count("checkpoint fsync") == 2
    assert len(kept.offsets()) == 20


async def test_what_is_acknowledged_is_committed_each_second_and_at_the_end(kept: Kept) -> None:
    checkpoint = kept.open()
    running = asyncio.create_task(checkpoint.run())
    await kept.clock.settle()
    await checkpoint.begin([reach("a", 10)])
    checkpoint.acknowledged([reach("a", 10)])
    assert kept.offsets() == {"a": 0}
    await kept.clock.advance(1)
    await until(lambda: kept.offsets() == {"a": 10}, "the commit")
    checkpoint.acknowledged([reach("a", 30)])
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await asyncio.to_thread(checkpoint.close)
    assert kept.offsets() == {"a": 30}
    assert await kept.commit(checkpoint, reach("a", 40)) == [], "closed, it writes nothing"


async def test_the_end_waits_for_a_commit_that_was_given_up(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = kept.open()
    await kept.commit(checkpoint, reach("a", 10))
    under_way, at_once, overlaps = threading.Event(), threading.Event(), list[bool]()

    def step(name: str) -> None:
        if name == "checkpoint append" and under_way.is_set():
            at_once.set()
        elif name == "checkpoint append":
            under_way.set()
            overlaps.append(at_once.wait(0.2))

    monkeypatch.setattr(checkpoint._slots, "_step", step)
    commit = asyncio.create_task(kept.commit(checkpoint, reach("a", 20)))
    await until(under_way.is_set, "the commit")
    commit.cancel()
    await asyncio.gather(commit, return_exceptions=True)
    checkpoint.acknowledged([reach("a", 30)])
    await asyncio.to_thread(checkpoint.close)
    assert (overlaps, at_once.is_set()) == ([False], True)
    assert kept.offsets() == {"a": 30}


async def test_slots_take_turns_when_deltas_outgrow_the_snapshot(kept: Kept, small: None) -> None:
    checkpoint, turns = kept.open(), []
    for offset in range(1, 60):
        steps = await kept.commit(checkpoint, reach("a", offset))
        turns.append("snapshot" in steps)
        assert kept.offsets() == {"a": offset}
    assert 5 < sum(turns) < 20
    assert sorted(file.name for file in kept.folder.iterdir()) == ["checkpoint.a", "checkpoint.b"]
    assert all(file.stat().st_size < 2500 for file in kept.folder.iterdir())


def test_a_second_of_ten_changes_costs_ten_positions_whatever_the_number_of_sources(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    names = [f"{i:032x}" for i in range(50_000)]

    async def work() -> int:
        checkpoint = kept.open()
        await kept.commit(checkpoint, *(reach(name, 1) for name in names))
        before = bytes_written()
        for second in range(1000):
            await kept.commit(checkpoint, *(reach(name, 2 + second) for name in names[:10]))
        await asyncio.to_thread(checkpoint.close)
        return bytes_written() - before

    snapshot_bytes, position_bytes = 50_000 * 300, len(msgspec.json.encode(reach(names[0], 1001).position))
    assert asyncio.run(work()) < 1000 * (10 * position_bytes + 200) < snapshot_bytes
    assert kept.offsets()[names[9]] == 1001


def bytes_written() -> int:
    counters = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(counters["wchar"])


async def test_what_was_done_or_gone_long_ago_is_forgotten_with_a_snapshot(kept: Kept, small: None) -> None:
    checkpoint, now_ns = kept.open(), kept.clock.wall_ns()
    ends = [reach("done", 1, kind=DONE, updated_ns=now_ns), reach("gone", 1, kind=GONE, updated_ns=now_ns)]
    await kept.commit(checkpoint, *ends, reach("idle", 1, updated_ns=now_ns))
    kept.clock.step(29 * DAY_S)
    while "snapshot" not in await kept.commit(checkpoint, reach("busy", 1)):
        pass
    assert set(kept.offsets()) == {"done", "gone", "idle", "busy"}
    kept.clock.step(2 * DAY_S)
    while "snapshot" not in await kept.commit(checkpoint, reach("busy", 1)):
        pass
    assert {position.source for position in checkpoint.positions()} == {"idle", "busy"}
    kept.clock.step(-2 * DAY_S)
    assert set(kept.offsets()) == {"idle", "busy"}, "in the slot, too"


@pytest.mark.parametrize("compressed", [False, True])
async def test_what_was_done_long_ago_is_remembered_while_its_file_is_left(
    kept: Kept, small: None, tmp_path: Path, compressed: bool
) -> None:
    plain, rotated = tmp_path / "a.log", tmp_path / ("a.log.1.gz" if compressed else "a.log.old")
    plain.write_text("one\n")
    checkpoint, now_ns = kept.open(), kept.clock.wall_ns()
    descriptor = os.open(plain, os.O_RDONLY)
    position = describe(descriptor, "done", str(plain), 4, 0, now_ns, now_ns)
    os.close(descriptor)
    if compressed:
        rotated.write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()
    else:
        plain.rename(rotated)
    done = reach("done", 4)
    done.position = msgspec.structs.replace(position, kind=DONE)
    await kept.commit(checkpoint, done)
    kept.clock.step(31 * DAY_S)
    while "snapshot" not in await kept.commit(checkpoint, reach("busy", 1)):
        pass
    assert {position.source for position in checkpoint.positions()} == {"done", "busy"}
    rotated.unlink()
    while "snapshot" not in await kept.commit(checkpoint, reach("busy", 1)):
        pass
    assert {position.source for position in checkpoint.positions()} == {"busy"}


async def test_the_file_of_version_1_is_taken_over_once(kept: Kept) -> None:
    old = kept.folder / "checkpoint.json"
    positions = [reach("a", 10).position, reach("b", 20).position]
    encoded = msgspec.json.encode(positions)
    old.write_bytes(msgspec.json.encode({"version": 1, "checksum": digest(encoded), "positions": msgspec.Raw(encoded)}))
    checkpoint = kept.open()
    assert checkpoint.positions() == positions
    assert old.exists(), "nothing else holds it yet"
    assert await kept.commit(checkpoint) == ["snapshot", "fsync", "rename", "folder", "unlink"]
    assert not old.exists()
    assert kept.open().positions() == positions
    # A crash before the unlink.
    old.write_bytes(b"stale")
    again = kept.open()
    assert again.positions() == positions
    assert await kept.commit(again) == ["unlink"]
    assert not old.exists()


def test_a_corrupt_file_of_version_1_is_moved_aside(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    (kept.folder / "checkpoint.json").write_bytes(b'{"version": 1, "checksum": "", "positions": []}')
    assert kept.offsets() == {}
    assert [file.name for file in kept.folder.iterdir()] == [f"checkpoint.json.corrupt-{kept.clock.wall_ns()}"]
    assert "checkpoint corrupt, moved aside" in caplog.text


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with a few blocks."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)], check=True)
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def fill(file: Path) -> None:
    """Write a file until the disk is full."""
    with file.open("wb", buffering=0) as stream:
        while stream.write(bytes(4096)):
            pass


async def test_a_full_disk_is_told_and_nothing_is_lost(small_disk: Path) -> None:
    kept, ballast = Kept(small_disk), small_disk / "ballast"
    checkpoint = kept.open()
    await checkpoint.begin([reach("a", 0)])
    with pytest.raises(OSError, match="No space"):
        fill(ballast)
    whole = (small_disk / "checkpoint.a").read_bytes()
    await kept.commit(checkpoint, reach("a", 1), *(reach(f"s{i}", i) for i in range(30)))
    assert kept.problem == "cannot be written: No space left on device"
    assert (small_disk / "checkpoint.a").read_bytes() == whole, "half a frame is cut off"
    with pytest.raises(SinkUnavailable, match="checkpoint cannot be written"):
        await checkpoint.begin([reach("new", 5, start=3)])
    ballast.unlink()
    await checkpoint.begin([reach("new", 9, start=5)])
    assert kept.problem == ""
    assert kept.offsets() == {"a": 1, "new": 3} | {f"s{i}": i for i in range(30)}


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Let no file grow beyond a size: a write gives its first part only, the next one EFBIG."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_commits_go_on_where_a_snapshot_does_not_fit(kept: Kept, small: None, caplog: pytest.LogCaptureFixture) -> None:
    checkpoint = kept.open()
    await kept.commit(checkpoint, *(reach(f"s{i}", 0) for i in range(20)))
    while not checkpoint._slots.outgrown:
        await kept.commit(checkpoint, reach("s0", 1))
    kept.refused = "checkpoint rename"
    for offset in range(2, 6):
        await kept.commit(checkpoint, reach("s0", offset))
        assert kept.problem == ""
        assert [file.name for file in kept.folder.iterdir()] == ["checkpoint.a"], "the draft gives its room back"
        assert kept.offsets()["s0"] == offset
    assert caplog.text.count("checkpoint has no room for a snapshot") == 1, "it is not tried each second"
    kept.refused = ""
    for offset in range(6, 200):
        await kept.commit(checkpoint, reach("s0", offset))
    assert sorted(file.name for file in kept.folder.iterdir()) == ["checkpoint.a", "checkpoint.b"]


async def test_half_a_frame_is_cut_off_at_any_limit(kept: Kept) -> None:
    checkpoint = kept.open()
    await kept.commit(checkpoint, reach("a", 1))
    size = (kept.folder / "checkpoint.a").stat().st_size
    for room in (0, 1, 27, 28, 100):
        with file_size_limit(size + room):
            await kept.commit(checkpoint, reach("a", 2 + room))
        assert kept.problem == "cannot be written: File too large"
        assert (kept.folder / "checkpoint.a").stat().st_size == size
    await kept.commit(checkpoint)
    assert kept.problem == ""
    assert kept.offsets() == {"a": 102}


async def test_a_folder_that_was_cleared_is_written_anew(kept: Kept) -> None:
    checkpoint = kept.open()
    await kept.commit(checkpoint, reach("a", 1), reach("b", 1))
    for file in kept.folder.iterdir():
        file.unlink()
    await kept.commit(checkpoint, reach("a", 2))
    assert kept.offsets() == {"a": 2, "b": 1}


def test_a_slot_that_cannot_be_read_is_told_with_what_to_do(kept: Kept) -> None:
    (kept.folder / "checkpoint.b").mkdir()
    with pytest.raises(StateError, match=r"checkpoint\.b: Is a directory; mend it, or move it away"):
        kept.open()


def test_both_slots_unreadable_are_moved_aside_and_all_is_read_anew(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("checkpoint.a", "checkpoint.b"):
        (kept.folder / name).write_bytes(b"\xffckp" * 100)
    checkpoint = kept.open()
    assert checkpoint.positions() == []
    assert caplog.text.count("checkpoint corrupt, moved aside; all files are read anew") == 2
    assert sorted(file.name[:20] for file in kept.folder.iterdir()) == ["checkpoint.a.corrupt", "checkpoint.b.corrupt"]
    checkpoint.acknowledged([reach("a", 1)])
    checkpoint.close()
    assert kept.offsets() == {"a": 1}
