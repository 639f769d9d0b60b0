"""`fairlead up` under thousands of scrapes, streams that come and go, and reloads: memory, descriptors and threads stay flat."""

import http.client
import os
import re
import signal
import socket
from pathlib import Path

import pytest

from tests.support.program import Start
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.real, pytest.mark.soak]
ROUNDS = 8
SCRAPES = 1500


def used(pid: int) -> tuple[int, int, int]:
    """Return resident kB, descriptors and threads."""
    resident = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert resident
    return int(resident[1]), len(os.listdir(f"/proc/{pid}/fd")), len(os.listdir(f"/proc/{pid}/task"))


def test_up_stays_flat(tmp_path: Path, start: Start) -> None:
    (tmp_path / "a.log").write_text("a line\n" * 1000)
    (tmp_path / "up.yaml").write_text("metrics: {cpu: 1s}\n")
    running = start(
        "up", "-c", str(tmp_path / "up.yaml"), "--state-dir", f"{tmp_path}/state", "--listen", "127.0.0.1:0", "--logs", f"{tmp_path}/*.log"
    )
    port = int(running.expect(r"fairlead watches \S+: http://127\.0\.0\.1:(\d+)")[1])
    rounds = []
    for _ in range(ROUNDS):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for i in range(SCRAPES):
            for path in ("/metrics", *(("/api/v1/logs?q=line&limit=50", "/api/v1/series?name=node_load1") if i % 10 == 0 else ())):
                connection.request("GET", path)
                answer = connection.getresponse()
                answer.read()
                assert answer.status == 200
        connection.close()
        for _ in range(100):
            with socket.create_connection(("127.0.0.1", port)) as stream:
                stream.sendall(b"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert stream.recv(4).startswith(b"HTTP")
        for _ in range(20):
            seen = len(running.err)
            running.process.send_signal(signal.SIGHUP)
            wait_until(lambda: len(running.err) > seen, "the reload")  # noqa: B023 - awaited in the round
        rounds.append(used(running.process.pid))
    warm, last = rounds[2], rounds[-1]
    assert last[1:] == warm[1:], rounds
    assert last[0] - warm[0] < 6000, rounds
