"""An HTTP server that keeps what is posted, and answers as it is told."""

import gzip
import ssl
import threading
from collections.abc import Callable
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import orjson


class Posted(NamedTuple):
    """A request: its headers, its body as sent over the wire, and what was answered."""

    headers: "Message[str, str]"
    body: bytes
    status: int

    @property
    def lines(self) -> list[dict[str, object]]:
        """The NDJSON of the body."""
        plain = gzip.decompress(self.body) if self.headers["Content-Encoding"] == "gzip" else self.body
        return [orjson.loads(line) for line in plain.splitlines()]


class Receiver:
    """Answers 204, unless `statuses` holds the next ones or `judge` gives one for the request; over TLS with a server's context."""

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.posted: list[Posted] = []
        self.statuses: list[int] = []
        self.judge: Callable[[Posted], int] | None = None
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                request = Posted(self.headers, self.rfile.read(int(self.headers["Content-Length"])), 0)
                status = receiver.statuses.pop(0) if receiver.statuses else receiver.judge(request) if receiver.judge else 204
                receiver.posted.append(request._replace(status=status))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_port
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}/api/v1/ingest"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def taken(self, kind: str = "log") -> list[dict[str, object]]:
        """Return the records of the requests that were answered 2xx."""
        return [line for posted in self.posted if posted.status < 300 and posted.headers["Fairlead-Kind"] == kind for line in posted.lines]

    def close(self) -> None:
        """Stop answering."""
        self.server.shutdown()
        self.server.server_close()
