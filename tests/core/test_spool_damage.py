"""The spool with flipped, cut and missing bytes: what is whole is read, what is not is told, and a repair leaves nothing to tell."""

import errno
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairlead.core.spool import Problem, Spool
from fairlead.core.spool.format import HEAD_BLOCK_BYTES, HEAD_BYTES, HEADER_BYTES, RECORD_BYTES, RECORD_MAGIC, segment_path
from fairlead.core.spool.repair import repair
from fairlead.core.spool.verify import Verification

ROOM = 1 << 20
WRITTEN = [f"{i} ".encode() + b"x" * (i % 5 * 9) for i in range(12)]
ACKNOWLEDGED = 1


@pytest.fixture(autouse=True)
def no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is checked here does not hang on the disk's being waited for."""
    for call in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, call, lambda _: None)


class Files(dict[str, bytes]):
    """A folder's files; hypothesis need not print them."""

    def __repr__(self) -> str:
        return f"<{len(self)} files>"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The files of a spool of six segments, its first frame acknowledged."""
    folder = tmp_path_factory.mktemp("image") / "spool"
    spool = Spool(folder, ROOM, segment_bytes=300)
    spool.open()
    for i in range(0, len(WRITTEN), 2):
        spool.append(WRITTEN[i : i + 2])
    spool.acknowledge(spool.read(1)[0].place)
    spool.close()
    files = Files((path.name, path.read_bytes()) for path in sorted(folder.iterdir()))
    assert len(files) == 7
    return files


def lay(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for name, data in files.items():
        (folder / name).write_bytes(data)


def read_all(folder: Path) -> tuple[list[bytes], list[Problem]]:
    """Read and acknowledge a spool to its end, and see that it then goes on as any other."""
    spool = Spool(folder, ROOM, segment_bytes=300)
    spool.open()
    found: list[bytes] = []
    while frames := spool.read(100):
        found += (frame.payload for frame in frames)
        spool.acknowledge(frames[-1].place)
        assert len(found) <= len(WRITTEN), "a loop"
    assert (spool.frames, spool.size_bytes) == (0, 0)
    spool.append([b"new"])
    assert [frame.payload for frame in spool.read(ROOM)] == [b"new"]
    spool.close()
    return found, list(spool.problems)


def flipped(data: bytes, offset: int, mask: int = 0xFF) -> bytes:
    return data[:offset] + bytes([data[offset] ^ mask]) + data[offset + 1 :]


def is_part(found: Sequence[bytes], whole: Sequence[bytes]) -> bool:
    rest = iter(whole)
    return all(frame in rest for frame in found)


def test_a_flipped_byte_takes_at_most_its_frame_and_is_told(tmp_path: Path, image: Files) -> None:
    folder = tmp_path / "spool"
    for name in (name for name in image if name != "head"):
        for offset in range(len(image[name])):
            lay(folder, image | {name: flipped(image[name], offset, 1 << offset % 8)})
            waiting = len(_waiting(folder))
            found, problems = read_all(folder)
            assert is_part(found, WRITTEN[ACKNOWLEDGED:]), (name, offset)
            assert len(found) in (waiting, len(WRITTEN) - ACKNOWLEDGED, len(WRITTEN) - ACKNOWLEDGED - 1), (name, offset)
            in_acknowledged = name == min(image) and offset >= HEADER_BYTES and len(found) == len(WRITTEN) - ACKNOWLEDGED
            assert problems or in_acknowledged, (name, offset)
            assert all(problem.file == name and problem.offset <= offset < problem.offset + problem.length for problem in problems)


def test_a_flipped_byte_of_the_head_brings_acknowledged_frames_again_at_most(tmp_path: Path, image: Files) -> None:
    folder, head = tmp_path / "spool", image["head"]
    told = 0
    for offset in (offset for offset in range(len(head)) if offset % HEAD_BLOCK_BYTES < HEAD_BYTES or offset % 64 == 0):
        lay(folder, image | {"head": flipped(head, offset, 1 << offset % 8)})
        found, problems = read_all(folder)
        assert found in (WRITTEN[ACKNOWLEDGED:], WRITTEN[ACKNOWLEDGED - 1 :]), offset
        assert {problem.file for problem in problems} <= {"head"}
        told += bool(problems)
    assert told == 2 * HEAD_BYTES


def test_a_file_cut_anywhere_is_read_as_far_as_it_goes(tmp_path: Path, image: Files) -> None:
    folder = tmp_path / "spool"
    for name, data in image.items():
        for size in range(0, len(data), 1 if name != "head" else 64):
            lay(folder, image | {name: data[:size]})
            found, problems = read_all(folder)
            assert is_part(found, WRITTEN), (name, size)
            unused = size >= HEAD_BLOCK_BYTES + HEAD_BYTES if name == "head" else name == max(set(image) - {"head"})
            assert problems or unused, (name, size)


def test_a_missing_file_is_told_with_the_frames_that_it_held(tmp_path: Path, image: Files) -> None:
    folder = tmp_path / "spool"
    names = sorted(set(image) - {"head"})
    for missing in (names[:1], names[1:2], names[1:3], names[:2]):
        lay(folder, {name: data for name, data in image.items() if name not in missing})
        found, problems = read_all(folder)
        lost = len(WRITTEN) - ACKNOWLEDGED - len(found)
        assert is_part(found, WRITTEN[ACKNOWLEDGED:])
        assert [(problem.file, problem.frames) for problem in problems] == [(missing[0], lost)]
        assert str(problems[0]) == f"{missing[0]}:0: the file is missing, {lost} frame{'s' * (lost != 1)} lost"
    lay(folder, {name: data for name, data in image.items() if name != "head"})
    assert read_all(folder)[0] == WRITTEN


def test_damage_is_told_once_and_counted(tmp_path: Path, image: Files) -> None:
    folder = tmp_path / "spool"
    names = sorted(set(image) - {"head"})
    middle = image[names[1]]
    lay(folder, image | {names[1]: middle[:HEADER_BYTES] + b"?" * (len(middle) - HEADER_BYTES)})
    reported: list[Problem] = []
    spool = Spool(folder, ROOM, report=reported.append)
    spool.open()
    whole = spool.read(ROOM)
    spool.rewind()
    assert spool.read(ROOM) == whole
    spool.close()
    [problem] = reported
    assert (problem.offset, problem.length) == (HEADER_BYTES, len(middle) - HEADER_BYTES)
    assert (spool.lost_frames, spool.skipped_bytes) == (problem.frames, problem.length)
    assert problem.frames == len(WRITTEN) - ACKNOWLEDGED - len(whole)


def test_a_payload_that_holds_records_does_not_pass_for_them(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    spool = Spool(folder, ROOM)
    spool.open()
    spool.append([b"secret"])
    copied = segment_path(folder, 1).read_bytes()
    spool.append([copied + copied[HEADER_BYTES:] + RECORD_MAGIC * 1000])
    spool.append([b"behind"])
    spool.close()
    file = segment_path(folder, 1)
    file.write_bytes(flipped(file.read_bytes(), len(copied)))
    spool = Spool(folder, ROOM)
    spool.open()
    assert [frame.payload for frame in spool.read(ROOM)] == [b"secret", b"behind"]
    spool.close()
    assert [(problem.offset, problem.frames) for problem in spool.problems] == [(len(copied), 1)]


def test_a_segment_of_another_spool_is_not_read_as_ours(tmp_path: Path, image: Files) -> None:
    folder = tmp_path / "other"
    spool = Spool(folder, ROOM, segment_bytes=300)
    spool.open()
    for i in range(9):
        spool.append([b"other %d" % i * 20])
    spool.close()
    names = sorted(set(image) - {"head"})
    (folder / names[1]).write_bytes(image[names[1]])
    spool = Spool(folder, ROOM)
    spool.open()
    assert all(frame.payload.startswith(b"other") for frame in spool.read(ROOM))
    spool.close()
    assert [problem.file for problem in spool.problems] == [names[1]] * 2


def test_a_sector_that_cannot_be_read_is_damage_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "spool"
    spool = Spool(folder, ROOM)
    spool.open()
    for i in range(10):
        spool.append([b"%d" % i * 3000])
    pread = os.pread

    def failing(descriptor: int, length: int, offset: int) -> bytes:
        if offset <= 10_000 < offset + length:
            raise OSError(errno.EIO, "Input/output error")
        return pread(descriptor, length, offset)

    monkeypatch.setattr(os, "pread", failing)
    found = [int(frame.payload[:1]) for frame in spool.read(ROOM)]
    spool.close()
    assert found == [0, 1, 5, 6, 7, 8, 9]
    assert [problem.frames for problem in spool.problems] == [3]


def test_what_only_damage_is_left_of_does_not_wait_for_ever(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    spool = Spool(folder, ROOM)
    spool.open()
    spool.append([b"a" * 5000, b"b" * 5000])
    spool.close()
    file = segment_path(folder, 1)
    data = file.read_bytes()
    file.write_bytes(flipped(flipped(data, HEADER_BYTES + RECORD_BYTES), len(data) - 1))
    spool = Spool(folder, ROOM)
    spool.open()
    assert spool.frames == 2
    assert (spool.read(ROOM), spool.frames, spool.size_bytes, spool.lost_frames) == ([], 0, 0, 2)
    spool.close()


DAMAGE = st.tuples(st.sampled_from(["flip", "cut", "delete", "zeros", "junk"]), st.integers(0, 6), st.integers(0, 10_000))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damages=st.lists(DAMAGE, min_size=1, max_size=6))
def test_a_spool_damaged_at_random_is_read_and_repaired(tmp_path: Path, image: Files, damages: list[tuple[str, int, int]]) -> None:
    folder = tmp_path / "spool"
    files = dict(image)
    for what, index, place in damages:
        name = sorted(image)[index]
        if not files.get(name):
            continue
        data = files.pop(name)
        at = place % len(data)
        if what != "delete":
            files[name] = {
                "flip": flipped(data, at),
                "cut": data[:at],
                "zeros": data[:at].ljust(len(data), b"\0"),
                "junk": data + b"junk" * (at % 50),
            }[what]
    lay(folder, files)
    before = _waiting(folder)
    lay(folder, files)
    found, _ = read_all(folder)
    assert is_part(found, WRITTEN)
    assert found == before, "a verification and the agent read the same"
    lay(folder, files)
    done = repair(folder, 7)
    assert done.kept == len(found)
    assert not repair(folder, 8).problems
    left, problems = read_all(folder)
    assert left == found
    assert problems == []


def _waiting(folder: Path) -> list[bytes]:
    found = Verification(folder)
    return [frame.payload for frame in found.frames() if frame.place.number >= found.acknowledged]
