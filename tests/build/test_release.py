"""`build/release`: what it makes of each kind, and what it says when one fails."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from onefile import release, sbom
from onefile.errors import BuildError
from onefile.release import EMULATED, NATIVE, StepFailedError
from onefile.target import HOST, KINDS, Target

GLIBC, STATIC = (Target(HOST.arch, libc) for libc in ("glibc", "musl"))
TEST_RESULTS = {"passes": "def test_a():\n    pass\n", "fails": "def test_a():\n    assert False\n", "has none": ""}
Prepared = Callable[..., int]


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prepared:
    """A checkout whose build writes a small file, and whose tests do what a name in TEST_RESULTS says; runs `release` in it."""
    out = tmp_path / "build" / "out"
    out.mkdir(parents=True)

    def prepare(kinds: list[Target], build: str = "true", tests: str = "passes", skip_tests: bool = False) -> int:
        script = tmp_path / "build" / "binary"
        name = '[ "$4" = musl ] && suffix=-static'
        script.write_text(f'#!/bin/sh\nsuffix=\n{name}\n{build} || exit 2\nprintf "%s" "$*" >build/out/fairlead-linux-$2$suffix\n')
        script.chmod(0o755)
        (tmp_path / "test_it.py").write_text(TEST_RESULTS[tests])
        return release.release(kinds, skip_tests=skip_tests)

    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # loading them takes longer than the tests
    monkeypatch.setattr(release, "CHECKOUT", tmp_path)
    monkeypatch.setattr(release, "LOGS", out / "release")
    monkeypatch.setattr(release, "SUMS", out / "SHA256SUMS")
    monkeypatch.setattr(release, "PYTHON", Path(sys.executable))
    monkeypatch.setattr(release, "NATIVE", release.Selection("not slow", ("test_it.py",)))
    monkeypatch.setattr(sbom, "write", written_beside)
    return prepare


def written_beside(file: Path) -> Path:
    bill = file.with_name(file.name + ".cdx.json")
    bill.write_text("{}")
    return bill


def test_made_files_have_checksums_that_sha256sum_accepts(prepared: Prepared, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert prepared([GLIBC, STATIC]) == 0
    sums = (tmp_path / "build/out/SHA256SUMS").read_text()
    names = [f"fairlead-{GLIBC.name}", f"fairlead-{GLIBC.name}-static", f"fairlead-{GLIBC.name}-static.cdx.json"]
    assert [line.split("  ")[1] for line in sums.splitlines()] == sorted([*names, f"fairlead-{GLIBC.name}.cdx.json"])
    check = subprocess.run(["sha256sum", "-c", "--strict", "--quiet", "SHA256SUMS"], cwd=tmp_path / "build/out", check=False)
    assert check.returncode == 0
    told = capfd.readouterr().err.splitlines()
    assert told[0] == f"build/release: 2 of {len(KINDS)} kinds; logs: build/out/release"
    assert f"build/release: {GLIBC.name}: build ... 0 s, 0.0 MB" in told
    assert any(line.startswith(f"build/release: {STATIC.name}: tests ... ") and "1 passed in" in line for line in told)
    assert told[-1].startswith(f"build/release: made fairlead-{GLIBC.name}, fairlead-{STATIC.name}; ")


def test_a_kind_whose_tests_fail_is_told_and_has_no_checksum(prepared: Prepared, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert prepared([GLIBC], tests="fails") == 1
    told = capfd.readouterr().err
    assert "FAILED test_it.py::test_a" in told
    assert "1 failed in" in told
    assert told.splitlines()[-1].startswith(f"build/release: made nothing; {GLIBC.name} FAILED its tests; ")
    assert (tmp_path / "build/out/SHA256SUMS").read_text() == ""


def test_no_test_at_all_is_no_success(prepared: Prepared, capfd: pytest.CaptureFixture[str]) -> None:
    assert prepared([GLIBC], tests="has none") == 2
    assert "exit code 5: " in capfd.readouterr().err


def test_a_kind_that_cannot_be_built_does_not_stop_the_others(
    prepared: Prepared, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert prepared([GLIBC, STATIC], build='{ echo reason; [ "$4" = musl ]; }') == 2
    told = capfd.readouterr().err
    assert "exit code 2: reason\n    all of it: build/out/release/" in told
    assert told.splitlines()[-1].startswith(f"build/release: made fairlead-{STATIC.name}; {GLIBC.name} FAILED to be made; ")
    assert GLIBC.name + "\n" not in (tmp_path / "build/out/SHA256SUMS").read_text()


def test_checksums_of_an_earlier_run_do_not_stay(prepared: Prepared, tmp_path: Path) -> None:
    (tmp_path / "build/out/SHA256SUMS").write_text("old")
    assert prepared([GLIBC], build="false") == 2
    assert (tmp_path / "build/out/SHA256SUMS").read_text() == ""


def test_skipped_tests_are_told_first_and_last(prepared: Prepared, capfd: pytest.CaptureFixture[str]) -> None:
    assert prepared([GLIBC], tests="fails", skip_tests=True) == 0
    told = capfd.readouterr().err.splitlines()
    assert "WITHOUT their tests" in told[0]
    assert "(NOT TESTED)" in told[-1]
    assert any("no figures: " in line for line in told)


def test_kinds_are_chosen_by_name_in_the_order_of_the_list() -> None:
    assert release.parse_kinds(None) == list(KINDS)
    assert release.parse_kinds(f"{KINDS[1].name},{KINDS[0].name}") == [KINDS[0], KINDS[1]]
    with pytest.raises(BuildError, match=f"no kind linux-vax; allowed are {KINDS[0].name}, "):
        release.parse_kinds(f"linux-vax,{KINDS[0].name}")


def test_an_unknown_kind_ends_with_2() -> None:
    done = subprocess.run(["build/release", "--kinds", "linux-vax"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "build/release: no kind linux-vax" in done.stderr


def test_foreign_kinds_have_tests_of_their_own() -> None:
    assert {release.selection(kind) for kind in KINDS if kind.arch == HOST.arch} == {NATIVE}
    assert {release.selection(kind) for kind in KINDS if kind.arch != HOST.arch} == {EMULATED}


@pytest.mark.parametrize(("tests_failed", "code"), [((), 0), ((True,), 1), ((True, True), 1), ((True, False), 2)])
def test_the_exit_code_tells_failed_tests_from_failed_tools(tests_failed: tuple[bool, ...], code: int) -> None:
    assert release.exit_code([StepFailedError("", tests_failed=failed) for failed in tests_failed]) == code
