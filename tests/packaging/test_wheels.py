"""`pip install .` on each CPython that is supported: what the wheel holds, and that it runs.

Each version has an environment below build/out/wheels with what build/lock/run.txt pins, setuptools and Cython among it; so the wheels are
built without build isolation, once a session, and what was compiled before is linked again. The newest version's is built from the source
archive: what that lacks, it cannot hold.
"""

import json
import subprocess
import tarfile
import urllib.request
import zipfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.packaging.interpreters import VERSIONS, interpreter
from tests.support.program import Start
from tests.support.waiting import wait_until

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "build" / "lock" / "run.txt"
MADE = {
    "fairlead/build_info.json",
    "fairlead/web/static/vendor/uPlot.LICENSE",
    "fairlead/web/static/vendor/uPlot.esm.js",
    "fairlead/web/static/vendor/uPlot.min.css",
}
"""What is no file of src."""
BUILD_SDIST = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"


class Installed(NamedTuple):
    """A version, its environment, and the wheel that was installed there."""

    version: str
    environment: Path
    wheel: Path

    def run(self, *arguments: str, stdin: str = "") -> str:
        """Run the installed program to a good end and return what it prints; nothing of the checkout is in its reach."""
        return _run([str(self.environment / "bin" / "fairlead"), *arguments], self.environment, stdin=stdin)


def _run(argv: Sequence[str], cwd: Path, stdin: str = "") -> str:
    done = subprocess.run(argv, cwd=cwd, input=stdin, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"{argv}: {done.stderr}{done.stdout}"
    return done.stdout


@pytest.fixture(scope="module")
def environments() -> dict[str, Path]:
    """All of them before anything is built: a Cython that is installed later makes all C anew."""
    return {version: _environment(version) for version in VERSIONS}


@pytest.fixture(scope="module", params=VERSIONS)
def installed(request: pytest.FixtureRequest, environments: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Installed:
    version, folder = request.param, tmp_path_factory.mktemp(f"wheel-{request.param}")
    environment = environments[version]
    python = str(environment / "bin" / "python")
    source = str(ROOT) if version != VERSIONS[-1] else str(_source_archive(python, folder))
    _run([python, "-m", "pip", "wheel", "-q", "--no-build-isolation", "--no-deps", "-w", str(folder), source], ROOT)
    (wheel,) = folder.glob("*.whl")
    _run([python, "-m", "pip", "install", "-q", "--no-deps", "--force-reinstall", str(wheel)], ROOT)
    return Installed(version, environment, wheel)


def _environment(version: str) -> Path:
    """Return an environment of a version with exactly what the lock names."""
    folder = ROOT / "build" / "out" / "wheels" / version
    stamp, wanted = folder / ".locked", sha256(LOCK.read_bytes()).hexdigest()
    if not (stamp.exists() and stamp.read_text() == wanted):
        _run([interpreter(version), "-m", "venv", "--clear", str(folder)], ROOT)
        _run([str(folder / "bin" / "pip"), "install", "-q", "--require-hashes", "--no-deps", "-r", str(LOCK)], ROOT)
        stamp.write_text(wanted)
    return folder


def _source_archive(python: str, folder: Path) -> Path:
    _run([python, "-c", BUILD_SDIST, str(folder)], ROOT)
    (archive,) = folder.glob("*.tar.gz")
    return archive


def test_the_wheel_holds_every_file_of_the_package(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as wheel:
        held = {name for name in wheel.namelist() if not name.startswith("fairlead-")}
        tag = wheel.read(next(name for name in wheel.namelist() if name.endswith("/WHEEL"))).decode()
    package = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src" / "fairlead").rglob("*") if path.is_file()}
    tracked = {name for name in package if "__pycache__" not in name}
    kernels = {name.partition(".")[0] for name in held if name.endswith(".so")}
    assert {name for name in held if not name.endswith(".so")} == tracked | MADE
    assert kernels == {f"fairlead/_native/{kernel.stem}" for kernel in (ROOT / "native").glob("*.pyx")}
    cpython = f"cp{installed.version.replace('.', '')}"
    assert f"Tag: {cpython}-{cpython}-linux_" in tag


def test_version_tells_the_interpreter_the_commit_and_every_kernel(installed: Installed) -> None:
    told = json.loads(installed.run("version", "--json"))
    assert told["python"].startswith(f"{installed.version}.")
    assert told["native"] == sorted(kernel.stem for kernel in (ROOT / "native").glob("*.pyx"))
    assert told["commit"] == _run(["git", "describe", "--always", "--dirty", "--abbrev=12"], ROOT).strip()


def test_validate_reads_a_configuration(installed: Installed, tmp_path: Path) -> None:
    file = tmp_path / "fairlead.yaml"
    file.write_text(f"state_dir: {tmp_path}\nlogs: []\n")
    assert installed.run("validate", "--for", "up", str(file)) == ""


def test_bench_counts_primes(installed: Installed) -> None:
    assert installed.run("bench", "prime", "--n", "100000").split("\n")[0] == "9592"


def test_jobs_are_run_and_proven(installed: Installed, tmp_path: Path) -> None:
    lines = "".join(json.dumps({"id": str(number), "argv": ["echo", str(number)]}) + "\n" for number in range(20))
    out = installed.run("jobs", "run", "-", "--resume", str(tmp_path / "journal"), stdin=lines)
    assert [json.loads(line)["stdout"] for line in out.splitlines()] == [f"{number}\n" for number in range(20)]


def test_up_stores_lines_shows_the_page_and_logs_finds_them(installed: Installed, tmp_path: Path, start: Start) -> None:
    state, log = str(tmp_path / "state"), tmp_path / "app.log"
    log.write_text("one fish\ntwo fish\n")
    program = [str(installed.environment / "bin" / "fairlead")]
    arguments = ("up", "--state-dir", state, "--listen", "127.0.0.1:0", "--logs", str(log))
    running = start(*arguments, program=program)
    url = running.expect(r"fairlead watches \S+: (\S+)")[1]
    with urllib.request.urlopen(f"{url}/static/vendor/uPlot.esm.js", timeout=10) as answer:
        assert b"uPlot" in answer.read()
    wait_until(lambda: len(_found(installed, state)) == 2, "both lines")
    assert _found(installed, state) == ["one fish", "two fish"]
    assert running.end() == 0


def test_the_source_archive_holds_what_building_takes(environments: dict[str, Path], tmp_path: Path) -> None:
    archive = _source_archive(str(environments[VERSIONS[-1]] / "bin" / "python"), tmp_path)
    with tarfile.open(archive) as files:
        held = {name.partition("/")[2] for name in files.getnames()}
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "native").rglob("*") if path.is_file()}
    assert sources <= held
    assert {f"src/{name}" for name in MADE} <= held
    assert {"setup.py", "pyproject.toml", "LICENSE", "README.md", "build/assets/fetch.py", "src/fairlead/py.typed"} <= held
    assert not [name for name in held if name.startswith(("build/out", "tests")) or name.endswith((".so", ".pyc"))]


def _found(installed: Installed, state: str) -> list[str]:
    return [json.loads(line)["message"] for line in installed.run("logs", "--json", "--state-dir", state, "fish").splitlines()]
