"""Which directories a state directory is made of, and what is done to their modes."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairlead.core.errors import StateError
from fairlead.core.statedir import StateDir

NOBODY = 65534
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def opened(path: Path) -> Path:
    """Open and close a state directory."""
    StateDir(path).close()
    return path


def test_a_directory_that_is_made_is_for_its_owner_alone(tmp_path: Path) -> None:
    assert mode(opened(tmp_path / "a" / "b")) == 0o700
    assert mode(tmp_path / "a") == 0o755


def test_a_directory_when_it_holds_nothing_else_is_closed_to_others(tmp_path: Path) -> None:
    state = opened(tmp_path / "state")
    state.chmod(0o755)
    assert mode(opened(state)) == 0o700
    (empty := tmp_path / "empty").mkdir()
    assert mode(opened(empty)) == 0o700


def test_a_directory_when_other_files_lie_in_it_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "hosts").touch()
    tmp_path.chmod(0o755)
    opened(tmp_path)
    assert mode(opened(tmp_path)) == 0o755, "also when it holds our files, too"


def test_a_directory_for_all_users_is_refused_untouched() -> None:
    before = mode(Path("/var/tmp"))
    with pytest.raises(
        StateError, match="/var/tmp: shared by all users; give --state-dir a directory of its own, such as /var/tmp/fairlead"
    ):
        StateDir(Path("/var/tmp"))
    assert mode(Path("/var/tmp")) == before


def test_a_file_system_in_memory_with_files_of_ours_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "ballast").touch()
    tmp_path.chmod(0o1777)
    assert mode(opened(tmp_path)) == 0o1777


def test_a_file_system_that_was_just_made_is_taken(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    tmp_path.chmod(0o1777)
    assert mode(opened(tmp_path)) == 0o700


@root_only
def test_a_directory_with_files_of_another_user_is_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "letter").touch()
    os.chown(tmp_path / "letter", NOBODY, NOBODY)
    tmp_path.chmod(0o755)
    with pytest.raises(StateError, match="letter in it belongs to another user; give --state-dir a directory of its own"):
        StateDir(tmp_path)
    assert mode(tmp_path) == 0o755


@root_only
def test_a_state_directory_of_another_user_is_taken(tmp_path: Path) -> None:
    state = opened(tmp_path / "state")
    for file in (state, *state.iterdir()):
        os.chown(file, NOBODY, NOBODY)
    state.chmod(0o750)
    assert mode(opened(state)) == 0o750


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="file: Not a directory; give a directory"):
        StateDir(tmp_path / "file")
