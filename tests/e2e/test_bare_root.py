"""The one file with nothing but the glibc that it may need: no /bin, /etc, /dev or HOME, a read-only root, a /tmp without exec."""

import json
import subprocess
import urllib.error
from pathlib import Path

import pytest

from tests.e2e.bare_root import UNKNOWN_USER, BareRoot, own_userland
from tests.e2e.kind import asks_for_loader
from tests.e2e.page import UP, end_inner, get, inner, url_of, wait_for_line
from tests.rig.emulation import machine_of
from tests.support.program import Start
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e
STATE = ("--state-dir", "/state")
LOADERS = {"x86_64": "ld-linux-x86-64.so.2", "aarch64": "ld-linux-aarch64.so.1", "riscv64": "ld-linux-riscv64-lp64d.so.1"}
GLIBC = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libutil.so.1"}


@pytest.fixture
def root(tmp_path: Path, binary: Path) -> BareRoot:
    """A root with those libraries of this host that the file needs."""
    return BareRoot(tmp_path, binary, own_userland(tmp_path / "userland", binary))


def run(root: BareRoot, *arguments: str, user: str = "0:0", proc: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command in the root to its end."""
    return subprocess.run([*root.enter(user, proc=proc), *arguments], capture_output=True, text=True, timeout=30, check=False)


def test_the_root_is_as_bare_as_it_is_said_to_be(root: BareRoot, start: Start, binary: Path) -> None:
    running = start(*UP, *STATE, before=root.enter(), program=())
    url_of(running)
    process = inner(running)
    seen = Path(f"/proc/{process.pid}/root")
    tops = {path.name for path in seen.iterdir()} - {"fairlead", "proc", "state", "tmp", "var"}
    names = {file.name for top in tops for file in (seen / top).rglob("*") if not file.is_dir()}
    assert names == (GLIBC | {LOADERS[machine_of(binary)]} if asks_for_loader(binary) else set())
    assert tops <= {"lib", "lib64"}
    mounts = {row.split()[4]: row.split()[5].split(",") for row in Path(f"/proc/{process.pid}/mountinfo").read_text().splitlines()}
    assert "ro" in mounts["/"]
    assert "ro" in mounts["/var/log"]
    assert "noexec" in mounts["/tmp"]
    assert Path(f"/proc/{process.pid}/environ").read_bytes() == b""


@pytest.mark.parametrize("proc", [True, False], ids=["proc", "no-proc"])
@pytest.mark.parametrize("user", ["0:0", UNKNOWN_USER], ids=["root", "unknown-uid"])
def test_up_shows_page_and_lines_as_process_1_of_a_bare_root(root: BareRoot, start: Start, user: str, proc: bool) -> None:
    running = start(*UP, *STATE, before=root.enter(user, proc=proc), program=())
    url = url_of(running)
    assert b"<title>" in get(url).body
    assert inner(running).uids().effective == int(user.partition(":")[0])
    assert f"NSpid:\t{inner(running).pid}\t1\n" in Path(f"/proc/{inner(running).pid}/status").read_text()
    wait_for_line(url, "first")
    with root.log.open("a") as stream:
        stream.write("ERROR something broke\n")
    wait_for_line(url, "broke")
    if proc:
        wait_until(lambda: b"node_load1" in get(f"{url}/metrics").body, "the host's metrics")
    assert end_inner(running) == 0
    assert "Traceback" not in "".join(running.err)


def test_up_without_proc_names_it(root: BareRoot, start: Start) -> None:
    running = start(*UP, *STATE, before=root.enter(proc=False), program=())
    url = url_of(running)
    running.expect(r"WARNING no metrics problem=\"/proc is not there; mount it: mount -t proc proc /proc\"")
    with pytest.raises(urllib.error.HTTPError, match="503"):
        get(f"{url}/readyz")
    assert end_inner(running) == 0


def test_process_1_reaps_what_is_left_to_it(root: BareRoot, start: Start) -> None:
    words = root.enter()
    script = words.index("-euc") + 1
    words[script] = "sleep 0.5 &\n" + words[script]
    running = start(*UP, *STATE, before=words, program=())
    url_of(running)
    wait_until(lambda: [child.name() for child in inner(running).children()] == ["fairlead"], "the orphan to be gone, not a zombie", 5)
    assert end_inner(running) == 0


@pytest.mark.parametrize("user", ["0:0", UNKNOWN_USER], ids=["root", "unknown-uid"])
def test_metrics_are_printed_in_a_bare_root(root: BareRoot, user: str) -> None:
    done = run(root, "metrics", "--json", user=user)
    assert (done.returncode, done.stderr) == (0, "")
    assert {"node_load1", "node_memory_MemTotal_bytes"} <= {row["name"] for row in json.loads(done.stdout)["metrics"]}


def test_metrics_without_proc_say_what_to_mount(root: BareRoot) -> None:
    done = run(root, "metrics", "--json", proc=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "fairlead: /proc is not there; mount it: mount -t proc proc /proc\n"


def test_every_native_module_is_loaded_without_proc(root: BareRoot) -> None:
    done = run(root, "version", "--json", proc=False)
    assert json.loads(done.stdout)["native"] == sorted(file.stem for file in (Path(__file__).parents[2] / "native").glob("*.pyx"))


def test_up_without_home_and_user_name_says_what_to_give(root: BareRoot) -> None:
    done = run(root, *UP, user=UNKNOWN_USER)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "fairlead: no HOME and no passwd entry, so there is no default state directory; give --state-dir DIR\n"


def test_up_on_a_read_only_root_says_what_to_give(root: BareRoot) -> None:
    done = run(root, *UP)
    assert (done.returncode, done.stdout) == (2, "")
    assert "/var/lib/fairlead: Read-only file system; give a directory that can be written with --state-dir DIR" in done.stderr
