"""What the watcher tells of, through links, exchanges, too many events and too few watches; against the real inotify."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fairlead.logs import inotify_limits
from fairlead.logs.discover import Discovery
from fairlead.logs.inotify_limits import Limit
from fairlead.logs.settings import LogInput
from fairlead.logs.watch import Watcher
from tests.support import scarce_inotify
from tests.support.scarce_inotify import places
from tests.support.waiting import until


class Told:
    """What a watcher tells."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.structure = 0

    def changed(self) -> None:
        self.structure += 1


@contextmanager
def watching(told: Told) -> Iterator[Watcher]:
    watcher = Watcher(told.written.append, told.changed)
    try:
        yield watcher
    finally:
        watcher.close()


def append(file: Path) -> None:
    with file.open("a") as stream:
        stream.write("x\n")


async def test_a_write_is_told_by_its_path_and_a_new_name_as_structure(tmp_path: Path) -> None:
    told, file = Told(), tmp_path / "a.log"
    append(file)
    with watching(told) as watcher:
        assert watcher.watch(places(tmp_path))
        assert not watcher.watch(places(tmp_path))
        append(file)
        await until(lambda: told.written == [str(file)], "the write")
        assert told.structure == 0
        append(tmp_path / "b.log")
        await until(lambda: told.structure and str(tmp_path / "b.log") in told.written, "the new name")
        assert (watcher.polling, watcher.problem) == (False, "")


async def test_many_writes_are_told_together(tmp_path: Path) -> None:
    told, files = Told(), [tmp_path / "a.log", tmp_path / "b.log"]
    for file in files:
        append(file)
    with watching(told) as watcher:
        watcher.watch(places(tmp_path))
        for _ in range(2000):
            for file in files:
                append(file)
        await until(lambda: set(told.written) == set(map(str, files)), "both files")
        assert len(told.written) == 2


async def test_a_folder_at_two_paths_is_told_by_both(tmp_path: Path) -> None:
    told, real, link = Told(), tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to("real")
    with watching(told) as watcher:
        watcher.watch(places(real, link))
        append(real / "a.log")
        await until(lambda: set(told.written) == {f"{real}/a.log", f"{link}/a.log"}, "both paths")
        watcher.watch(places(link))
        told.written.clear()
        append(real / "a.log")
        await until(lambda: told.written == [f"{link}/a.log"], "the path that is left")


async def test_a_file_behind_a_symlink_is_told_by_the_path_that_was_found(tmp_path: Path) -> None:
    told, real, link = Told(), tmp_path / "elsewhere/a.log", tmp_path / "logs/a.log"
    for file in (real, link):
        file.parent.mkdir()
    append(real)
    link.symlink_to(real)
    discovery = Discovery([LogInput(paths=[f"{link.parent}/*.log"])])
    await asyncio.to_thread(discovery.look, (), (), 0.0)
    with watching(told) as watcher:
        watcher.watch(discovery.places)
        append(real)
        await until(lambda: str(link) in told.written, "the write")


async def test_a_file_is_told_when_it_is_written_under_another_name(tmp_path: Path) -> None:
    told, file, other = Told(), tmp_path / "logs/a.log", tmp_path / "elsewhere.log"
    file.parent.mkdir()
    append(file)
    other.hardlink_to(file)
    discovery = Discovery([LogInput(paths=[f"{file.parent}/*.log"])])
    await asyncio.to_thread(discovery.look, (), (), 0.0)
    with watching(told) as watcher:
        watcher.watch(discovery.places)
        append(other)
        await until(lambda: told.written == [str(file)], "the write")


async def test_a_symlink_that_is_exchanged_is_told_and_its_new_folder_watched(tmp_path: Path) -> None:
    told, volume = Told(), tmp_path / "volume"
    for version in ("..2024_01", "..2024_02"):
        (volume / version).mkdir(parents=True)
        append(volume / version / "app.log")
    (volume / "..data").symlink_to("..2024_01")
    (volume / "app.log").symlink_to("..data/app.log")
    (tmp_path / "mounted").symlink_to("volume")
    discovery = Discovery([LogInput(paths=[f"{tmp_path}/mounted/*.log", f"{tmp_path}/mounted/..data/*.log"])])
    first = await asyncio.to_thread(discovery.look, (), (), 0.0)
    followed = {one.identity for one in first if one.identity}
    with watching(told) as watcher:
        watcher.watch(discovery.places)
        append(volume / "..2024_01/app.log")
        await until(lambda: f"{tmp_path}/mounted/app.log" in told.written, "the write before")
        assert told.structure == 0
        (volume / "..tmp").symlink_to("..2024_02")
        (volume / "..tmp").rename(volume / "..data")
        await until(lambda: told.structure, "the exchange")
        found = await asyncio.to_thread(discovery.look, (), followed, 1.0)
        assert [one.path for one in found] == [f"{tmp_path}/mounted/..data/app.log"]
        assert watcher.watch(discovery.places)
        told.written.clear()
        append(volume / "..2024_02/app.log")
        await until(lambda: {f"{tmp_path}/mounted/app.log", f"{tmp_path}/mounted/..data/app.log"} <= set(told.written), "the write after")
        structure = told.structure
        (tmp_path / "other").symlink_to("volume")
        (tmp_path / "other").rename(tmp_path / "mounted")
        await until(lambda: told.structure > structure, "the exchange above")


async def test_a_folder_that_takes_anothers_place_is_watched(tmp_path: Path) -> None:
    told, folder = Told(), tmp_path / "logs"
    folder.mkdir()
    with watching(told) as watcher:
        watcher.watch(places(folder))
        folder.rename(tmp_path / "old")
        folder.mkdir()
        await until(lambda: told.structure, "the move")
        assert watcher.watch(places(folder))
        append(tmp_path / "old/a.log")
        append(folder / "b.log")
        await until(lambda: told.written, "the write")
        assert told.written == [f"{folder}/b.log"]


async def test_a_folder_that_is_gone_is_no_fault(tmp_path: Path) -> None:
    told, folder = Told(), tmp_path / "logs"
    folder.mkdir()
    wanted = places(folder)
    with watching(told) as watcher:
        watcher.watch(wanted)
        folder.rmdir()
        await until(lambda: told.structure, "the removal")
        assert not watcher.watch(wanted)
        assert not watcher.polling
        folder.mkdir()
        assert watcher.watch(places(folder))


async def test_too_many_events_let_all_files_be_looked_at(tmp_path: Path) -> None:
    limit = inotify_limits.queued_events().value
    assert limit
    told, files = Told(), [tmp_path / "a.log", tmp_path / "b.log"]
    with watching(told) as watcher:
        watcher.watch(places(tmp_path))
        streams = [file.open("wb", buffering=0) for file in files]
        for turn in range(limit + 1):
            streams[turn % 2].write(b"x")
        for stream in streams:
            stream.close()
        await until(lambda: "" in told.written, "the overflow")
        assert told.structure
        told.written.clear()
        append(files[0])
        await until(lambda: str(files[0]) in told.written, "the next write")


def in_namespace(*command: str | Path) -> list[dict[str, Any]]:
    """Run a command as root of a user namespace of its own and return the JSON lines that it prints."""
    if subprocess.run([*scarce_inotify.WORDS, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no user namespace can be made here")
    done = subprocess.run([*scarce_inotify.WORDS, *command], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def scarce(scenario: str, folder: Path) -> list[dict[str, Any]]:
    return in_namespace(sys.executable, "-m", scarce_inotify.__name__, scenario, folder)


def test_when_watches_run_out_the_limit_is_named_and_the_rest_polled_until_there_are_more(tmp_path: Path) -> None:
    short, enough, again, more = scarce("watches", tmp_path)
    assert short["polling"]
    assert short["problem"] == (
        "user.max_inotify_watches is 3 and all are taken, 2 of 5 places are polled; raise it: sysctl -w user.max_inotify_watches=128"
    )
    assert (enough["polling"], again["polling"], more["polling"]) == (False, True, False)
    assert more["problem"] == ""


def test_when_no_inotify_is_to_be_had_all_is_polled_until_there_is_one(tmp_path: Path) -> None:
    at_first, still, more = scarce("instances", tmp_path)
    assert at_first == still
    assert at_first["problem"] == (
        "user.max_inotify_instances is 0 and all are taken, all files are polled; raise it: sysctl -w user.max_inotify_instances=128"
    )
    assert (at_first["polling"], more["polling"]) == (True, False)


def test_when_no_descriptor_is_to_be_had_that_is_told(tmp_path: Path) -> None:
    at_first, later = scarce("descriptors", tmp_path)
    assert at_first["problem"] == ("all descriptors of this process are taken, all files are polled; raise LimitNOFILE= or ulimit -n")
    assert not later["polling"]


def test_a_bind_mount_of_a_file_is_the_same_file(tmp_path: Path) -> None:
    for name in ("logs/a.log", "elsewhere/b.log", "elsewhere/c.log", "bound/x"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    program = (
        "import json, sys\n"
        "from fairlead.logs.discover import discover\n"
        "from fairlead.logs.settings import LogInput\n"
        "print(json.dumps([one.path for one in discover(LogInput(paths=[sys.argv[1] + '/*/*.log']), ())]))\n"
    )
    script = 'mount --bind "$1/logs/a.log" "$1/elsewhere/b.log" && mount --bind "$1/elsewhere" "$1/bound" && exec "$2" -c "$3" "$1"'
    (found,) = in_namespace("--mount", "sh", "-euc", script, "sh", tmp_path, sys.executable, program)
    # What was elsewhere/b.log stands in bound/ only, and elsewhere/b.log is logs/a.log now.
    assert [os.path.relpath(path, tmp_path) for path in found] == ["bound/b.log", "bound/c.log", "elsewhere/b.log"]


def test_the_lowest_limit_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inotify_limits, "SYSCTL_ROOT", str(tmp_path))
    assert inotify_limits.watches() == Limit("fs.inotify.max_user_watches", None)
    assert inotify_limits.watches().told() == "fs.inotify.max_user_watches is unknown"
    for name, value in (("fs/inotify/max_user_watches", "8192\n"), ("user/max_inotify_watches", "8192\n")):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(value)
    assert inotify_limits.watches() == Limit("fs.inotify.max_user_watches", 8192)
    assert inotify_limits.watches().remedy(20_000) == "sysctl -w fs.inotify.max_user_watches=40000"
    (tmp_path / "user/max_inotify_watches").write_text("16\n")
    assert inotify_limits.watches().name == "user.max_inotify_watches"
