"""A cluster of one node that answers as a test says, for what a real one does only on a bad day."""

import ssl
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import orjson


class Say(NamedTuple):
    """An answer; `cut` ends the connection in its middle, `hang` never answers, `close` ends the connection after it."""

    status: int = 200
    body: Any = {}
    retry_after: str = ""
    cut: bool = False
    hang: bool = False
    close: bool = False


class Asked(NamedTuple):
    """A request as it came."""

    method: str
    path: str
    authorization: str
    body: bytes
    client: tuple[str, int]


class FakeNode:
    """Says what is in `answers`, one after the other, and then `{}` for ever; remembers what it was asked."""

    def __init__(self, server: ThreadingHTTPServer, scheme: str) -> None:
        self.url = f"{scheme}://127.0.0.1:{server.server_port}"
        self.answers: deque[Say] = deque()
        self.asked: list[Asked] = []
        self.ends = threading.Event()

    def say(self, *answers: Say) -> None:
        """Add to what is said."""
        self.answers.extend(answers)

    def paths(self) -> list[str]:
        """Return method and path of each request, without its parameters."""
        return [f"{asked.method} {asked.path.partition('?')[0]}" for asked in self.asked]


@contextmanager
def fake_node(tls: ssl.SSLContext | None = None) -> Iterator[FakeNode]:
    """Serve on a free port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            node.asked.append(Asked(self.command, self.path, self.headers.get("Authorization", ""), body, self.client_address))
            say = node.answers.popleft() if node.answers else Say()
            if say.hang:
                node.ends.wait()
                self.close_connection = True
                return
            text = say.body if isinstance(say.body, bytes) else orjson.dumps(say.body)
            self.send_response(say.status)
            self.send_header("Content-Length", str(len(text)))
            if say.retry_after:
                self.send_header("Retry-After", say.retry_after)
            self.end_headers()
            self.wfile.write(text[: len(text) // 2] if say.cut else text)
            self.close_connection = say.cut or say.close

        do_GET = do_POST = do_PUT = do

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    node = FakeNode(server, "https" if tls else "http")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield node
    finally:
        node.ends.set()
        server.shutdown()
        thread.join()
        server.server_close()
