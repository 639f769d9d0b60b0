"""More files than may be open: what is parked grows, rotates, is truncated, vanishes, is met again, and not a line is missing."""

import gzip
import os
import shutil
from pathlib import Path

import pytest

from fairlead.logs import waking
from fairlead.logs.pipeline import Pipeline
from tests.logs.test_pipeline import Sunk, append, following, short_times
from tests.support.waiting import until

__all__ = ["short_times"]
MANY = 300
BUDGET = 40


def unknown(sunk: Sunk) -> int:
    """Return how many gaps are told."""
    return sum(position.unknown for position in sunk.positions.values())


def kind(sunk: Sunk, file: Path) -> str:
    """Return what is told last of the only source of a path."""
    [position] = [position for position in sunk.positions.values() if position.path == str(file)]
    return position.kind


def held_open(file: Path) -> bool:
    """Tell whether this process has a file open."""
    facts = file.stat()
    for name in os.listdir("/proc/self/fd"):
        try:
            found = os.stat(f"/proc/self/fd/{name}")
        except OSError:
            continue
        if (found.st_dev, found.st_ino) == (facts.st_dev, facts.st_ino):
            return True
    return False


async def parked(sunk: Sunk, folder: Path) -> Path:
    """Have a file parked by another one that comes after it; only one may be open."""
    file = folder / "a.log"
    await until(lambda: "one" in sunk.lines(), "the first line")
    append(folder / "b.log", "other")
    await until(lambda: "other" in sunk.lines() and not held_open(file), "the other line, and the file to be parked")
    return file


async def settled(sunk: Sunk, folder: Path) -> None:
    """Wait until what a last line was written for is read, and what was told with it."""
    append(folder / "b.log", "settled")
    await until(lambda: "settled" in sunk.lines(), "the last line")


async def test_a_parked_file_is_read_on_when_it_grows(tmp_path: Path) -> None:
    sunk = Sunk()
    append(tmp_path / "a.log", "one")
    async with following(sunk, f"{tmp_path}/*.log", most_files=1):
        file = await parked(sunk, tmp_path)
        append(file, "two")
        await until(lambda: "two" in sunk.lines(), "the new line")
    assert (sunk.lines(str(file)), unknown(sunk)) == (["one", "two"], 0)
    sunk.check_tiles()


async def test_a_parked_file_is_read_on_under_its_new_name_when_it_was_renamed(tmp_path: Path) -> None:
    sunk = Sunk()
    append(tmp_path / "a.log", "one")
    async with following(sunk, f"{tmp_path}/*.log", most_files=1) as pipeline:
        file = await parked(sunk, tmp_path)
        with file.open("a") as writer:
            file.rename(tmp_path / "a.log.1")
            append(file, "new")
            writer.write("late\n")
        await until(lambda: {"new", "late"} <= set(sunk.lines()), "both files")
        await until(lambda: pipeline.followed() == 2, "the old file to be let go")
    assert (sorted(sunk.lines(str(file))), unknown(sunk)) == (["late", "new", "one"], 0)
    sunk.check_tiles()


async def test_a_parked_file_is_read_on_when_it_was_compressed_at_once(tmp_path: Path) -> None:
    sunk = Sunk()
    append(tmp_path / "a.log", "one")
    async with following(sunk, f"{tmp_path}/*.log", most_files=1):
        file = await parked(sunk, tmp_path)
        append(tmp_path / "draft", "one", "two")
        (tmp_path / "a.log.1.gz").write_bytes(gzip.compress((tmp_path / "draft").read_bytes()))
        file.unlink()
        append(file, "new")
        await until(lambda: {"new", "two"} <= set(sunk.lines()), "both files")
    assert (sorted(sunk.lines(str(file))), unknown(sunk)) == (["new", "one", "two"], 0)
    sunk.check_tiles()


async def test_a_parked_file_goes_on_in_its_copy_and_anew_when_it_was_copied_and_truncated(tmp_path: Path) -> None:
    sunk = Sunk()
    append(tmp_path / "a.log", "one")
    async with following(sunk, f"{tmp_path}/*.log", most_files=1):
        file = await parked(sunk, tmp_path)
        shutil.copy(file, tmp_path / "a.log.1")
        os.truncate(file, 0)
        append(file, "two, which is longer")
        await until(lambda: "two, which is longer" in sunk.lines(), "the new content")
        await settled(sunk, tmp_path)
    assert (sunk.lines(str(file)), unknown(sunk)) == (["one", "two, which is longer"], 0)


async def test_a_parked_file_is_done_when_it_is_deleted_and_was_read_to_its_end(tmp_path: Path) -> None:
    sunk = Sunk()
    append(tmp_path / "a.log", "one")
    async with following(sunk, f"{tmp_path}/*.log", most_files=1):
        file = await parked(sunk, tmp_path)
        file.unlink()
        await until(lambda: kind(sunk, file) == "done", "the end to be told")
    assert unknown(sunk) == 0


@pytest.mark.parametrize("told_size", [True, False])
async def test_a_gap_is_told_when_a_parked_file_is_deleted_after_it_grew_unread(tmp_path: Path, told_size: bool) -> None:
    sunk = Sunk()
    append(tmp_path / "a.log", "one")
    async with following(sunk, f"{tmp_path}/*.log", most_files=1):
        file = await parked(sunk, tmp_path)
        sunk.open.clear()
        append(tmp_path / "b.log", "held back")
        # The only descriptor is the other file's, whose line the sink does not take.
        await until(lambda: held_open(tmp_path / "b.log"), "the other file to be read")
        append(file, "two")
        if told_size:
            append(tmp_path / "c.log", "three")
        file.unlink()
        sunk.open.set()
        await until(lambda: unknown(sunk), "the gap to be told")
    assert (kind(sunk, file), unknown(sunk)) == ("gone", 1)


async def test_another_file_with_the_same_inode_is_no_parked_one(tmp_path: Path) -> None:
    sunk = Sunk()
    append(tmp_path / "a.log", "one")
    async with following(sunk, f"{tmp_path}/*.log", most_files=1):
        file = await parked(sunk, tmp_path)
        # Where the number is free again it is often given to the next file.
        file.unlink()
        append(file, "one")
        await until(lambda: sunk.lines(str(file)) == ["one", "one"], "the other file")
        await settled(sunk, tmp_path)
    assert len({batch.source for batch in sunk.batches if batch.records}) == 3
    assert unknown(sunk) == 0


async def test_files_go_on_after_a_restart_whether_they_are_parked_or_not(tmp_path: Path) -> None:
    sunk, files = Sunk(), [tmp_path / f"{number:03}.log" for number in range(MANY)]
    for file in files:
        append(file, f"first {file.name}")
    async with following(sunk, f"{tmp_path}/*.log", most_files=BUDGET) as pipeline:
        await until(lambda: len(sunk.lines()) == MANY, "the first lines")
        await until(lambda: open_files(pipeline) <= BUDGET, "the others to be parked")
    for file in files[::7]:
        append(file, f"while stopped {file.name}")
    files[1].rename(tmp_path / "001.log.1")
    async with following(sunk, f"{tmp_path}/*.log", most_files=BUDGET) as pipeline:
        await until(lambda: len(sunk.lines()) == MANY + len(files[::7]), "what came while it was stopped")
        append(tmp_path / "001.log.1", "under another name")
        for file in files[::5]:
            append(file, f"while running {file.name}")
        await until(lambda: len(sunk.lines()) == MANY + len(files[::7]) + len(files[::5]) + 1, "what came later")
        # The renamed one may have been let go by now: nothing came to it for as long as one lingers.
        assert MANY - 1 <= pipeline.followed() <= MANY
        assert open_files(pipeline) <= BUDGET
    assert len(set(sunk.lines())) == len(sunk.lines())
    assert unknown(sunk) == 0
    sunk.check_tiles()


async def test_each_line_comes_once_when_all_of_many_files_are_written(tmp_path: Path) -> None:
    sunk, files = Sunk(), [tmp_path / f"{number:03}.log" for number in range(MANY)]
    async with following(sunk, f"{tmp_path}/*.log", most_files=BUDGET) as pipeline:
        for round_ in range(4):
            for file in files:
                append(file, *(f"{file.name} {round_} {line}" for line in range(5)))
        await until(lambda: len(sunk.lines()) == MANY * 20, "all lines")
        await until(lambda: open_files(pipeline) <= BUDGET, "most of them to be parked")
        assert not [status for status in pipeline.sources() if status.problem]
    assert len(set(sunk.lines())) == MANY * 20
    sunk.check_tiles()


def open_files(pipeline: Pipeline) -> int:
    """Return how many of the followed files this process has open."""
    paths = {status.path for status in pipeline.sources()}
    return sum(os.path.realpath(f"/proc/self/fd/{name}") in paths for name in os.listdir("/proc/self/fd"))


async def test_long_lines_come_whole_when_more_are_unfinished_than_are_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waking, "LARGE_BYTES", 1000)
    monkeypatch.setattr(waking, "MOST_LARGE", 2)
    sunk, files = Sunk(), [tmp_path / f"{number}.log" for number in range(10)]
    for file in files:
        file.write_text("x" * 5000)
    async with following(sunk, f"{tmp_path}/*.log") as pipeline:
        await until(lambda: pipeline.followed() == 10, "the files to be followed")
        append(tmp_path / "last.log", "last")
        await until(lambda: sunk.lines() == ["last"], "a line")
        for file in files:
            append(file, "end")
        await until(lambda: len(sunk.lines()) == 11, "all lines")
    assert set(sunk.lines()) == {"last", "x" * 5000 + "end"}
    sunk.check_tiles()
