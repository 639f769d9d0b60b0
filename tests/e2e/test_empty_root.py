"""The one file where there is nothing but it (and glibc, where its kind needs one): not one folder; then with a place for a state and logs.

What the C library looks up for it, hosts and users, comes from plain files and DNS: Python's own words for that are the C library's, and in
the static kind they are musl's.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.bare_root import UNKNOWN_USER, BareRoot, enter_beside, own_userland
from tests.e2e.kind import asks_for_loader
from tests.e2e.name_server import NameServer
from tests.e2e.network import Network
from tests.e2e.page import UP, end_inner, get, inner, url_of, wait_for_line
from tests.support.program import Start
from tests.support.receiver import Receiver
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e
STATE = ("--state-dir", "/state")
USERS = pytest.mark.parametrize("user", ["0:0", UNKNOWN_USER], ids=["root", "unknown-uid"])
NAME = "receiver.fairlead.test"


@pytest.fixture
def root(tmp_path: Path, binary: Path) -> BareRoot:
    """A root with what the file needs to start: nothing, for the static kind."""
    return BareRoot(tmp_path, binary, own_userland(tmp_path / "userland", binary))


@pytest.fixture
def network() -> Iterator[Network]:
    """A network of its own."""
    made = Network()
    yield made
    made.close()


@pytest.fixture
def receiver(network: Network) -> Iterator[Receiver]:
    """A server in that network that takes what is posted."""
    made = network.inside(Receiver)
    yield made
    made.close()


@pytest.fixture
def name_server(network: Network) -> Iterator[NameServer]:
    """A name server in that network."""
    made = network.inside(lambda: NameServer("127.0.0.53", {NAME: "127.0.0.1"}))
    yield made
    made.close()


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)


def printed(*words: str) -> str:
    """Run a command that must succeed without a word on stderr, and return what it printed."""
    done = run(*words)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@USERS
def test_version_is_printed_where_there_is_nothing(root: BareRoot, user: str) -> None:
    assert printed(*root.enter_nothing(user), "--version").startswith("fairlead ")
    told = json.loads(printed(*root.enter_nothing(user), "version", "--json"))
    assert told["native"] == sorted(file.stem for file in (Path(__file__).parents[2] / "native").glob("*.pyx"))


@USERS
def test_up_in_memory_shows_its_page_where_there_is_nothing(root: BareRoot, start: Start, user: str, binary: Path) -> None:
    running = start(*UP, "--memory", before=root.enter_nothing(user), program=())
    url = url_of(running)
    assert b"<title>" in get(url).body
    seen = {path.name for path in Path(f"/proc/{inner(running).pid}/root").iterdir()}
    assert seen - {"fairlead"} == ({"lib", "lib64"} & seen if asks_for_loader(binary) else set())
    assert end_inner(running) == 0
    assert "Traceback" not in "".join(running.err)


@USERS
def test_metrics_where_there_is_nothing_say_what_to_mount(root: BareRoot, user: str) -> None:
    done = run(*root.enter_nothing(user), "metrics", "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "fairlead: /proc is not there; mount it: mount -t proc proc /proc\n"


@USERS
def test_lines_are_found_by_a_second_process_in_the_root(root: BareRoot, start: Start, user: str) -> None:
    running = start(*UP, *STATE, before=root.enter(user), program=())
    wait_for_line(url_of(running), "first")
    beside = enter_beside(inner(running), user)
    [record] = [json.loads(line) for line in printed(*beside, "logs", "--json", *STATE, "first").splitlines()]
    assert (record["message"], record["log.file.path"]) == ("first line", "/var/log/app.log")
    assert printed(*beside, "logs", *STATE, "none-such") == ""
    assert {"node_load1"} <= {row["name"] for row in json.loads(printed(*beside, "metrics", "--json"))["metrics"]}
    assert end_inner(running) == 0


def push(network: Network, root: BareRoot, receiver: Receiver, host: str) -> subprocess.CompletedProcess[str]:
    """Send metrics from the root to the receiver by a name."""
    return run(*network.enter(), *root.enter(), "metrics", "--only", "load", "--push", f"http://{host}:{receiver.port}/")


def test_a_host_is_found_by_the_file_of_hosts(root: BareRoot, network: Network, receiver: Receiver) -> None:
    root.place("etc/hosts", f"127.0.0.1 {NAME}\n")
    done = push(network, root, receiver, NAME)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(receiver.posted) == 1


def test_a_host_is_found_by_dns(root: BareRoot, network: Network, receiver: Receiver, name_server: NameServer) -> None:
    root.place("etc/resolv.conf", "nameserver 127.0.0.53\n")
    done = push(network, root, receiver, NAME)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(receiver.posted) == 1
    assert set(name_server.asked) == {NAME}


def test_a_host_is_sought_in_the_domain_of_resolv_conf(
    root: BareRoot, network: Network, receiver: Receiver, name_server: NameServer
) -> None:
    root.place("etc/resolv.conf", "search fairlead.test\nnameserver 127.0.0.53\n")
    assert push(network, root, receiver, "receiver").returncode == 0
    assert name_server.asked[0] == NAME


def test_the_file_of_hosts_goes_before_dns(root: BareRoot, network: Network, receiver: Receiver, name_server: NameServer) -> None:
    root.place("etc/resolv.conf", "nameserver 127.0.0.53\n")
    root.place("etc/hosts", f"127.0.0.1 {NAME}\n")
    root.place("etc/nsswitch.conf", "hosts: files dns\n")
    assert push(network, root, receiver, NAME).returncode == 0
    assert name_server.asked == []


def test_a_host_that_dns_does_not_know_is_an_error_in_a_line(
    root: BareRoot, network: Network, receiver: Receiver, name_server: NameServer
) -> None:
    root.place("etc/resolv.conf", "nameserver 127.0.0.53\n")
    done = push(network, root, receiver, "none-such.fairlead.test")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"fairlead: http://none-such.fairlead.test:{receiver.port}/: Name ")
    assert done.stderr.count("\n") == 1
    assert set(name_server.asked) == {"none-such.fairlead.test"}


def test_an_agent_ships_to_a_host_that_dns_knows(
    root: BareRoot, start: Start, network: Network, receiver: Receiver, name_server: NameServer
) -> None:
    root.place("etc/resolv.conf", "nameserver 127.0.0.53\n")
    sink = {"http": {"url": receiver.url.replace("127.0.0.1", NAME)}}
    config = {"logs": [{"paths": ["/var/log/*.log"]}], "journal": "off", "state_dir": "/state", "sink": sink}
    (root.logs / "agent.yaml").write_text(json.dumps(config))
    running = start("agent", "--config", "/var/log/agent.yaml", before=[*network.enter(), *root.enter()], program=())
    wait_until(receiver.taken, "the line")
    assert [record["message"] for record in receiver.taken()] == ["first line"]
    assert NAME in name_server.asked
    assert end_inner(running) == 0


def test_a_user_is_found_by_the_file_of_users(root: BareRoot, start: Start) -> None:
    root.place("etc/passwd", "nobody:x:65534:65534::/nonexistent:/bin/false\nowner:x:12345:12345::/state:/bin/false\n")
    running = start(*UP, before=root.enter(UNKNOWN_USER), program=())
    url_of(running)
    assert Path(f"/proc/{inner(running).pid}/root/state/.local/state/fairlead").is_dir()
    assert end_inner(running) == 0
