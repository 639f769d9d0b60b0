"""Slots of a checkpoint that were flipped, cut, overwritten or written by a later version."""

import asyncio
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairlead._native.compress import crc32c
from fairlead.core.errors import StateError
from fairlead.logs import slots
from fairlead.logs.frames import scan
from tests.support.checkpoints import Offsets, Promise, Work, found, opened, reach

TOLD = "checkpoint damaged; what was acknowledged since may be sent again, nothing is lost"


@pytest.fixture(autouse=True)
def small_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let slots be outgrown by a few commits."""
    monkeypatch.setattr(slots, "FLOOR_BYTES", 900)


class Slots:
    """Two slots that are alive; each source's committed offsets, oldest first; and a folder to harm copies of them in."""

    def __init__(self, folder: Path) -> None:
        self.history: dict[str, list[int]] = {}
        (folder / "live").mkdir()
        asyncio.run(self._fill(folder / "live"))
        self.content = {file.name: file.read_bytes() for file in (folder / "live").iterdir()}
        self.older, self.newer = sorted(self.content, key=lambda name: scan(self.content[name]).frames[0].sequence)
        self.latest = {name: offsets[-1] for name, offsets in self.history.items()}
        self.harmed = folder / "harmed"
        self.harmed.mkdir()

    async def _fill(self, folder: Path) -> None:
        """Work, and then some more, until deltas stand behind the last snapshot."""
        checkpoint = opened(folder)
        await Work({}, self._tell, rounds=7).run(checkpoint)
        while deltas_behind_the_newest_snapshot(folder) < 3:
            further = {"s0": self.history["s0"][-1] + 10}
            checkpoint.acknowledged([reach("s0", further["s0"])])
            await checkpoint.commit()
            self._tell("committed", further)

    def _tell(self, what: str, offsets: Offsets) -> None:
        for name, offset in offsets.items() if what != "acknowledged" else ():
            past = self.history.setdefault(name, [])
            if not past or offset > past[-1]:
                past.append(offset)

    def load(self, **harmed: bytes) -> Offsets:
        """Return what is found where slots have this content instead."""
        for file in self.harmed.iterdir():
            file.unlink()
        for name, content in (self.content | {f"checkpoint.{slot}": data for slot, data in harmed.items()}).items():
            (self.harmed / name).write_bytes(content)
        return found(self.harmed)


def deltas_behind_the_newest_snapshot(folder: Path) -> int:
    slots_frames = [scan(file.read_bytes()).frames for file in folder.iterdir()]
    return len(max(slots_frames, key=lambda frames: frames[0].sequence)) - 1


@pytest.fixture
def two(tmp_path: Path) -> Slots:
    return Slots(tmp_path)


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1 :]


def test_a_flipped_bit_costs_one_commit_at_most_and_is_told(two: Slots, caplog: pytest.LogCaptureFixture) -> None:
    first, *_, last = scan(two.content[two.newer]).frames
    for name, content in two.content.items():
        for at in range(len(content)):
            caplog.clear()
            offsets = two.load(**{name[-1]: flipped(content, at)})
            assert offsets.keys() == two.history.keys()
            assert all(offset in two.history[source][-2:] for source, offset in offsets.items())
            told = [record.__dict__["fields"]["commits_missing"] for record in caplog.records if record.message == TOLD]
            if name == two.older:
                assert (offsets, told in ([], [0])) == (two.latest, True)
            elif at < first.end:
                assert (offsets, told) == (two.latest, [0]), "the deltas stand, and the other slot holds what the snapshot held"
            else:
                assert told == [1] * (at < last.begin), "the last frame may be one that a crash cut short"


def test_damaged_slots_are_replaced_at_the_next_commit_and_kept_aside(two: Slots) -> None:
    newest = two.content[two.newer]
    for at in range(0, scan(newest).frames[-1].begin, 40):
        two.load(**{two.newer[-1]: flipped(newest, at)})
        steps: list[str] = []
        checkpoint, promise = opened(two.harmed, steps.append), Promise(found(two.harmed))
        asyncio.run(Work(promise.least, promise.tell).run(checkpoint))
        assert steps[:3] == ["checkpoint append", "checkpoint fsync", "checkpoint snapshot"]
        promise.check(found(two.harmed))
        assert [file.name.rpartition("-")[0] for file in two.harmed.glob("*.corrupt-*")] == [f"{two.newer}.corrupt"]
        assert not any(scan((two.harmed / name).read_bytes()).damaged for name in two.content)


def test_two_damaged_slots_that_complete_each_other_are_both_replaced(two: Slots) -> None:
    newer, older = two.content[two.newer], two.content[two.older]
    in_a_delta = scan(older).frames[1].begin
    offsets = two.load(**{two.newer[-1]: flipped(newer, 0), two.older[-1]: flipped(older, in_a_delta)})
    assert all(offset in two.history[source] for source, offset in offsets.items())
    checkpoint = opened(two.harmed)
    checkpoint.acknowledged([reach("s0", 5000)])
    asyncio.run(checkpoint.commit())
    assert found(two.harmed) == offsets | {"s0": 5000}
    assert {file.name.rpartition("-")[0] for file in two.harmed.iterdir()} == {"", f"{two.newer}.corrupt"}
    assert found(two.harmed) == offsets | {"s0": 5000}


def test_a_torn_commit_is_cut_off_by_the_next_one(two: Slots) -> None:
    newest = two.content[two.newer]
    for torn in (newest[:500], bytes(1000), newest[-100:]):
        two.load(**{two.newer[-1]: newest + torn})
        checkpoint = opened(two.harmed)
        checkpoint.acknowledged([reach("s0", 5000)])
        checkpoint.close()
        content = (two.harmed / two.newer).read_bytes()
        assert content.startswith(newest)
        assert scan(content).end == len(content)
        assert found(two.harmed) == two.latest | {"s0": 5000}


def test_a_slot_that_was_cut_within_its_deltas_is_a_crash_and_no_complaint(two: Slots, caplog: pytest.LogCaptureFixture) -> None:
    newest, before = two.content[two.newer], dict.fromkeys(two.history, 0)
    for size in range(scan(newest).frames[0].end, len(newest) + 1):
        offsets = two.load(**{two.newer[-1]: newest[:size]})
        assert all(before[source] <= offset and offset in two.history[source] for source, offset in offsets.items())
        before |= offsets
    assert before == two.latest
    assert {record.levelname for record in caplog.records} <= {"INFO"}


def test_a_slot_that_was_cut_within_its_snapshot_gives_way_to_the_other(two: Slots, caplog: pytest.LogCaptureFixture) -> None:
    newest, other = two.content[two.newer], two.load(**{two.newer[-1]: b""})
    for size in range(0, scan(newest).frames[0].end, 7):
        caplog.clear()
        assert two.load(**{two.newer[-1]: newest[:size]}) == other
        assert "checkpoint damaged" in caplog.text
        assert len(list(two.harmed.glob("*.corrupt-*"))) == 1


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_gives_a_committed_state_of_each_source_or_all_anew(two: Slots, data: st.DataObject) -> None:
    harmed = {}
    for name, content in two.content.items():
        damaged = bytearray(content)
        for _ in range(data.draw(st.integers(0, 3))):
            begin = data.draw(st.integers(0, len(damaged)))
            end = data.draw(st.integers(begin, len(damaged)))
            damaged[begin:end] = data.draw(st.sampled_from([b"", bytes(end - begin), content[begin // 2 : end], b"\xffckp"]))
        harmed[name[-1]] = bytes(damaged)
    assert all(offset in two.history[source] for source, offset in two.load(**harmed).items())


def test_a_newer_format_is_refused_and_left_alone(two: Slots) -> None:
    foreign = bytearray(two.content[two.newer])
    foreign[4] = 3
    foreign[24:28] = struct.pack("<I", crc32c(foreign[:24]))
    with pytest.raises(StateError, match=r"checkpoint\.[ab]: written by a newer fairlead \(format 3\); run that one"):
        two.load(**{two.newer[-1]: bytes(foreign)})
    assert (two.harmed / two.newer).read_bytes() == foreign
