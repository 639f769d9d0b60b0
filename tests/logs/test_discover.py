"""What globs find, look by look, in folders that change, and what is told to be watched."""

import glob
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairlead.logs import discover as discover_module
from fairlead.logs.discover import Discovery, Found, discover
from fairlead.logs.globs import parse_glob
from fairlead.logs.listings import SETTLE_NS
from fairlead.logs.places import resolve
from fairlead.logs.settings import LogInput


def identity(path: Path) -> tuple[int, int]:
    facts = path.stat()
    return facts.st_dev, facts.st_ino


def settle(*folders: Path) -> None:
    """Make folders look as if no name came or went in them for long."""
    for folder in folders:
        old_ns = folder.stat().st_mtime_ns - 10 * SETTLE_NS
        os.utime(folder, ns=(old_ns, old_ns))


class Looking:
    """Looks again and again, and follows what is found."""

    def __init__(self, root: Path, *paths: str, **settings: object) -> None:
        self.root, self.now_s, self.followed = root, 0.0, set[tuple[int, int]]()
        given = [path if path.startswith("/") else f"{root}/{path}" for path in paths]
        self.log_input = LogInput(paths=given, **settings)  # type: ignore[arg-type]  # the fields of LogInput
        self.discovery = Discovery([self.log_input])

    def found(self) -> list[Found]:
        found = self.discovery.look((), self.followed, self.now_s)
        self.followed |= {one.identity for one in found if one.identity and not one.problem}
        return found

    def names(self) -> list[str]:
        return [os.path.relpath(one.path, self.root) + (f": {one.problem}" if one.problem else "") for one in self.found()]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a.log", "b.log", "b.log.1.gz", ".hidden.log", "app/x.log", "app/deep/y.log", "app/.dot/z.log", "web[1]/w.log"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x\n")
    return tmp_path


@pytest.mark.parametrize(
    "pattern",
    ["*.log", "*", "**/*.log", "**", "**/**/y.log", "*/*.log", "app/**", "app/**/deep/*.log", "?.log", "[!a].log", ".h*", "**/.dot/*",
     "a.log", "app/x.log", "none.log", "none/*.log", "*/x.log", "web[[]1]/*.log", "app//x.log", "app/", "**/deep/**/*.log"],
)  # fmt: skip
def test_globs_find_what_pythons_find(tree: Path, pattern: str) -> None:
    expected = {path for path in glob.glob(f"{tree}/{pattern}", recursive=True) if os.path.isfile(path)}
    found = {one.path for one in discover(LogInput(paths=[f"{tree}/{pattern}"]), ())}
    assert {os.path.normpath(path) for path in expected} == found
    pattern_itself = parse_glob(f"{tree}/{pattern}")
    assert {path for path in map(str, tree.rglob("*")) if os.path.isfile(path) and pattern_itself.matches(path)} == found


def test_what_is_excluded_is_matched_by_path_and_by_name(tree: Path) -> None:
    assert Looking(tree, "**/*", exclude=["*.gz", "y.*", f"{tree}/web*"]).names() == ["a.log", "app/x.log", "b.log"]
    assert Looking(tree, "a.log", "b.log", exclude=["a*"]).names() == ["b.log"]


def test_a_look_returns_what_has_come_since(tree: Path) -> None:
    looking = Looking(tree, "**/*.log")
    assert looking.names() == ["a.log", "app/deep/y.log", "app/x.log", "b.log", "web[1]/w.log"]
    assert looking.names() == []
    (tree / "app/new.log").write_text("")
    (tree / "more").mkdir()
    (tree / "more/m.log").write_text("")
    assert looking.names() == ["app/new.log", "more/m.log"]
    (tree / "a.log").rename(tree / "a.log.1")
    (tree / "a.log").write_text("")
    assert looking.names() == ["a.log"]
    assert looking.discovery.input_of(f"{tree}/app/gone.log") is looking.log_input
    assert looking.discovery.input_of(f"{tree}/app/gone.txt") is None


def test_a_folder_in_which_nothing_came_or_went_is_not_listed_again(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looking = Looking(tree, "**/*.log")
    folders = [tree, *(folder for folder in tree.rglob("*") if folder.is_dir())]
    settle(*folders)
    looking.found()
    listed: list[str] = []
    scandir = os.scandir

    def list_folder(path: str) -> object:
        listed.append(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", list_folder)
    assert looking.names() == []
    assert listed == []
    (tree / "app/new.log").write_text("")
    assert (looking.names(), listed) == (["app/new.log"], [f"{tree}/app"])
    settle(tree / "app")
    assert looking.names() == []


def test_a_thorough_look_sees_what_changes_no_folder(tree: Path) -> None:
    looking = Looking(tree, "*.log")
    looking.found()
    settle(tree)
    looking.found()
    before = tree.stat()
    (tree / "late.log").write_text("")
    os.utime(tree, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert looking.names() == []
    looking.now_s = discover_module.THOROUGH_S
    assert looking.names() == ["late.log"]


def test_what_is_let_go_is_returned_again(tree: Path) -> None:
    looking = Looking(tree, "*.log")
    one, other = looking.found()
    assert one.identity
    assert other.identity
    looking.followed.clear()
    looking.discovery.forget(one.identity)
    looking.discovery.retry(other)
    assert looking.names() == ["a.log", "b.log"]
    assert looking.names() == []


def test_what_is_no_log_is_told_until_it_is_one(tmp_path: Path) -> None:
    (tmp_path / "folder.log").mkdir()
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe.log")
    (tmp_path / "dangling.log").symlink_to("nothing")
    (tmp_path / "self.log").symlink_to("self.log")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket.log"))
    looking = Looking(tmp_path, "*")
    expected = [
        "dangling.log: No such file or directory", "folder.log: is a directory", "pipe.log: is a FIFO",
        "self.log: Too many levels of symbolic links", "socket.log: is a socket",
    ]  # fmt: skip
    assert looking.names() == expected
    assert looking.names() == expected
    (tmp_path / "nothing").write_text("")
    (tmp_path / "pipe.log").unlink()
    settle(tmp_path)
    assert looking.names() == ["dangling.log", *expected[1:2], *expected[3:]]


def test_own_files_are_silently_none(tree: Path) -> None:
    assert [one.path for one in discover(LogInput(paths=[f"{tree}/?.log"]), {identity(tree / "a.log")})] == [f"{tree}/b.log"]


def test_a_file_of_several_names_is_one_and_is_watched_itself(tree: Path) -> None:
    (tree / "c.log").hardlink_to(tree / "a.log")
    looking = Looking(tree, "*.log")
    assert looking.names() == ["a.log", "b.log"]
    assert set(looking.discovery.places.files) == {f"{tree}/a.log", f"{tree}/c.log"}
    (tree / "a.log").unlink()
    looking.followed.clear()
    looking.discovery.forget(identity(tree / "c.log"))
    assert looking.names() == ["c.log"]
    assert f"{tree}/c.log" not in looking.discovery.places.files


def test_a_file_behind_two_links_is_one_and_its_own_folder_is_watched(tree: Path) -> None:
    links = tree / "links"
    links.mkdir()
    (links / "1.log").symlink_to("../app/x.log")
    (links / "2.log").symlink_to(tree / "app/x.log")
    looking = Looking(tree, "links/*.log")
    assert looking.names() == ["links/1.log"]
    places = looking.discovery.places
    assert places.aliases == {f"{tree}/app/x.log": [f"{links}/1.log", f"{links}/2.log"]}
    assert set(places.folders) == {str(links), f"{tree}/app"}


def test_a_symlink_that_is_exchanged_leads_to_the_new_files(tmp_path: Path) -> None:
    for version in ("..2024_01", "..2024_02"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "app.log").write_text(version)
    (tmp_path / "..data").symlink_to("..2024_01")
    (tmp_path / "app.log").symlink_to("..data/app.log")
    looking = Looking(tmp_path, "*.log", "..data/*.log")
    assert looking.names() == ["..data/app.log"]
    settle(tmp_path)
    assert looking.names() == []
    assert {str(tmp_path), f"{tmp_path}/..2024_01"} <= set(looking.discovery.places.folders)
    before = looking.discovery.places.folders[f"{tmp_path}/..data"]
    (tmp_path / "..tmp").symlink_to("..2024_02")
    (tmp_path / "..tmp").rename(tmp_path / "..data")
    assert looking.names() == ["..data/app.log"]
    places = looking.discovery.places
    assert places.folders[f"{tmp_path}/..data"] == identity(tmp_path / "..2024_02") != before
    assert f"{tmp_path}/..2024_01" not in places.folders
    assert places.aliases == {f"{tmp_path}/..2024_02/app.log": [f"{tmp_path}/app.log"]}


def test_a_loop_of_symlinks_ends(tree: Path) -> None:
    (tree / "app/up").symlink_to(tree)
    (tree / "app/self").symlink_to(".")
    assert Looking(tree, "**/*.log").names() == ["a.log", "app/deep/y.log", "app/x.log", "b.log", "web[1]/w.log"]


def test_folders_that_are_too_deep_are_not_gone_through(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("")
    (tmp_path / "/".join("d" * 600)).mkdir(parents=True)
    (tmp_path / "/".join("d" * 600) / "deep.log").write_text("")
    assert Looking(tmp_path, "**/*.log").names() == ["a.log"]


def test_a_folder_that_is_not_there_yet_is_waited_for_above(tmp_path: Path) -> None:
    looking = Looking(tmp_path, "app/logs/*.log")
    assert looking.names() == []
    assert set(looking.discovery.places.folders) == {str(tmp_path)}
    (tmp_path / "app/logs").mkdir(parents=True)
    (tmp_path / "app/logs/a.log").write_text("")
    assert looking.names() == ["app/logs/a.log"]
    assert set(looking.discovery.places.folders) == {f"{tmp_path}/app/logs"}


def test_the_first_input_that_matches_has_the_file(tree: Path) -> None:
    first, second = LogInput(paths=[f"{tree}/a.*"]), LogInput(paths=[f"{tree}/*.log"])
    found = Discovery([first, second]).look((), (), 0.0)
    assert [(one.path, one.log_input is first) for one in found] == [(f"{tree}/a.log", True), (f"{tree}/b.log", False)]


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    before = os.getcwd()
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(before)


def test_a_relative_path_is_found_and_not_watched(elsewhere: Path) -> None:
    (elsewhere / "a.log").write_text("")
    discovery = Discovery([LogInput(paths=["*.log", "b.log"])])
    assert [one.path for one in discovery.look((), (), 0.0)] == ["a.log"]
    assert discovery.places.folders == {}


def test_resolve_when_links_lead_on_tells_each_folder_that_holds_one(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to(tmp_path / "real")
    (tmp_path / "real/back").symlink_to("../real/file")
    (tmp_path / "loop").symlink_to("loop")
    assert resolve(f"{tmp_path}/one/back") == (f"{tmp_path}/real/file", [str(tmp_path), str(tmp_path), f"{tmp_path}/real"])
    assert resolve("/") == ("/", [])
    assert resolve(f"{tmp_path}/loop/x")[0] == f"{tmp_path}/loop/x"


def test_a_name_that_is_not_utf8_is_told_each_time_and_in_text(tmp_path: Path) -> None:
    (tmp_path / "good.log").touch()
    bad = os.fsencode(tmp_path) + b"/b\xff\xc3d.log"
    os.close(os.open(bad, os.O_CREAT))
    discovery = Discovery([LogInput(paths=[f"{tmp_path}/*.log"])])
    first, again = discovery.look((), (), 0.0), discovery.look((), (), 1.0)
    told = (f"{tmp_path}/b\\xff\\xc3d.log", "its name is not UTF-8; rename it")
    assert [(one.path, one.problem) for one in first] == [told, (f"{tmp_path}/good.log", "")]
    assert [(one.path, one.problem) for one in again] == [told]
    os.unlink(bad)
    assert discovery.look((), (), 2.0) == []
