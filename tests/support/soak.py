"""Load on a running `fairlead up`: scrapes, streams that are cut, searches and reloads; and what the process holds after it."""

import http.client
import signal
import socket
from pathlib import Path
from typing import NamedTuple

import psutil

from tests.support.program import Running, Start
from tests.support.waiting import wait_until


class Load(NamedTuple):
    """What one round does."""

    scrapes: int
    cut_streams: int
    reloads: int


class Used(NamedTuple):
    """What the process holds."""

    resident_bytes: int
    descriptors: int
    threads: int


def used(running: Running, port: int) -> Used:
    """Return what the process holds once it has noticed that its clients are gone."""
    process = psutil.Process(running.process.pid)
    wait_until(lambda: not [row for row in process.net_connections() if row.laddr.port == port and row.status != "LISTEN"], "clients to go")
    return Used(process.memory_info().rss, process.num_fds(), process.num_threads())


def ask(port: int, count: int) -> None:
    """Scrape over one connection, with a search and a series now and then."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for i in range(count):
        for path in ("/metrics", *(("/api/v1/logs?q=line&limit=50", "/api/v1/series?name=node_load1") if i % 10 == 0 else ())):
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200
    connection.close()


def cut_streams(port: int, count: int) -> None:
    """Open streams of the page, and cut each after its first bytes."""
    for _ in range(count):
        with socket.create_connection(("127.0.0.1", port)) as stream:
            stream.sendall(b"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert stream.recv(4) == b"HTTP"


def reload(running: Running, count: int) -> None:
    """Send SIGHUP and wait for its line, so many times."""
    for _ in range(count):
        seen = len(running.err)
        running.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(running.err) > seen, "the reload")  # noqa: B023 - awaited in the round


def soak(folder: Path, start: Start, load: Load, rounds: int) -> list[Used]:
    """Return what was held after each round."""
    (folder / "a.log").write_text("a line\n" * 1000)
    (folder / "up.yaml").write_text("metrics: {cpu: 1s}\n")
    running = start(
        "up", "--listen", "127.0.0.1:0", "-c", f"{folder}/up.yaml", "--state-dir", f"{folder}/state", "--logs", f"{folder}/*.log"
    )
    port = int(running.expect(r"fairlead watches \S+: http://127\.0\.0\.1:(\d+)")[1])
    held = []
    for _ in range(rounds):
        ask(port, load.scrapes)
        cut_streams(port, load.cut_streams)
        reload(running, load.reloads)
        held.append(used(running, port))
    assert running.end() == 0
    assert "Traceback" not in "".join(running.err)
    return held
