"""Files that grow, rotate, shrink, vanish and misbehave, against what the pipeline delivers of them."""

import asyncio
import gzip
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC
from pathlib import Path

import pytest

from fairlead.core.clock import SystemClock
from fairlead.core.context import RunContext
from fairlead.core.readiness import Readiness
from fairlead.core.record import Batch, Position
from fairlead.core.telemetry import Telemetry
from fairlead.logs import discover, follow
from fairlead.logs.pipeline import Pipeline
from fairlead.logs.redact import Redactor
from fairlead.logs.settings import LogInput
from tests.support.waiting import until


class Sunk:
    """A sink that keeps everything, and a store of positions."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.positions: dict[str, Position] = {}
        self.open = asyncio.Event()
        self.open.set()

    async def send(self, batches: Sequence[Batch]) -> None:
        await self.open.wait()
        self.batches += batches
        self.positions |= {batch.source: batch.position for batch in batches}

    def lines(self, path: str | None = None) -> list[str]:
        return [record.message for batch in self.batches if path in (None, batch.path) for record in batch.records]

    def check_tiles(self) -> None:
        """Fail where a source has a gap or a repeat."""
        ends: dict[str, int] = {}
        for batch in self.batches:
            for record in batch.records:
                assert ends.get(batch.source, record.offset) == record.offset, (batch.path, record)
                ends[batch.source] = record.end


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "LINGER_S", 0.15)
    monkeypatch.setattr(follow, "SETTLE_NS", 50_000_000)


@asynccontextmanager
async def following(sunk: Sunk, *paths: str, **options: object) -> AsyncIterator[Pipeline]:
    """Run a pipeline over globs; its positions go on where the sink's stand."""
    backfill = options.pop("backfill_bytes", None)
    assert backfill is None or isinstance(backfill, int)
    most_files = options.pop("most_files", None)
    assert most_files is None or isinstance(most_files, int)
    pipeline = Pipeline(
        [LogInput(paths=list(paths), **options)],  # type: ignore[arg-type]  # the fields of LogInput
        sunk.send,
        sunk.positions.values(),
        RunContext("host", "agent", SystemClock(), Telemetry(), Readiness()),
        redactor=Redactor([]),
        backfill_bytes=backfill,
        zone=UTC,
        most_files=most_files,
    )
    task = asyncio.create_task(pipeline.run())
    try:
        yield pipeline
    finally:
        task.cancel()
        [ended] = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(ended, asyncio.CancelledError), repr(ended)


def append(file: Path, *lines: str) -> None:
    with file.open("a") as stream:
        stream.writelines(f"{line}\n" for line in lines)


async def test_lines_come_as_they_are_written(tmp_path: Path) -> None:
    sunk, file = Sunk(), tmp_path / "a.log"
    append(file, "one")
    async with following(sunk, f"{tmp_path}/*.log"):
        await until(lambda: sunk.lines() == ["one"], "the first line")
        append(file, "two", "three")
        append(tmp_path / "new.log", "other")
        await until(lambda: sorted(sunk.lines()) == ["one", "other", "three", "two"], "the lines that followed")
    sunk.check_tiles()


async def test_a_restart_goes_on_where_the_sink_stood(tmp_path: Path) -> None:
    sunk, file = Sunk(), tmp_path / "a.log"
    for i in range(3):
        append(file, f"line {i}")
        async with following(sunk, str(file)):
            await until(lambda i=i: len(sunk.lines()) == i + 1, "the new line")  # type: ignore[misc]  # a default binds the loop's variable
    assert sunk.lines() == ["line 0", "line 1", "line 2"]
    sunk.check_tiles()


async def test_a_rename_is_read_to_its_end_and_the_new_file_from_its_beginning(tmp_path: Path) -> None:
    sunk, file = Sunk(), tmp_path / "a.log"
    append(file, "one")
    async with following(sunk, str(file)) as pipeline:
        await until(lambda: sunk.lines() == ["one"], "the first line")
        writer = file.open("a")
        file.rename(tmp_path / "a.log.1")
        writer.write("late\nunfinished")
        writer.close()
        append(file, "new")
        await until(lambda: sorted(sunk.lines()) == ["late", "new", "one", "unfinished"], "both files")
        await until(lambda: len(pipeline.sources()) == 1, "the old file to be let go")
    sunk.check_tiles()
    assert len({batch.source for batch in sunk.batches}) == 2


@pytest.mark.parametrize("compressed", [False, True])
async def test_a_rotation_while_nobody_looked_is_finished_after_a_restart(tmp_path: Path, compressed: bool) -> None:
    sunk, file = Sunk(), tmp_path / "a.log"
    append(file, *(f"first {i}" for i in range(50)))
    async with following(sunk, str(file)):
        await until(lambda: len(sunk.lines()) == 50, "the first lines")
    append(file, "unread")
    if compressed:
        (tmp_path / "a.log-20260101.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    else:
        file.rename(tmp_path / "a.log.1")
    append(file, "new")
    async with following(sunk, str(file)):
        await until(lambda: len(sunk.lines()) == 52, "what was unread, and the new file")
    assert sorted(sunk.lines()[50:]) == ["new", "unread"]
    sunk.check_tiles()


async def test_copytruncate_goes_on_in_the_copy(tmp_path: Path) -> None:
    sunk, file = Sunk(), tmp_path / "a.log"
    append(file, "one")
    async with following(sunk, str(file)):
        await until(lambda: sunk.lines() == ["one"], "the first line")
        sunk.open.clear()
        append(file, "two", "three")
        shutil.copy(file, tmp_path / "a.log.1")
        os.truncate(file, 0)
        append(file, "four")
        sunk.open.set()
        await until(lambda: sorted(sunk.lines()) == ["four", "one", "three", "two"], "the copy's rest and the new content")
    sunk.check_tiles()


async def test_a_truncation_without_a_copy_is_told_and_the_file_read_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sunk, file = Sunk(), tmp_path / "a.log"
    append(file, "a long first line", "and a second")
    async with following(sunk, str(file)):
        await until(lambda: len(sunk.lines()) == 2, "the first lines")
        file.write_text("short\n")
        await until(lambda: sunk.lines()[-1] == "short", "the new content")
        told = "file was truncated, what was written since the last read is unknown"
        await until(lambda: told in caplog.messages, "the gap to be told")


async def test_reading_waits_while_the_sink_does(tmp_path: Path) -> None:
    sunk, file = Sunk(), tmp_path / "a.log"
    sunk.open.clear()
    file.write_bytes(b"x" * 99 + b"\n")
    async with following(sunk, str(file)) as pipeline:
        await until(lambda: pipeline.sources() and pipeline.sources()[0].size == 100, "the file to be opened")
        with file.open("ab") as stream:
            stream.write((b"y" * 99 + b"\n") * 50000)
        await until(lambda: pipeline.sources()[0].size == 5000100, "the file to grow")
        assert pipeline.sources()[0].offset == 0
        sunk.open.set()
        await until(lambda: len(sunk.lines()) == 50001, "everything")
    sunk.check_tiles()


async def test_the_first_start_skips_what_is_older_than_its_backfill(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    sunk, file = Sunk(), tmp_path / "a.log"
    append(file, *(f"line {i:04}" for i in range(1000)))
    async with following(sunk, str(file), backfill_bytes=95):
        await until(lambda: "line 0999" in sunk.lines(), "the newest lines")
    assert sunk.lines() == [f"line {i:04}" for i in range(991, 1000)]
    assert sunk.batches[0].position.skipped == 9910
    assert "older part of a file skipped" in caplog.messages


async def test_what_is_no_log_is_told_once_and_the_rest_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sunk = Sunk()
    (tmp_path / "dir.log").mkdir()
    os.mkfifo(tmp_path / "fifo.log")
    (tmp_path / "loop.log").symlink_to(tmp_path / "loop.log")
    (tmp_path / "self").symlink_to(tmp_path)
    append(tmp_path / "good.log", "fine")
    async with following(sunk, f"{tmp_path}/**/*.log") as pipeline:
        await until(lambda: sunk.lines() == ["fine"], "the good file")
        problems = {Path(status.path).name: status.problem for status in pipeline.sources() if status.problem}
    assert problems["dir.log"] == "is a directory"
    assert problems["fifo.log"] == "is a FIFO"
    assert "symbolic links" in problems["loop.log"]
    assert sunk.lines() == ["fine"]
    assert caplog.messages.count("file is not followed") >= 3


async def test_reload_follows_other_files(tmp_path: Path) -> None:
    sunk = Sunk()
    append(tmp_path / "a.log", "a")
    append(tmp_path / "b.txt", "b")
    async with following(sunk, f"{tmp_path}/*.log") as pipeline:
        await until(lambda: sunk.lines() == ["a"], "the first file")
        await pipeline.reload([LogInput(paths=[f"{tmp_path}/*.txt"])], Redactor(["b"]))
        await until(lambda: sunk.lines() == ["a", "[REDACTED]"], "the other file")
        append(tmp_path / "a.log", "not followed any more")
        append(tmp_path / "b.txt", "c")
        await until(lambda: sunk.lines() == ["a", "[REDACTED]", "c"], "what is followed now")
        assert [Path(status.path).name for status in pipeline.sources()] == ["b.txt"]


async def test_a_damaged_compressed_rest_is_told_and_the_others_go_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sunk, file = Sunk(), tmp_path / "a.log"
    append(file, *(f"line {i} {os.urandom(40).hex()}" for i in range(20000)))
    head = file.read_bytes()[:100_000]
    file.write_bytes(head[: head.rindex(b"\n") + 1])
    async with following(sunk, str(file)):
        await until(lambda: sunk.lines(), "the first lines")
        await until(lambda: sum(len(line) + 1 for line in sunk.lines()) > 99_000, "all of them")
    append(file, *(f"more {i} {os.urandom(40).hex()}" for i in range(20000)))
    whole = gzip.compress(file.read_bytes())
    (tmp_path / "a.log.1.gz").write_bytes(whole[: len(whole) // 2])
    file.unlink()
    append(file, "new file")
    async with following(sunk, str(file)):
        await until(lambda: "new file" in sunk.lines(), "the new file")
        await until(lambda: "file cannot be read any more" in caplog.messages, "the damage to be told")
    sunk.check_tiles()


async def test_a_directory_that_comes_later_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discover, "LOOK_S", 0.2)
    sunk = Sunk()
    async with following(sunk, f"{tmp_path}/apps/**/*.log"):
        (tmp_path / "apps" / "one").mkdir(parents=True)
        append(tmp_path / "apps" / "one" / "x.log", "found")
        await until(lambda: sunk.lines() == ["found"], "the new file")
    assert [batch.path for batch in sunk.batches] == [str(tmp_path / "apps" / "one" / "x.log")]


@pytest.mark.real
@pytest.mark.parametrize("directive", ["create", "copytruncate"])
async def test_logrotate_loses_and_doubles_nothing(tmp_path: Path, directive: str) -> None:
    sunk, file = Sunk(), tmp_path / "a.log"
    settings = tmp_path / "logrotate.conf"
    settings.write_text(f"{file} {{\n rotate 9\n size 1\n {directive}\n compress\n delaycompress\n}}\n")
    os.chmod(settings, 0o644)
    written = []
    async with following(sunk, str(file)):
        for round_ in range(4):
            lines = [f"round {round_} line {i}" for i in range(200)]
            append(file, *lines)
            written += lines
            await until(lambda: len(sunk.lines()) == len(written), "the round's lines")  # noqa: B023 - awaited in the round
            command = ["logrotate", "--force", "--state", str(tmp_path / "state"), str(settings)]
            await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
        append(file, "last")
        await until(lambda: len(sunk.lines()) == len(written) + 1, "the last line")
    assert sorted(sunk.lines()) == sorted([*written, "last"])
    sunk.check_tiles()
