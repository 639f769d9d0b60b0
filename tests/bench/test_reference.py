"""How Go programs are found."""

from pathlib import Path

import pytest

from fairlead.bench.measured import ContenderError
from fairlead.bench.reference import ReferencePrograms

MAIN = 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println(7) }\n'


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Go module with one program, and a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "module"
    (folder / "cmd" / "seven").mkdir(parents=True)
    (folder / "go.mod").write_text("module seven\n\ngo 1.22\n")
    (folder / "cmd" / "seven" / "main.go").write_text(MAIN)
    return folder


def test_built_programs_are_taken_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "seven").write_text("")
    found = ReferencePrograms(tmp_path).go("Go", "seven", "-x")
    assert (found.missing, list(found.argv)) == ("", [str(tmp_path / "seven"), "-x"])


def test_a_folder_without_the_program_says_so(tmp_path: Path) -> None:
    assert ReferencePrograms(tmp_path).go("Go", "seven").missing == f"{tmp_path} has no program seven"
    assert "is not there" in ReferencePrograms(tmp_path / "none").go("Go", "seven").missing


def test_without_go_the_source_is_no_use(module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(module))
    assert ReferencePrograms(module).go("Go", "seven").missing == "Go is not installed"


def test_a_module_is_built_once_and_again_when_it_changes(module: Path) -> None:
    first = Path(ReferencePrograms(module).go("Go", "seven").argv[0])
    assert first.is_file()
    assert Path(ReferencePrograms(module).go("Go", "seven").argv[0]) == first
    (module / "cmd" / "seven" / "main.go").write_text(MAIN.replace("7", "8"))
    assert Path(ReferencePrograms(module).go("Go", "seven").argv[0]) != first


def test_a_module_that_does_not_build_says_what_the_compiler_says(module: Path) -> None:
    (module / "cmd" / "seven" / "main.go").write_text("package main\n\nfunc main() { nonsense }\n")
    with pytest.raises(ContenderError, match="undefined: nonsense"):
        ReferencePrograms(module).go("Go", "seven")
