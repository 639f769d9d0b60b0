"""Files that come and go between two looks, and look like others: which of them are read, and which gaps are told."""

import gzip
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.logs.test_pipeline import Sunk, append, following, short_times
from tests.support.waiting import until

__all__ = ["short_times"]
HEADER = "#" * 2000
LOST = "files came and went before they could be read, what they held is unknown"


def rotate(file: Path, keep: int = 9) -> None:
    """Rename NAME to NAME.1, that to NAME.2 and so on."""
    for number in range(keep, 0, -1):
        older = file.with_name(f"{file.name}.{number}")
        newer = file.with_name(f"{file.name}.{number - 1}") if number > 1 else file
        if newer.exists():
            newer.rename(older)


def unknown(sunk: Sunk) -> int:
    """Return how many gaps are told."""
    return sum(position.unknown for position in sunk.positions.values())


async def settled(sunk: Sunk, file: Path) -> None:
    """Wait until what a last line was written for is read, and what was told with it."""
    append(file, "settled")
    await until(lambda: "settled" in sunk.lines(), "the last line")


async def test_files_with_the_same_head_are_all_read_when_they_were_rotated_before_they_were_seen(tmp_path: Path) -> None:
    sunk, file = Sunk(), tmp_path / "a.log"
    append(file, HEADER, "0")
    async with following(sunk, str(file)):
        await until(lambda: len(sunk.lines()) == 2, "the first lines")
        for number in range(1, 5):
            rotate(file)
            append(file, HEADER, *str(number) * number)
        await until(lambda: len(sunk.lines()) == 2 + 4 + 10, "all lines")
        await settled(sunk, file)
    assert Counter(sunk.lines()) == {HEADER: 5, "0": 1, "1": 1, "2": 2, "3": 3, "4": 4, "settled": 1}
    assert unknown(sunk) == 0
    sunk.check_tiles()


async def test_a_log_is_read_from_its_first_file_on_when_that_was_rotated_before_the_log_was_met(tmp_path: Path) -> None:
    sunk, file = Sunk(), tmp_path / "a.log"
    append(tmp_path / "b.log", "b")
    async with following(sunk, f"{tmp_path}/*.log"):
        await until(lambda: sunk.lines() == ["b"], "the other log")
        # The folder is watched when a write is told.
        await settled(sunk, tmp_path / "b.log")
        for number in range(3):
            rotate(file)
            append(file, f"{number}")
        rotate(file)
        await until(lambda: {"0", "1", "2"} <= set(sunk.lines()), "all files")
    assert unknown(sunk) == 0
    sunk.check_tiles()


async def test_a_rotated_file_is_let_go_when_it_was_read_to_its_end(tmp_path: Path) -> None:
    sunk, file = Sunk(), tmp_path / "a.log"
    append(file, "one")
    async with following(sunk, str(file)) as pipeline:
        await until(lambda: sunk.lines() == ["one"], "the first line")
        rotate(file)
        append(file, "two")
        await until(lambda: sunk.lines() == ["one", "two"], "the new file")
        await until(lambda: len(pipeline.sources()) == 1, "the old file to be let go")
    assert sorted(position.kind for position in sunk.positions.values()) == ["done", "file"]


async def test_one_gap_is_told_when_files_come_and_go_unseen(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sunk, file = Sunk(), tmp_path / "a.log"
    append(file, "first")
    async with following(sunk, str(file)):
        await settled(sunk, file)
        for number in range(10):
            rotate(file, keep=3)
            append(file, f"{number}")
        await until(lambda: unknown(sunk), "the gap to be told")
        await until(lambda: {"6", "7", "8", "9"} <= set(sunk.lines()), "what is still there")
    assert (unknown(sunk), caplog.messages.count(LOST)) == (1, 1)
    sunk.check_tiles()


async def test_a_gap_is_told_when_a_log_came_and_went_that_was_never_met(tmp_path: Path) -> None:
    sunk, file = Sunk(), tmp_path / "a.log"
    append(file, "first")
    async with following(sunk, f"{tmp_path}/*.log"):
        await settled(sunk, file)
        append(tmp_path / "short.log", "lived")
        (tmp_path / "short.log").unlink()
        await until(lambda: unknown(sunk), "the gap to be told")
    [lost] = [position for position in sunk.positions.values() if position.unknown]
    assert (lost.path, lost.kind, lost.unknown) == (f"{tmp_path}/short.log", "gone", 1)


async def test_nothing_is_missing_when_a_file_was_empty_came_back_or_is_another_name_of_one(tmp_path: Path) -> None:
    sunk, file = Sunk(), tmp_path / "a.log"
    append(file, "first")
    async with following(sunk, f"{tmp_path}/*.log"):
        await settled(sunk, file)
        (tmp_path / "empty.log").touch()
        (tmp_path / "empty.log").unlink()
        file.rename(tmp_path / "away")
        (tmp_path / "away").rename(file)
        os.link(file, tmp_path / "link.log")
        append(file, "last")
        await until(lambda: "last" in sunk.lines(), "the last line")
        append(tmp_path / "new.log", "new")
        await until(lambda: "new" in sunk.lines(), "another file")
    assert unknown(sunk) == 0
    assert sunk.lines() == ["first", "settled", "last", "new"]


async def test_a_rotated_file_is_found_beside_the_file_that_a_symlink_leads_to(tmp_path: Path) -> None:
    (tmp_path / "pods").mkdir()
    sunk, link, file = Sunk(), tmp_path / "app.log", tmp_path / "pods/0.log"
    append(file, "one")
    link.symlink_to(file)
    async with following(sunk, f"{tmp_path}/*.log"):
        await until(lambda: sunk.lines() == ["one"], "the first line")
    append(file, "two")
    file.rename(tmp_path / "pods/0.log.20260101-101500")
    append(file, "three")
    async with following(sunk, f"{tmp_path}/*.log"):
        await until(lambda: sorted(sunk.lines()) == ["one", "three", "two"], "both files")
    assert unknown(sunk) == 0
    sunk.check_tiles()


async def test_a_renamed_file_is_found_by_its_inode_whatever_it_is_called(tmp_path: Path) -> None:
    sunk, file = Sunk(), tmp_path / "a.log"
    append(file, "one")
    async with following(sunk, str(file)):
        await until(lambda: sunk.lines() == ["one"], "the first line")
    append(file, "two")
    file.rename(tmp_path / "a.log.old")
    async with following(sunk, str(file)):
        await until(lambda: sunk.lines() == ["one", "two"], "the rest")
    assert unknown(sunk) == 0


async def test_no_gap_is_told_of_a_file_that_no_input_matches_any_more(tmp_path: Path) -> None:
    sunk = Sunk()
    append(tmp_path / "a.log", "a")
    append(tmp_path / "b.log", "b")
    async with following(sunk, f"{tmp_path}/*.log"):
        await until(lambda: len(sunk.lines()) == 2, "both files")
    append(tmp_path / "a.log", "not followed")
    async with following(sunk, f"{tmp_path}/b.log"):
        append(tmp_path / "b.log", "more")
        await until(lambda: "more" in sunk.lines(), "what is followed")
        await settled(sunk, tmp_path / "b.log")
    assert unknown(sunk) == 0
    async with following(sunk, f"{tmp_path}/*.log"):
        await until(lambda: "not followed" in sunk.lines(), "what was left")
    sunk.check_tiles()


async def test_a_copy_is_no_log_of_its_own_when_the_glob_matches_it(tmp_path: Path) -> None:
    sunk, file = Sunk(), tmp_path / "a.log"
    append(file, HEADER, "one")
    async with following(sunk, f"{tmp_path}/a.log*"):
        await until(lambda: len(sunk.lines()) == 2, "the first lines")
        shutil.copy(file, tmp_path / "a.log.1")
        append(file, "two")
        await until(lambda: "two" in sunk.lines(), "the line behind the copy")
        append(tmp_path / "a.log.2", "another log")
        await until(lambda: "another log" in sunk.lines(), "what has such a name and is no copy")
    assert sunk.lines() == [HEADER, "one", "two", "another log"]


async def test_a_file_and_what_is_made_of_it_when_it_is_compressed_are_read_once(tmp_path: Path) -> None:
    sunk, file = Sunk(), tmp_path / "a.log"
    append(file, "first")
    async with following(sunk, str(file)):
        await settled(sunk, file)
        rotate(file)
        append(file, *(f"unseen {number}" for number in range(200)))
        rotate(file)
        append(file, "last")
        await until(lambda: "last" in sunk.lines(), "the newest file")
        (tmp_path / "a.log.1.gz").write_bytes(gzip.compress((tmp_path / "a.log.1").read_bytes()))
        shutil.copystat(tmp_path / "a.log.1", tmp_path / "a.log.1.gz")
        (tmp_path / "a.log.1").unlink()
        await until(lambda: len(sunk.lines()) >= 203, "all lines")
    assert (len(sunk.lines()), unknown(sunk)) == (203, 0)


@pytest.mark.parametrize("hole_bytes", [100, 5000, 1 << 20])
async def test_a_hole_is_passed_over_when_a_writer_goes_on_where_it_stood(tmp_path: Path, hole_bytes: int) -> None:
    sunk, file = Sunk(), tmp_path / "a.log"
    with file.open("wb", buffering=0) as stream:
        stream.write(b"x" * (hole_bytes - 1) + b"\n")
        async with following(sunk, str(file)):
            await until(lambda: len(sunk.lines()) == 1, "the first line")
            shutil.copy(file, tmp_path / "a.log.1")
            os.truncate(file, 0)
            stream.write(b"behind the hole\n")
            await until(lambda: len(sunk.lines()) == 2, "the line behind it")
    assert sunk.lines()[1] == "behind the hole"
    [position] = [one for one in sunk.positions.values() if one.skipped]
    assert (position.skipped, position.offset) == (hole_bytes, hole_bytes + 16)


async def test_zeros_are_waited_for_when_there_is_nothing_else(tmp_path: Path) -> None:
    sunk, file = Sunk(), tmp_path / "a.log"
    with file.open("wb", buffering=0) as stream:
        os.posix_fallocate(stream.fileno(), 0, 10_000)
        async with following(sunk, f"{tmp_path}/*.log"):
            append(tmp_path / "b.log", "other")
            await until(lambda: sunk.lines() == ["other"], "another log")
            stream.write(b"first\n")
            await until(lambda: sunk.lines() == ["other", "first"], "what was written over the zeros")
