"""The one file by the loader and libraries of an older distribution: what readelf says of the floor, tried."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.e2e.bare_root import BareRoot
from tests.e2e.page import UP, end_inner, get, inner, url_of, wait_for_line
from tests.rig.old_userland import GLIBC, old_userland
from tests.support.program import Start

pytestmark = [pytest.mark.e2e, pytest.mark.kind("glibc", "native")]


@pytest.fixture
def root(tmp_path: Path, binary: Path) -> BareRoot:
    """A root with the old glibc."""
    return BareRoot(tmp_path, binary, old_userland())


def run(root: BareRoot, *arguments: str) -> str:
    done = subprocess.run([*root.enter(), *arguments], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_old_libc_is_the_one_in_use(root: BareRoot) -> None:
    assert run(root, "--version").startswith("fairlead ")
    assert json.loads(run(root, "version", "--json"))["libc"] == f"glibc {GLIBC}"


def test_metrics_are_printed_on_the_old_libc(root: BareRoot) -> None:
    assert "node_load1" in {row["name"] for row in json.loads(run(root, "metrics", "--json"))["metrics"]}


def test_up_shows_page_and_lines_on_the_old_libc(root: BareRoot, start: Start) -> None:
    running = start(*UP, "--state-dir", "/state", before=root.enter(), program=())
    url = url_of(running)
    assert b"<title>" in get(url).body
    wait_for_line(url, "first")
    assert f"libc-{GLIBC}.so" in Path(f"/proc/{inner(running).pid}/maps").read_text()
    assert end_inner(running) == 0
    assert "Traceback" not in "".join(running.err)
