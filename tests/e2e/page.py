"""What a test asks of a running `fairlead up`."""

import json
import ssl
import urllib.parse
import urllib.request
from http.client import HTTPMessage
from typing import NamedTuple

import psutil

from tests.support.program import Running
from tests.support.waiting import wait_until

UP = ("up", "--listen", "127.0.0.1:0")


class Answer(NamedTuple):
    """A body and the headers that came with it."""

    body: bytes
    headers: HTTPMessage


def url_of(running: Running) -> str:
    """Return the address that `up` tells once it serves."""
    return running.expect(r"fairlead watches \S+: (\S+)")[1]


def get(url: str, tls: ssl.SSLContext | None = None) -> Answer:
    """Fetch; an answer that is not 2xx raises."""
    with urllib.request.urlopen(url, timeout=10, context=tls) as answer:
        return Answer(answer.read(), answer.headers)


def wait_for_line(url: str, words: str) -> None:
    """Return once the search finds a line."""
    asked = f"{url}/api/v1/logs?{urllib.parse.urlencode({'q': words})}"
    wait_until(lambda: json.loads(get(asked).body)["records"], f"a line with {words!r}")


def inner(running: Running) -> psutil.Process:
    """Return the process that a wrapper (unshare, strace) has started: its only child."""
    [process] = psutil.Process(running.process.pid).children()
    return process


def end_inner(running: Running) -> int:
    """End what a wrapper has started by SIGTERM; return the exit code, as the wrapper hands it on."""
    inner(running).terminate()
    running.process.wait(20)
    return running.end()
