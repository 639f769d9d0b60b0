"""`fairlead metrics --push URL`: samples reported over HTTP, one JSON object a request."""

import ssl
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
import orjson

from fairlead.core.clock import Clock
from fairlead.core.errors import SinkRejected, SinkUnavailable, UsageError

TIMEOUT_S = 10.0
_RETRIES = 3
_NOT_NOW = (408, 425, 429)


class Pusher:
    """Posts samples to one URL; use as an async context manager.

    Errors: SinkUnavailable after the last retry, SinkRejected at a 4xx.
    """

    def __init__(self, url: str, token: str, ca_file: str, clock: Clock) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"--push: {url!r} is not a URL; allowed is http://HOST... or https://HOST...")
        self._url, self._token, self._ca_file, self._clock = url, token, ca_file, clock

    async def __aenter__(self) -> Self:
        tls: ssl.SSLContext | bool = True
        if self._ca_file:
            try:
                tls = ssl.create_default_context(cafile=self._ca_file)
            except (OSError, ssl.SSLError) as error:
                raise UsageError(f"--ca-file: {self._ca_file}: {error.strerror or 'not PEM'}") from None
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls, limit=1),
            headers={"Content-Type": "application/json", **headers},
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
        )
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._session.close()

    async def push(self, sample: dict[str, Any]) -> None:
        """Deliver one sample; a server that is away or overloaded is tried again a few times, with growing pauses."""
        body = orjson.dumps(sample)
        for attempt in range(_RETRIES + 1):
            try:
                return await self._post(body)
            except SinkUnavailable as error:
                if attempt == _RETRIES:
                    raise
                await self._clock.sleep(min(error.retry_after_s or 0.5 * 2**attempt, TIMEOUT_S))
        return None

    async def _post(self, body: bytes) -> None:
        try:
            async with self._session.post(self._url, data=body, allow_redirects=False) as answer:
                if answer.status < 300:
                    return
                problem = f"{self._url} answered {answer.status}"
                if answer.status >= 500 or answer.status in _NOT_NOW:
                    wait = answer.headers.get("Retry-After", "")
                    raise SinkUnavailable(problem, float(wait) if wait.isdigit() else None)
                raise SinkRejected(problem)
        except (TimeoutError, aiohttp.ClientError) as error:
            raise SinkUnavailable(f"{self._url}: {str(error) or 'no answer in time'}") from None
