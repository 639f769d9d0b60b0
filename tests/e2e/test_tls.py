"""TLS by the OpenSSL inside the one file: the page over https, shipping to an https receiver, and a host without certificates."""

import json
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.bare_root import BareRoot, own_userland
from tests.e2e.page import UP, end_inner, get, url_of
from tests.support.certificate import make_certificate
from tests.support.program import Start
from tests.support.receiver import Receiver
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and its key."""
    return make_certificate(tmp_path, "own")


@pytest.fixture
def receiver(pair: tuple[Path, Path]) -> Iterator[Receiver]:
    """A server that takes what is posted over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    made = Receiver(tls=context)
    yield made
    made.close()


@pytest.fixture
def root(tmp_path: Path, binary: Path) -> BareRoot:
    """A root without any certificates."""
    return BareRoot(tmp_path, binary, own_userland(tmp_path / "userland", binary))


def write_agent(folder: Path, url: str, seen_as: str, state: str, ca_file: str = "") -> None:
    """Write a configuration that ships the logs of a folder, which the agent may know by another name."""
    sink = {"http": {"url": url, "ca_file": ca_file}}
    (folder / "agent.yaml").write_text(
        json.dumps({"logs": [{"paths": [f"{seen_as}/*.log"]}], "journal": "off", "state_dir": state, "sink": sink})
    )


def test_up_serves_https(start: Start, tmp_path: Path, pair: tuple[Path, Path]) -> None:
    tls = ["--tls-cert", str(pair[0]), "--tls-key", str(pair[1])]
    running = start(*UP, *tls, "--state-dir", f"{tmp_path}/state", "--logs", f"{tmp_path}/*.log")
    url = url_of(running)
    assert url.startswith("https://")
    trusting = ssl.create_default_context(cafile=str(pair[0]))
    assert b"<title>" in get(url, trusting).body
    trusting.minimum_version = ssl.TLSVersion.TLSv1_3
    assert b"node_" in get(f"{url}/metrics", trusting).body
    assert running.end() == 0


def test_agent_ships_over_https_to_whom_it_is_told_to_trust(
    start: Start, tmp_path: Path, pair: tuple[Path, Path], receiver: Receiver
) -> None:
    (tmp_path / "app.log").write_text("shipped over TLS\n")
    write_agent(tmp_path, receiver.url, str(tmp_path), f"{tmp_path}/state", str(pair[0]))
    running = start("agent", "--config", f"{tmp_path}/agent.yaml")
    wait_until(receiver.taken, "the line")
    assert [record["message"] for record in receiver.taken()] == ["shipped over TLS"]
    assert running.end() == 0


def test_agent_ships_over_https_from_a_bare_root(start: Start, root: BareRoot, pair: tuple[Path, Path], receiver: Receiver) -> None:
    write_agent(root.logs, receiver.url, "/var/log", "/state", "/var/log/ca.pem")
    (root.logs / "ca.pem").write_bytes(pair[0].read_bytes())
    running = start("agent", "--config", "/var/log/agent.yaml", before=root.enter(), program=())
    wait_until(receiver.taken, "the line")
    assert end_inner(running) == 0


def test_agent_without_certificates_says_so_and_waits(start: Start, root: BareRoot, receiver: Receiver) -> None:
    write_agent(root.logs, receiver.url, "/var/log", "/state")
    running = start("agent", "--config", "/var/log/agent.yaml", before=root.enter(), program=())
    running.expect(r"WARNING sink unavailable, reading waits.*its certificate is not trusted")
    assert end_inner(running) == 0
    assert "Traceback" not in "".join(running.err)
    assert not receiver.posted


@pytest.mark.parametrize("bare", [False, True], ids=["host", "bare"])
def test_a_push_to_whom_nobody_trusts_is_refused_in_a_line(root: BareRoot, binary: Path, receiver: Receiver, bare: bool) -> None:
    program = root.enter() if bare else [str(binary)]
    command = [*program, "metrics", "--only", "load", "--push", receiver.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"fairlead: {receiver.url}: ")
    assert "its certificate is not trusted" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not receiver.posted


def test_a_push_to_whom_it_is_told_to_trust_is_taken(binary: Path, pair: tuple[Path, Path], receiver: Receiver) -> None:
    command = [str(binary), "metrics", "--only", "load", "--push", receiver.url, "--ca-file", str(pair[0])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(receiver.posted) == 1
