"""An HTTP server that keeps what is posted, and answers as it is told."""

import gzip
import ssl
import threading
from collections.abc import Callable
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import orjson

from fairlead._native.compress import zstd_decompress


class Posted(NamedTuple):
    """A request: its headers, its body as sent over the wire, and what was answered."""

    headers: "Message[str, str]"
    body: bytes
    status: int

    @property
    def lines(self) -> list[dict[str, object]]:
        """The NDJSON of the body."""
        coding = self.headers["Content-Encoding"]
        plain = gzip.decompress(self.body) if coding == "gzip" else zstd_decompress(self.body, 1 << 28) if coding == "zstd" else self.body
        return [orjson.loads(line) for line in plain.splitlines()]


class Receiver:
    """Acknowledges what it gets, as a collector does; `statuses` holds the next answers if these differ, or `judge` gives one.

    Over TLS with a server's context.
    """

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.posted: list[Posted] = []
        self.statuses: list[int] = []
        self.answer = b'{"acknowledged": 1}'
        self.judge: Callable[[Posted], int] | None = None
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                request = Posted(self.headers, self.rfile.read(int(self.headers["Content-Length"])), 0)
                status = receiver.statuses.pop(0) if receiver.statuses else receiver.judge(request) if receiver.judge else 200
                receiver.posted.append(request._replace(status=status))
                self.send_response(status)
                answer = receiver.answer if status < 300 else b""
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

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
