"""HTTP out: POSTs to one URL, and what the answer means to the sender."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from fairlead.core.errors import SinkRejected, SinkTooLarge, SinkUnavailable, UsageError
from fairlead.net.aio import aiohttp
from fairlead.net.trust import client_context

CONNECT_TIMEOUT_S = 10.0
_NOT_NOW = (408, 425, 429)
_NOT_US = (401, 403, 404)


class Poster:
    """A session with one server; `start` inside the event loop, then `close`.

    `key` names the option or the configuration key in errors. The token is read from its file at the start and at each `reload`.
    """

    def __init__(self, key: str, url: str, token_file: str, ca_file: str, timeout_s: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"{key}: {url!r} is not a URL; allowed is http://HOST... or https://HOST...")
        self._key, self._url, self._token_file, self._timeout_s = key, url, token_file, timeout_s
        self._token = _read_token(token_file)
        self._tls = client_context(ca_file) if parts.scheme == "https" else True
        self._session: aiohttp.ClientSession | None = None

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

    async def post(self, body: bytes, headers: Mapping[str, str], *, config_may_heal: bool = False) -> bytes:
        """Deliver a body and return what was answered.

        SinkUnavailable: later; SinkTooLarge: in pieces; SinkRejected: never. With `config_may_heal` an answer that tells of a wrong
        token or path (401, 403, 404) means later: it says nothing of the body.
        """
        assert self._session is not None, "not started"
        authorization = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        try:
            async with self._session.post(self._url, data=body, headers={**headers, **authorization}, allow_redirects=False) as answer:
                if answer.status < 300:
                    return await answer.read()
                problem = f"{self._url} answered {answer.status}"
                if answer.status >= 500 or answer.status in _NOT_NOW or (config_may_heal and answer.status in _NOT_US):
                    wait = answer.headers.get("Retry-After", "")
                    raise SinkUnavailable(problem, float(wait) if wait.isdigit() else None)
                if answer.status == 413:
                    raise SinkTooLarge(problem)
                raise SinkRejected(problem)
        except aiohttp.ClientConnectorCertificateError as error:
            option = "--ca-file" if self._key.startswith("--") else f"{self._key.rpartition('.')[0]}.ca_file"
            reason = getattr(error.certificate_error, "verify_message", "") or str(error.certificate_error)
            raise SinkUnavailable(f"{self._url}: its certificate is not trusted ({reason}); name its authority with {option}") from None
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise SinkUnavailable(f"{self._url}: {str(error) or 'no answer in time'}") from None


def _read_token(file: str) -> str:
    if not file:
        return ""
    try:
        return Path(file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"token file {file}: {getattr(error, 'strerror', None) or 'not text'}; give a file that this user can read"
        ) from None
