"""The journal proves what is done, through crashes and damage."""

from pathlib import Path

import pytest

from fairlead.core.errors import StateError
from fairlead.core.pool.job import State
from fairlead.jobs.journal import Journal
from fairlead.jobs.model import Command, Outcome

A, B, C = (Command(["echo", name], id=name, env={"TOKEN": "s3cret"}) for name in "abc")


async def _written(file: Path) -> None:
    with Journal(file) as journal:
        for command in (A, B, C):
            await journal.begin(command)
        await journal.end(A, Outcome("a", State.COMPLETED, exit_code=0, stdout="a\n", attempt=1), is_done=True)
        await journal.end(B, Outcome("b", State.DISCARDED, exit_code=1, attempt=1), is_done=False)
        await journal.close()


async def test_what_was_done_is_told_with_its_outcome_and_the_rest_runs_again(tmp_path: Path) -> None:
    await _written(tmp_path / "journal")
    with Journal(tmp_path / "journal") as journal:
        assert journal.outcome(A) == Outcome("a", State.COMPLETED, exit_code=0, stdout="a\n", attempt=1)
        assert journal.outcome(B) is None
        assert journal.unproven() == [("b", "failed"), ("c", "begun")]
        assert journal.is_changed(Command(["echo", "other"], id="a"))
        assert not journal.is_changed(A)
    assert b"s3cret" not in (tmp_path / "journal").read_bytes()
    assert (tmp_path / "journal").stat().st_mode & 0o777 == 0o600


async def test_a_journal_cut_anywhere_is_read_as_far_as_it_goes_and_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "journal"
    await _written(file)
    whole = file.read_bytes()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        with Journal(file) as journal:
            whole_lines = whole[:length].count(b"\n")
            assert (journal.outcome(A) is not None) == (whole_lines >= 4)
            assert len(journal.known) == min(whole_lines, 3)
        assert file.read_bytes() == whole[: whole[:length].rfind(b"\n") + 1]


async def test_a_damaged_line_proves_nothing_and_is_told(tmp_path: Path) -> None:
    file = tmp_path / "journal"
    await _written(file)
    lines = file.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3].replace(b'"stdout":"a', b'"stdout":"b')
    file.write_bytes(b"".join(lines))
    with Journal(file) as journal:
        assert journal.outcome(A) is None
        assert journal.warnings == [f"{file}:4: is damaged and proves nothing; what it spoke of runs again"]


def test_a_file_that_is_no_journal_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    for text in ("my notes\n", "my notes", "line\nline\nbegun"):
        (tmp_path / "notes").write_text(text)
        with pytest.raises(StateError, match="is no journal"):
            Journal(tmp_path / "notes")
        assert (tmp_path / "notes").read_text() == text


def test_two_runs_cannot_have_one_journal(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal"), pytest.raises(StateError, match="another run"):
        Journal(tmp_path / "journal")
