"""What is portable, without Linux's parts: no /proc and no /sys, no kernel of Linux's, and of the standard library what another system has.

Each command runs on real input as always and as elsewhere (elsewhere.py says what that is), and tells the same.
"""

import contextlib
import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import fairlead
from fairlead.cli import COMMANDS, LINUX
from fairlead.core.clock import SystemClock
from fairlead.core.sink import Keyed
from fairlead.core.spool import Spool
from fairlead.core.spool.format import segment_path
from fairlead.logs.spooling import pack_sample
from fairlead.store.settings import StoreSettings
from fairlead.store.sqlite import open_store
from tests.packaging import typeshed
from tests.support.program import Running
from tests.support.samples import batch, put
from tests.support.waiting import wait_until

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
LINUX_KERNELS = {"lastsignal", "oscalls", "procparse"}
WITHOUT_PROC = (
    *("unshare", "--user", "--map-root-user", "--mount", "sh", "-c"),
    *('mount -t tmpfs none /proc && mount -t tmpfs none /sys && exec "$@"', "sh"),
)
SETTINGS = """
state_dir: {folder}/state
logs:
  - paths: [{folder}/*.log]
    multiline: {{start: "^[0-9]"}}
redact: ["token=[a-z]+"]
store: {{max_size: 1MiB}}
"""
WRONG = """
state_dir: {folder}/file/below
logs:
  - paths: [relative/*.log, /nowhere/*.log]
redact: ["(", ""]
"""
JOBS = [
    {"id": "echo", "argv": ["sh", "-c", "echo $WHO; echo told >&2"], "env": {"WHO": "us"}, "priority": 0},
    {"id": "fails", "argv": ["sh", "-c", "exit 3"], "retries": 1},
    {"id": "killed", "argv": ["sh", "-c", "kill -9 $$"]},
    {"id": "late", "argv": ["sleep", "60"], "timeout_s": 0.3},
    {"id": "away", "argv": ["no-such-program"]},
    {"id": "there", "argv": ["pwd"], "cwd": "/"},
]
TASKKILL = """#!/bin/sh
signal=TERM
[ "$1" != /F ] || { signal=KILL; shift; }
[ "$1 $2" = "/T /PID" ] && exec kill -s $signal "$3"
"""
"""The leader alone: which processes it started, nothing tells without /proc."""


class Told(NamedTuple):
    code: int
    out: str
    err: str


class Elsewhere:
    """Fairlead as on another system: `platform` is its sys.platform."""

    def __init__(self, platform: str, folder: Path) -> None:
        self.platform = platform
        tree = folder / "site"
        shutil.copytree(Path(fairlead.__file__).parent, tree / "fairlead")
        for kernel in LINUX_KERNELS:
            (found,) = (tree / "fairlead" / "_native").glob(f"{kernel}.*.so")
            found.unlink()
        programs = folder / "programs"
        programs.mkdir()
        (programs / "taskkill").write_text(TASKKILL)
        (programs / "taskkill").chmod(0o755)
        spec = folder / "spec.json"
        spec.write_text(json.dumps(_spec(platform)))
        self.program = [*WITHOUT_PROC, sys.executable, str(Path(__file__).with_name("elsewhere.py")), str(spec)]
        self.environment = {"PYTHONPATH": str(tree), "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}

    def run(self, *arguments: str, stdin: str = "") -> Told:
        return _run(self.program, arguments, self.environment, stdin)


def _spec(platform: str) -> dict[str, Any]:
    """Return what a platform lacks of the standard library that Fairlead imports, and that uvloop is not for Windows."""
    spec: dict[str, Any] = {"platform": platform, "modules": ["uvloop"] if platform == "win32" else [], "names": {}}
    for module in typeshed.imported(ROOT / "src"):
        here, there = typeshed.names(module, "linux"), typeshed.names(module, platform)
        if here and not there:
            spec["modules"].append(module)
        elif here - there:
            spec["names"][module] = sorted(here - there)
    return spec


def _run(program: Sequence[str], arguments: Sequence[str], environment: dict[str, str], stdin: str) -> Told:
    env = {**os.environ, **environment}
    done = subprocess.run([*program, *arguments], input=stdin, capture_output=True, text=True, env=env, timeout=60, check=False)
    return Told(done.returncode, done.stdout, done.stderr)


def here(*arguments: str, stdin: str = "") -> Told:
    """Run a command as always."""
    return _run([sys.executable, "-m", "fairlead"], arguments, {}, stdin)


@pytest.fixture(scope="module", params=["darwin", "win32"])
def elsewhere(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Elsewhere:
    return Elsewhere(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A state directory whose store holds four lines, the last of them an error."""
    with contextlib.closing(open_store(tmp_path, StoreSettings(), SystemClock())) as made:
        put(made, [batch("s", 0, ["one fish", "two fish", "--red herring", "ERROR failed"])], [], "host")
    return str(tmp_path)


def test_what_is_taken_away_is_away() -> None:
    lacking = {platform: _spec(platform) for platform in ("darwin", "win32")}
    assert {"fcntl", "grp", "pwd", "resource", "uvloop"} <= set(lacking["win32"]["modules"])
    assert {"pread", "pwritev", "killpg", "uname", "geteuid", "wait4", "fdatasync"} <= set(lacking["win32"]["names"]["os"])
    assert {"SIGHUP", "SIGKILL", "setitimer"} <= set(lacking["win32"]["names"]["signal"])
    assert {"sched_getaffinity", "fdatasync", "pidfd_open"} <= set(lacking["darwin"]["names"]["os"])


def test_version_tells_the_system_and_its_kernels(elsewhere: Elsewhere) -> None:
    usual, told = (json.loads(done.out) for done in (here("version", "--json"), elsewhere.run("version", "--json")))
    assert (usual["platform"].partition("-")[0], told["platform"].partition("-")[0]) == ("linux", elsewhere.platform)
    assert set(usual["native"]) - set(told["native"]) == LINUX_KERNELS
    for same in ("version", "python", "cpu_features"):
        assert told[same] == usual[same]


@pytest.mark.parametrize("command", ["", *(name for name in COMMANDS if name not in LINUX)])
def test_help_is_the_same(elsewhere: Elsewhere, command: str) -> None:
    words = [command, "--help"] if command else ["--help"]
    assert elsewhere.run(*words) == here(*words)


@pytest.mark.parametrize("command", LINUX)
def test_what_needs_linux_says_so_in_a_line(elsewhere: Elsewhere, command: str) -> None:
    told = elsewhere.run(command, "--help")
    assert told == (2, "", f"fairlead: {command} needs {LINUX[command]}, and this is {elsewhere.platform}; run it on Linux\n")


@pytest.mark.parametrize("settings", [SETTINGS, WRONG])
def test_validate_finds_the_same(elsewhere: Elsewhere, tmp_path: Path, settings: str) -> None:
    (tmp_path / "app.log").write_text("line\n")
    (tmp_path / "file").touch()
    file = tmp_path / "fairlead.yaml"
    file.write_text(settings.format(folder=tmp_path))
    usual, told = here("validate", "--json", str(file)), elsewhere.run("validate", "--json", str(file))
    assert (told.code, json.loads(told.out)) == (usual.code, json.loads(usual.out))
    assert usual.code == (2 if settings == WRONG else 0)
    assert told.err == f"fairlead: this is {elsewhere.platform}: what only Linux can tell (limits of inotify) is not checked\n"


def test_a_pattern_that_goes_astray_is_found_where_a_match_can_be_interrupted(elsewhere: Elsewhere, tmp_path: Path) -> None:
    file = tmp_path / "fairlead.yaml"
    file.write_text(f'state_dir: {tmp_path}/state\nlogs: []\nredact: ["(a+)+$"]\n')
    assert here("validate", str(file)).code == 1
    assert elsewhere.run("validate", str(file)).code == (0 if elsewhere.platform == "win32" else 1)


def test_jobs_end_as_they_do_here(elsewhere: Elsewhere) -> None:
    lines = "".join(json.dumps(job) + "\n" for job in JOBS)
    usual, told = here("jobs", "run", "-", stdin=lines), elsewhere.run("jobs", "run", "-", stdin=lines)
    assert (told.code, _outcomes(told)) == (usual.code, _outcomes(usual))
    assert told.err.splitlines()[0].startswith("fairlead: 6 jobs: 2 completed, 4 failed (1 timed out)")


def test_a_journal_proves_what_is_done(elsewhere: Elsewhere, tmp_path: Path) -> None:
    file, journal = tmp_path / "jobs", tmp_path / "journal"
    file.write_text("".join(json.dumps(job) + "\n" for job in JOBS[:2]))
    first = elsewhere.run("jobs", "run", str(file), "--resume", str(journal))
    second = elsewhere.run("jobs", "run", str(file), "--resume", str(journal))
    assert (first.code, second.code) == (1, 1)
    assert json.loads(first.out.splitlines()[0]) == json.loads(second.out.splitlines()[0])
    assert "1 done before, 1 failed" in second.err
    third = here("jobs", "run", str(file), "--resume", str(journal))
    assert "1 done before, 1 failed" in third.err


@pytest.fixture
def sleeping(elsewhere: Elsewhere, tmp_path: Path) -> Iterator[tuple[Running, Path]]:
    """A run with one job that has begun and does not end, and its journal."""
    file, journal, begun = tmp_path / "jobs", tmp_path / "journal", tmp_path / "begun"
    file.write_text(json.dumps({"id": "sleeps", "argv": ["sh", "-c", f"echo begun > {begun}; exec sleep 60"]}) + "\n")
    running = Running("jobs", "run", str(file), "--resume", str(journal), env=elsewhere.environment, program=elsewhere.program)
    try:
        _wait_for(begun, running)
        yield running, journal
    finally:
        running.end(signal.SIGKILL)


def test_two_runs_cannot_have_one_journal(elsewhere: Elsewhere, sleeping: tuple[Running, Path]) -> None:
    running, journal = sleeping
    told = elsewhere.run("jobs", "run", "-", "--resume", str(journal))
    assert (told.code, told.out) == (2, "")
    assert told.err == f"fairlead: {journal}: another run has this journal; wait for its end, or name another\n"
    assert running.end(signal.SIGTERM) == 1


def test_an_interrupt_ends_the_jobs(sleeping: tuple[Running, Path]) -> None:
    running, _ = sleeping
    assert running.end(signal.SIGINT) == 130
    assert [json.loads(line)["state"] for line in running.out] == ["cancelled"]
    assert "fairlead: jobs that run are told to end; the next signal kills them\n" in running.err


@pytest.mark.parametrize(
    "words",
    [
        ["logs"],
        ["logs", "--json"],
        ["logs", "fish", "-one"],
        ["logs", "--level", "error", "--json"],
        ["logs", "--since", "1h", "--limit", "2", "--", "-failed"],
        ["logs", "--file", "*none*"],
        ["store", "verify"],
        ["store", "export"],
        ["audit", "--json"],
    ],
)
def test_what_is_stored_is_found_the_same(elsewhere: Elsewhere, store: str, words: list[str]) -> None:
    asked = [*words[:1], "--state-dir", store, *words[1:]] if words[0] != "store" else [*words, "--state-dir", store]
    usual, told = here(*asked), elsewhere.run(*asked)
    assert told == usual
    assert (usual.code, "Traceback" in usual.err) == (0, False)


def test_a_damaged_spool_is_told_printed_and_mended_the_same(elsewhere: Elsewhere, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    spool = Spool(one / "spool", 1 << 20, segment_bytes=1000)
    spool.open()
    for number in range(9):
        spool.append([pack_sample(Keyed("k", json.dumps({"message": f"line {number}", "fill": "x" * 80}).encode()))])
    spool.close()
    file = segment_path(one / "spool", 2)
    file.write_bytes(file.read_bytes()[:-50])
    shutil.copytree(one, other)
    for words in (["verify", "--json"], ["export"], ["repair"], ["verify"]):
        usual, told = here("spool", *words, "--state-dir", str(one)), elsewhere.run("spool", *words, "--state-dir", str(other))
        assert (told.code, told.out.replace(str(other), str(one))) == (usual.code, usual.out)
    assert "the spool is sound" in told.out


@pytest.mark.parametrize("method", ["simd", "trial", "python"])
def test_primes_are_counted(elsewhere: Elsewhere, method: str) -> None:
    told = elsewhere.run("bench", "prime", "--n", "20000", "--method", method, "--threads", "2")
    assert (told.code, told.out.split("\n")[0], told.err) == (0, "2262", "")


def test_work_of_other_cases_is_done(elsewhere: Elsewhere, tmp_path: Path) -> None:
    lines = tmp_path / "lines"
    lines.write_text("line\n" * 1000)
    for words, answer in ((("pool", "noop", "many", "1000"), 1000), (("lines", "scan", str(lines)), 1000)):
        told = elsewhere.run("bench", "work", *words)
        assert (told.code, told.err) == (0, "")
        assert json.loads(told.out)["answer"] == answer


def test_processes_are_measured_where_wait4_is(elsewhere: Elsewhere, tmp_path: Path) -> None:
    # Go's own tools need /proc on this machine.
    told = elsewhere.run("bench", "run", "startup", "--runs", "1", "--json", "--reference", str(tmp_path))
    if elsewhere.platform == "win32":
        needs = "wait4(2), which tells what a process took, and this is win32; run it on Linux"
        assert told == (2, "", f"fairlead: bench run or compare needs {needs}\n")
    else:
        assert (told.code, json.loads(told.out)["cases"][0]["case"]) == (0, "startup")


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_only_linux_builds_the_kernels_of_linux(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, Any] = {}
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("setuptools.setup", lambda **arguments: told.update(arguments))
    monkeypatch.setattr("Cython.Build.cythonize", lambda extensions, **_: extensions)
    monkeypatch.setattr(sys, "platform", platform)
    runpy.run_path("setup.py")
    kernels = {extension.name.rpartition(".")[2] for extension in told["ext_modules"]}
    assert {file.stem for file in (ROOT / "native").glob("*.pyx")} - kernels == (set() if platform == "linux" else LINUX_KERNELS)


def _outcomes(told: Told) -> list[dict[str, Any]]:
    """Return what was printed of each job, but for times, in the order of the ids."""
    outcomes = [json.loads(line) for line in told.out.splitlines()]
    return [{key: value for key, value in outcome.items() if key not in ("started", "duration_s")} for outcome in outcomes]


def _wait_for(file: Path, running: Running) -> None:
    wait_until(lambda: file.exists() or running.process.poll() is not None, "the job's begin")
    assert file.exists(), running.err
