"""HTTP out: POSTs to one URL, and what the answer means to the sender."""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import msgspec

from fairlead.core.errors import SinkError, SinkRejected, SinkTooLarge, SinkUnavailable, UsageError
from fairlead.net.aio import aiohttp
from fairlead.net.answers import ErrorBody
from fairlead.net.trust import client_context

CONNECT_TIMEOUT_S = 10.0
REASON_CHARS = 300
_REASON_BYTES = 4096
_NOT_NOW = (408, 425, 429)
_NOT_US = (401, 403, 404, 405, 415, 421)
"""What these say is of the token, the path, a header or the name: it holds for every body alike."""
_ELSEWHERE = (404, 405, 421)
"""No collector answers so to what an agent posts, but its page does, at the next port."""
_UNPROCESSABLE = 422
_TAG = re.compile(r"<[^>]*>")


class _Refusal(msgspec.Struct):
    """The body of an error as Fairlead's own servers write it."""

    error: ErrorBody


class Poster:
    """A session with one server; `start` inside the event loop, then `close`.

    `key` names the option or the configuration key in errors. The token is read from its file at the start and at each `reload`.
    """

    def __init__(self, key: str, url: str, token_file: str, ca_file: str, timeout_s: float) -> None:
        self._key, self._url, self._token_file, self._timeout_s = key, url, token_file, timeout_s
        parts = self._split(url)
        self._token = _read_token(token_file)
        self._encrypted = parts.scheme == "https"
        self._tls = client_context(ca_file) if self._encrypted else True
        self._session: aiohttp.ClientSession | None = None
        self._was_answered = False

    async def start(self) -> None:
        """Make the session; nothing is sent yet."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._tls, limit=1),
            timeout=aiohttp.ClientTimeout(total=self._timeout_s, sock_connect=CONNECT_TIMEOUT_S),
        )

    async def close(self) -> None:
        """Close the connection."""
        if self._session is not None:
            await self._session.close()

    def reload(self) -> None:
        """Read the token anew; UsageError where it cannot be read."""
        self._token = _read_token(self._token_file)

    async def post(self, body: bytes, headers: Mapping[str, str], *, to_collector: bool = False) -> bytes:
        """Deliver a body and return what was answered.

        SinkUnavailable: later; SinkTooLarge: in pieces; SinkRejected: never. With `to_collector` only 422 and what a collector itself says
        of the body is never: a wrong token, path or port, and whatever a proxy makes of it, say nothing of the body.
        """
        assert self._session is not None, "not started"
        authorization = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        try:
            async with self._session.post(self._url, data=body, headers={**headers, **authorization}, allow_redirects=False) as answer:
                self._was_answered = True
                if answer.status < 300:
                    return await answer.read()
                raise self._refusal(answer, await _beginning(answer), to_collector=to_collector)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise SinkUnavailable(f"{self._url}: {self._cause(error)}") from None

    def _split(self, url: str) -> SplitResult:
        """Return the parts of a URL; UsageError where it is none, or holds a secret, which is not repeated."""
        try:
            parts = urlsplit(url)
            fits = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
        except ValueError:
            fits = False
        if "@" in (parts.netloc if fits else url):
            raise UsageError(f"{self._key}: a URL with a user or password in it would be shown; use {self._option('token_file')}")
        if not fits:
            raise UsageError(f"{self._key}: {url!r} is not a URL; allowed is http://HOST... or https://HOST...")
        return parts

    def _option(self, name: str) -> str:
        """Return what another setting of the same place is called."""
        return f"--{name.replace('_', '-')}" if self._key.startswith("--") else f"{self._key.rpartition('.')[0]}.{name}"

    def _refusal(self, answer: aiohttp.ClientResponse, body: bytes, *, to_collector: bool) -> SinkError:
        """Return what an answer of 300 and more means."""
        status, own = answer.status, _own_error(body)
        hint = self._hint(status) if to_collector else ""
        if not hint:
            reason = _told(own) if own else _text_of(body)
            hint = f": {reason}" if reason else ""
        problem = f"{self._url} answered {status}{hint}"
        if status == 413:
            return SinkTooLarge(problem)
        of_body = status == _UNPROCESSABLE or (own is not None and status not in _NOT_US and not own.where.startswith("header"))
        if status >= 500 or status in _NOT_NOW or (to_collector and not (status >= 400 and of_body)):
            wait = answer.headers.get("Retry-After", "")
            return SinkUnavailable(problem, float(wait) if wait.isdecimal() else None)
        return SinkRejected(problem)

    def _hint(self, status: int) -> str:
        """Return what to do about an answer that has one cause only; empty for others."""
        if status == 401:
            if self._token_file:
                return f": the token of {self._token_file} is not accepted; see the collector's tokens_file"
            return f": it asks for a token; give {self._option('token_file')}"
        if status in _ELSEWHERE:
            return "; is this the collector's source.http.listen?"
        return "; give the address that it points to" if 300 <= status < 400 else ""

    def _cause(self, error: Exception) -> str:
        """Return why there was no answer; aiohttp's own texts name the address once more, and its internals."""
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            reason = getattr(error.certificate_error, "verify_message", "") or str(error.certificate_error)
            return f"its certificate is not trusted ({reason}); name its authority with {self._option('ca_file')}"
        if isinstance(error, aiohttp.ClientConnectorSSLError):
            return f"no TLS is spoken there ({getattr(error.os_error, 'reason', None) or 'the connection ended'}); does it speak http?"
        if isinstance(error, aiohttp.ClientConnectorError):
            inner = error.os_error
            return os.strerror(inner.errno) if inner.errno and inner.errno > 0 else inner.strerror or str(inner)
        if isinstance(error, aiohttp.ClientResponseError):
            return f"no HTTP is spoken there{'' if self._encrypted else '; does it speak https?'}"
        text = (str(error) if not isinstance(error, TimeoutError) else "") or "no answer in time"
        if isinstance(error, aiohttp.ServerDisconnectedError) and not self._encrypted and not self._was_answered:
            return f"{text}; does it speak https?"
        return text


async def _beginning(answer: aiohttp.ClientResponse) -> bytes:
    """Return the first bytes of an answer's body, or of what comes of it."""
    body = b""
    with suppress(aiohttp.ClientError, OSError):
        while len(body) < _REASON_BYTES and (part := await answer.content.read(_REASON_BYTES - len(body))):
            body += part
    return body


def _own_error(body: bytes) -> ErrorBody | None:
    """Return the error that one of Fairlead's own servers told; None where another wrote it."""
    try:
        return msgspec.json.decode(body, type=_Refusal).error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _told(error: ErrorBody) -> str:
    place = ": ".join(filter(None, (error.where, error.allowed)))
    return _one_line(f"{error.what} ({place})" if place else error.what)


def _text_of(body: bytes) -> str:
    """Return what a body says, without the tags of an HTML page."""
    return _one_line(_TAG.sub(" ", body.decode(errors="replace")))


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:REASON_CHARS]


def _read_token(file: str) -> str:
    if not file:
        return ""
    try:
        return Path(file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"token file {file}: {getattr(error, 'strerror', None) or 'not text'}; give a file that this user can read"
        ) from None
