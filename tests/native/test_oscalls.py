import errno
import os
import time
from pathlib import Path

import pytest

from fairlead._native import oscalls


def test_inotify_when_a_file_is_made_and_written(tmp_path: Path) -> None:
    fd = oscalls.inotify_init()
    try:
        wd = oscalls.inotify_watch(fd, tmp_path, oscalls.IN_CREATE | oscalls.IN_MODIFY)
        (tmp_path / "a.log").write_bytes(b"x")
        events = oscalls.inotify_parse(os.read(fd, 65536))
    finally:
        os.close(fd)
    assert [(event[0], event[1], event[3]) for event in events] == [(wd, oscalls.IN_CREATE, b"a.log"), (wd, oscalls.IN_MODIFY, b"a.log")]


def test_inotify_watch_when_path_is_missing(tmp_path: Path) -> None:
    fd = oscalls.inotify_init()
    try:
        with pytest.raises(FileNotFoundError) as caught:
            oscalls.inotify_watch(fd, tmp_path / "none", oscalls.IN_MODIFY)
    finally:
        os.close(fd)
    assert caught.value.errno == errno.ENOENT


def test_inotify_unwatch_ends_a_watch_and_says_so(tmp_path: Path) -> None:
    fd = oscalls.inotify_init()
    try:
        wd = oscalls.inotify_watch(fd, tmp_path, oscalls.IN_CREATE)
        oscalls.inotify_unwatch(fd, wd)
        (tmp_path / "a.log").write_bytes(b"x")
        assert oscalls.inotify_parse(os.read(fd, 65536)) == [(wd, oscalls.IN_IGNORED, 0, b"")]
        with pytest.raises(OSError, match="Invalid argument"):
            oscalls.inotify_unwatch(fd, wd)
    finally:
        os.close(fd)


def test_inotify_parse_when_cut_short_keeps_to_the_buffer() -> None:
    whole = (1).to_bytes(4, "little") + (2).to_bytes(4, "little") + bytes(4) + (16).to_bytes(4, "little") + b"name".ljust(16, b"\0")
    assert oscalls.inotify_parse(whole) == [(1, 2, 0, b"name")]
    for cut in range(len(whole)):
        assert oscalls.inotify_parse(whole[:cut]) == []


def test_birth_ns_when_known_is_near_now(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as file:
        birth = oscalls.birth_ns(file.fileno())
    assert birth == 0 or abs(birth - time.time_ns()) < 60e9
