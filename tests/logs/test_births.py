"""What events tell of files that were born, against those that were found."""

import os
from collections import Counter
from collections.abc import Collection
from pathlib import Path

import pytest

from fairlead.logs.births import NOTHING, Births, Gap, Names
from fairlead.logs.rotation import base_name


def born(*paths: str, moved: Collection[tuple[str, str]] = (), overflowed: bool = False) -> Names:
    """Return what is told when files are made at paths, and moved from one to another."""
    births: Counter[tuple[str, str]] = Counter((path, "") for path in paths)
    births.update((there, here) for here, there in moved)
    return Names(births, {path for pair in births for path in pair if path}, overflowed)


class Looks:
    """Looks one after the other; `log` is the one path that is a log, `vanished` whether what stood there is deleted."""

    def __init__(self, log: Path, *, watched: bool = True) -> None:
        self.log, self.vanished = str(log), False
        self.births = Births(self._base_of, lambda _: watched, lambda *_: self.vanished)
        self._now_ns = 0
        self._found = 0

    def look(self, names: Names = NOTHING, found: int = 0, during: Names = NOTHING, unsettled: Collection[str] = ()) -> list[Gap]:
        """Look once: so many new files are found."""
        self._now_ns += 10
        self.births.begin_look(names, self._now_ns)
        for _ in range(found):
            self._found += 1
            self.births.found(self.log, (1, self._found))
        return self.births.end_look(during, unsettled)

    def _base_of(self, path: str) -> str:
        return self.log if base_name(path) == self.log else ""


@pytest.fixture
def looks(tmp_path: Path) -> Looks:
    made = Looks(tmp_path / "a.log")
    made.look()
    return made


def test_nothing_is_missing_when_all_that_was_born_is_found(looks: Looks) -> None:
    assert looks.look(born(*3 * [looks.log]), found=3) == []
    assert looks.look() == []


def test_a_gap_is_told_once_when_less_is_found(looks: Looks) -> None:
    assert looks.look(born(*3 * [looks.log]), found=1) == [Gap(looks.log, 20)]
    assert looks.look() == []


def test_a_file_may_be_found_before_its_event_is_read(looks: Looks) -> None:
    assert looks.look(found=1, during=born(looks.log)) == []
    assert looks.look() == []


def test_what_was_found_before_its_event_stands_for_no_other(looks: Looks) -> None:
    looks.look(found=1)
    assert looks.look(born(looks.log)) == [Gap(looks.log, 30)]


def test_a_path_waits_while_its_names_change_or_files_of_it_are_not_settled(looks: Looks) -> None:
    assert looks.look(born(looks.log), during=Names(Counter(), {f"{looks.log}.3.gz"}, overflowed=False)) == []
    assert looks.look(unsettled=[looks.log]) == []
    assert looks.look() == [Gap(looks.log, 20)]


def test_what_is_moved_between_names_of_a_log_is_not_born(looks: Looks) -> None:
    log = looks.log
    assert looks.look(born(moved=[(log, f"{log}.1"), (f"{log}.1", f"{log}.2"), (f"{log}.1", log)])) == []
    assert looks.look(born(f"{log}.1", f"{log}.1.gz", "/elsewhere/b.log")) == []


def test_what_is_moved_to_a_log_from_elsewhere_is_born(looks: Looks) -> None:
    assert looks.look(born(moved=[("/tmp/new", looks.log)])) == [Gap(looks.log, 20)]


def test_a_birth_is_explained_by_a_file_that_stands_there_and_was_known(looks: Looks) -> None:
    Path(looks.log).touch()
    assert looks.look(born(looks.log)) == []
    assert looks.look(born(looks.log, looks.log)) == [Gap(looks.log, 30)]


def test_a_file_that_was_found_explains_only_itself(looks: Looks) -> None:
    Path(looks.log).touch()
    facts = Path(looks.log).stat()
    looks.births.begin_look(born(looks.log, looks.log), 20)
    looks.births.found(looks.log, (facts.st_dev, facts.st_ino))
    assert looks.births.end_look(NOTHING, ()) == [Gap(looks.log, 20)]


@pytest.mark.parametrize("vanished", [False, True])
def test_after_an_overflow_the_chain_tells(looks: Looks, vanished: bool) -> None:
    looks.vanished = vanished
    assert looks.look(born(overflowed=True), found=1) == ([Gap(looks.log, 20)] if vanished else [])
    assert looks.look(born(overflowed=True)) == []


def test_after_an_overflow_the_chain_is_followed_at_once(looks: Looks) -> None:
    assert looks.look(born(overflowed=True), found=1, during=born(looks.log), unsettled=[looks.log]) == []
    looks.vanished = True
    assert looks.look(found=2) == []


def test_a_gap_after_an_overflow_is_told_once_when_more_is_found_later(looks: Looks) -> None:
    looks.vanished = True
    assert looks.look(born(overflowed=True), found=1, unsettled=[looks.log]) == [Gap(looks.log, 20)]
    looks.vanished = False
    assert looks.look(found=3) == []


@pytest.mark.parametrize("vanished", [False, True])
def test_in_a_folder_that_is_not_watched_the_chain_tells(tmp_path: Path, vanished: bool) -> None:
    looks = Looks(tmp_path / "a.log", watched=False)
    looks.look()
    looks.vanished = vanished
    assert looks.look(found=1) == ([Gap(looks.log, 20)] if vanished else [])


def test_the_first_look_tells_nothing(tmp_path: Path) -> None:
    looks = Looks(tmp_path / "a.log", watched=False)
    looks.vanished = True
    assert looks.look(found=1) == []


def test_nothing_is_owed_when_other_files_are_followed(looks: Looks) -> None:
    looks.look(born(looks.log), unsettled=[looks.log])
    looks.births.forget()
    assert looks.look() == []


@pytest.mark.parametrize(
    ("path", "base"),
    [
        ("/log/a.log", "/log/a.log"), ("/log/a.log.1", "/log/a.log"), ("/log/a.log-20260101", "/log/a.log"),
        ("/log/a.log.12.gz", "/log/a.log"), ("/log/a-1.log", "/log/a-1.log"), ("/log/0.log.20260101-101500.gz", "/log/0.log"),
        ("/log.1/a.log", "/log.1/a.log"), ("/log/.1", "/log/.1"), ("/log/a.gz", "/log/a.gz"),
    ],
)  # fmt: skip
def test_base_name_is_that_of_the_log_when_a_name_is_a_rotated_ones(path: str, base: str) -> None:
    assert base_name(path) == base
    assert os.path.basename(base)
