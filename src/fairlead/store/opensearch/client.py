"""Requests to a cluster over kept connections: JSON in, JSON out, each node asked until one answers, all within one deadline.

What comes back is an answer, SinkUnavailable (ask again later) or Refused (asking again will not help).
"""

import base64
import http.client
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson

from fairlead.core.errors import SinkUnavailable, StateError, UsageError
from fairlead.store.opensearch.settings import OpenSearchSettings

REQUEST_TIMEOUT_S = 30.0
_CONNECT_TIMEOUT_S = 5.0
_LEAST_S = 0.1
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Refused(StateError):
    """The cluster does not take a request, now or later; `kind` is its own name of the reason."""

    def __init__(self, message: str, status: int, kind: str) -> None:
        super().__init__(message)
        self.status, self.kind = status, kind


class Answer(NamedTuple):
    """An HTTP response as it came."""

    status: int
    retry_after_s: float | None
    body: bytes


class Client:
    """Asks the nodes of one cluster; any thread may."""

    def __init__(self, settings: OpenSearchSettings, tls: ssl.SSLContext | None = None, timeout_s: float = REQUEST_TIMEOUT_S) -> None:
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"} | _authorization(settings)
        self._nodes = [_Node(url, tls) for url in settings.urls]
        self._preferred = 0
        self._timeout_s = timeout_s

    def ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - any JSON
        """Return the decoded answer. A body is bytes (NDJSON of `_bulk`) or what is sent as JSON."""
        data = None if body is None else body if isinstance(body, bytes) else orjson.dumps(body)
        deadline_s = time.monotonic() + self._timeout_s
        problem = SinkUnavailable("not asked")
        for turn in range(len(self._nodes)):
            place = (self._preferred + turn) % len(self._nodes)
            node = self._nodes[place]
            try:
                answer = node.ask(method, path, data, self._headers, lambda: max(_LEAST_S, deadline_s - time.monotonic()))
                decoded = _judge(node.url, answer)
            except _OtherNode as error:
                problem = SinkUnavailable(str(error), error.retry_after_s)
                if time.monotonic() >= deadline_s:
                    break
            else:
                self._preferred = place
                return decoded
        raise problem from None

    def close(self) -> None:
        """Close the connections that are kept."""
        for node in self._nodes:
            node.close()


class _OtherNode(Exception):
    """This node does not answer; another one may."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class _Node:
    """One node and its idle connections."""

    def __init__(self, url: str, tls: ssl.SSLContext | None) -> None:
        parts = urlsplit(url)
        self.url, self._prefix, self._tls = url, parts.path.rstrip("/"), tls
        self._host, self._port = parts.hostname or "", parts.port or _DEFAULT_PORTS[parts.scheme]
        self._encrypted = parts.scheme == "https"
        self._idle: list[http.client.HTTPConnection] = []
        self._guard = threading.Lock()

    def ask(self, method: str, path: str, data: bytes | None, headers: dict[str, str], left_s: Callable[[], float]) -> Answer:
        """Send a request and read its response; a kept connection that the node closed meanwhile is made anew, once."""
        connection = self._take()
        try:
            if connection is not None:
                try:
                    return self._exchange(connection, method, path, data, headers, left_s)
                except (ConnectionError, http.client.BadStatusLine):
                    pass
            return self._exchange(self._connect(left_s), method, path, data, headers, left_s)
        except ssl.SSLCertVerificationError as error:
            reason = error.verify_message or str(error)
            raise _OtherNode(f"{self.url}: its certificate is not trusted ({reason}); name its authority with ca_file") from None
        except TimeoutError:
            raise _OtherNode(f"{self.url}: no answer in time") from None
        except (OSError, http.client.HTTPException) as error:
            raise _OtherNode(f"{self.url}: {getattr(error, 'strerror', None) or str(error) or type(error).__name__}") from None

    def close(self) -> None:
        with self._guard:
            while self._idle:
                self._idle.pop().close()

    def _take(self) -> http.client.HTTPConnection | None:
        with self._guard:
            return self._idle.pop() if self._idle else None

    def _connect(self, left_s: Callable[[], float]) -> http.client.HTTPConnection:
        timeout_s = min(_CONNECT_TIMEOUT_S, left_s())
        connection = (
            http.client.HTTPSConnection(self._host, self._port, timeout=timeout_s, context=self._tls)
            if self._encrypted
            else http.client.HTTPConnection(self._host, self._port, timeout=timeout_s)
        )
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        return connection

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        data: bytes | None,
        headers: dict[str, str],
        left_s: Callable[[], float],
    ) -> Answer:
        try:
            connection.sock.settimeout(left_s())
            connection.request(method, self._prefix + path, body=data, headers=headers)
            response = connection.getresponse()
            body = response.read()
        except BaseException:
            connection.close()
            raise
        with self._guard:
            if connection.sock is not None:
                self._idle.append(connection)
        wait = response.getheader("Retry-After", "")
        return Answer(response.status, float(wait) if wait.isdigit() else None, body)


def _judge(url: str, answer: Answer) -> Any:  # noqa: ANN401 - any JSON
    """Return what was answered, or raise what it means."""
    status = answer.status
    if status < 300:
        try:
            return orjson.loads(answer.body or b"{}")
        except orjson.JSONDecodeError:
            raise _OtherNode(f"{url}: answered {status} without JSON; is it OpenSearch?") from None
    kind, reason = _reason(answer.body)
    told = f"{url}: answered {status}{f': {reason}' if reason else ''}"
    if status == 429 or kind == "cluster_block_exception":
        # The cluster is full, or its disk is: no other node would take it.
        raise SinkUnavailable(told, answer.retry_after_s)
    if status == 408 or status >= 500:
        raise _OtherNode(told, answer.retry_after_s)
    if status in (401, 403):
        raise Refused(f"{told}; give a user that may do it with username and password_file", status, kind)
    raise Refused(told, status, kind)


def _reason(body: bytes) -> tuple[str, str]:
    """Return the name and the words of an error's first cause; empty where it is none of OpenSearch's."""
    try:
        error = orjson.loads(body)["error"]
        causes = error.get("root_cause") or [error]
        return str(causes[0].get("type", "")), " ".join(str(causes[0].get("reason", "")).split())[:300]
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, IndexError):
        return "", ""


def _authorization(settings: OpenSearchSettings) -> dict[str, str]:
    if not settings.username:
        return {}
    try:
        password = Path(settings.password_file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise UsageError(f"password_file: {settings.password_file}: {reason}; give a file that this user can read") from None
    return {"Authorization": "Basic " + base64.b64encode(f"{settings.username}:{password}".encode()).decode()}
