"""No module, and no word on where modules are, comes from outside the one file: not from the folder it is started in or lies in, nor from
variables. Every hostile file leaves a mark when it is run; variables that CPython would refuse show whether it read them.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.page import UP, url_of, wait_for_line
from tests.support.program import Start

pytestmark = pytest.mark.e2e
KERNELS = sorted(file.stem for file in (Path(__file__).parents[2] / "native").glob("*.pyx"))
MODULES = (
    "_archive_files", "_importer", "_start", "abc", "aiohttp", "aiokafka", "async_timeout", "asyncio", "click", "codecs", "encodings",
    "fairlead", "importlib", "io", "json", "msgspec", "orjson", "os", "packaging", "re", "rich", "site", "sitecustomize", "sqlite3", "ssl",
    "stat", "typing", "typing_extensions", "usercustomize", "uvloop", "yaml",
)  # fmt: skip
VARIABLES = {
    "PYTHONPATH": "{folder}:.:{folder}/packages", "PYTHONHOME": "{folder}", "PYTHONPLATLIBDIR": ".", "PYTHONUSERBASE": "{folder}",
    "PYTHONEXECUTABLE": "{folder}/copy", "__PYVENV_LAUNCHER__": "{folder}/copy", "PYTHONSTARTUP": "{folder}/startup.py",
    "PYTHONPYCACHEPREFIX": "{folder}", "PYTHONINSPECT": "1", "PYTHONHASHSEED": "wrong", "PYTHONMALLOC": "wrong", "PYTHONUTF8": "wrong",
    "PYTHON_GIL": "wrong", "PYTHONIOENCODING": "wrong", "PYTHONTRACEMALLOC": "wrong", "PYTHONWARNINGS": "error", "PYTHONVERBOSE": "1",
    "PYTHONPROFILEIMPORTTIME": "1", "PYTHONDEVMODE": "1", "SSLKEYLOGFILE": "{mark}", "HOME": "{folder}", "LANG": "C",
}  # fmt: skip


class Hostile(NamedTuple):
    """A folder full of bait with a copy of the file in it, the mark that the bait leaves, and variables that point to it."""

    folder: Path
    binary: Path
    mark: Path
    env: dict[str, str]

    def run(
        self, program: str, *arguments: str, executable: Path | None = None, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the folder, found by PATH where it is a bare name; fail if the bait was taken."""
        done = subprocess.run(
            [program, *arguments],
            executable=executable,
            cwd=self.folder,
            env={**(self.env if env is None else env), "PATH": f"{self.folder}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        self.check()
        assert "Traceback" not in done.stderr
        return done

    def check(self) -> None:
        """Fail if the bait was taken."""
        if self.mark.exists():
            told = self.mark.read_text()
            self.mark.unlink()
            pytest.fail(f"ran {told}")


def lay_modules(folder: Path, mark: Path) -> None:
    """Put modules and packages there that leave the mark."""
    code = f"print(__file__, file=open({str(mark)!r}, 'a'))\n"
    for name in MODULES:
        (folder / "packages" / name).mkdir(parents=True)
        for file in (folder / "packages" / name / "__init__.py", folder / f"{name}.py"):
            file.write_text(code)
    for file in (folder / "startup.py", folder / "hostile.pth"):
        file.write_text(f"import sys; print('startup', file=open({str(mark)!r}, 'a'))\n")


@pytest.fixture(scope="module")
def hostile(binary: Path) -> Iterator[Hostile]:
    """The file among bait."""
    with tempfile.TemporaryDirectory() as name:
        folder, mark = Path(name) / "hostile", Path(name) / "mark"
        for place in ("", "lib/python3.13", "lib64/python3.13", "python313.zip", "lib/python313.zip", "Lib"):
            lay_modules(folder / place, mark)
        (folder / "pyvenv.cfg").write_text(f"home = {folder}\ninclude-system-site-packages = true\n")
        for stem in ("fairlead", "copy", "link", "python", "python3", "python3.13", "python313", "fairlead-linux-x86_64"):
            (folder / f"{stem}._pth").write_text(f"{folder}\nimport site\n")
        for stem in ("fairlead", "copy"):
            shutil.copy(binary, folder / stem)
        (folder / "link").symlink_to(binary)
        yield Hostile(folder, binary, mark, {key: value.format(folder=folder, mark=mark) for key, value in VARIABLES.items()})


@pytest.mark.parametrize("path", [".", "packages", "lib/python3.13"])
def test_the_bait_is_taken_where_modules_are_sought(hostile: Hostile, path: str) -> None:
    subprocess.run([sys.executable, "-c", "import json"], cwd=hostile.folder / path, check=False, capture_output=True)
    assert hostile.mark.exists()
    hostile.mark.unlink()


@pytest.mark.parametrize("name", VARIABLES)
def test_a_variable_has_no_say(hostile: Hostile, name: str) -> None:
    done = hostile.run("fairlead", "version", "--json", env={name: hostile.env[name]})
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["native"] == KERNELS


@pytest.mark.parametrize("program", ["fairlead", "./copy", "./link", "{folder}/copy", "../hostile/fairlead", "{binary}"])
def test_modules_come_from_the_file_however_it_is_started(hostile: Hostile, program: str) -> None:
    done = hostile.run(program.format(folder=hostile.folder, binary=hostile.binary), "version", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["native"] == KERNELS


@pytest.mark.parametrize("called", ["python3", "", "./python3.13", "{folder}/fairlead", "/none/such"])
def test_modules_come_from_the_file_whatever_it_is_called(hostile: Hostile, called: str) -> None:
    done = hostile.run(called.format(folder=hostile.folder), "version", "--json", executable=hostile.binary)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["native"] == KERNELS


@pytest.mark.parametrize(
    ("command", "exit_code"),
    [
        ("--help", 0),
        ("--version", 0),
        ("version --licenses", 0),
        ("validate up.yaml", 0),
        ("metrics --json", 0),
        ("metrics --only=load", 0),
        ("completion bash", 0),
        ("logs --state-dir=none", 2),
        ("store verify --state-dir=none", 2),
        ("agent -c none.yaml", 2),
    ],
)
def test_a_command_takes_no_module_from_outside(hostile: Hostile, command: str, exit_code: int) -> None:
    (hostile.folder / "up.yaml").write_text(f"state_dir: {hostile.folder}\nmetrics: {{cpu: 1s}}\nlogs: [{{paths: [/var/log/*.log]}}]\n")
    done = hostile.run("fairlead", *command.split())
    assert done.returncode == exit_code, done.stdout + done.stderr


def test_up_takes_no_module_from_outside(hostile: Hostile, tmp_path: Path, start: Start) -> None:
    (tmp_path / "app.log").write_text("first line\n")
    arguments = [*UP, "--state-dir", f"{tmp_path}/state", "--logs", f"{tmp_path}/*.log"]
    running = start(*arguments, before=["env", "-C", str(hostile.folder)], env=hostile.env, program=["./copy"])
    wait_for_line(url_of(running), "first")
    assert running.end() == 0
    hostile.check()
