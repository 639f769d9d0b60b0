"""The one file among musl and busybox, as on Alpine: the static kind is at home there, the glibc kind is not."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.e2e.bare_root import BareRoot, enter_beside
from tests.e2e.musl_userland import LOADER, musl_userland
from tests.e2e.page import UP, end_inner, get, inner, url_of, wait_for_line
from tests.support.program import Start

pytestmark = [pytest.mark.e2e, pytest.mark.kind("x86_64", "native")]


@pytest.fixture
def root(tmp_path: Path, binary: Path) -> BareRoot:
    """A root with musl's userland."""
    return BareRoot(tmp_path, binary, musl_userland(tmp_path / "userland"))


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)


def test_the_userland_is_musl_s(root: BareRoot) -> None:
    loader = run(str(root.userland / LOADER))
    assert loader.stderr.startswith("musl libc (x86_64)\nVersion 1.2")
    assert not [file for file in root.userland.rglob("*") if file.name.startswith(("libc.so.6", "ld-linux"))]


@pytest.mark.kind("glibc")
def test_the_glibc_kind_has_no_loader_there(root: BareRoot) -> None:
    done = run(*root.enter(), "--version")
    assert (done.returncode, done.stdout) == (127, "")


@pytest.mark.kind("static")
def test_commands_run_from_the_shell_of_busybox(root: BareRoot, start: Start) -> None:
    running = start(*UP, "--state-dir", "/state", before=root.enter(), program=())
    url = url_of(running)
    assert b"<title>" in get(url).body
    wait_for_line(url, "first")
    shell = [*enter_beside(inner(running))[:-1], "/bin/sh", "-c"]
    assert run(*shell, "/bin/cat /proc/1/comm").stdout == "fairlead\n"
    assert run(*shell, "/fairlead --version").stdout.startswith("fairlead ")
    assert "first line" in run(*shell, "/fairlead logs --state-dir /state first | /bin/cat").stdout
    metrics = run(*shell, "/fairlead metrics --json")
    assert (metrics.returncode, metrics.stderr) == (0, "")
    assert "node_load1" in {row["name"] for row in json.loads(metrics.stdout)["metrics"]}
    assert end_inner(running) == 0
    assert "Traceback" not in "".join(running.err)
