"""`fairlead metrics --push URL`: samples reported over HTTP, one JSON object a request."""

from types import TracebackType
from typing import Any, Self

import orjson

from fairlead.core.clock import Clock
from fairlead.core.errors import SinkUnavailable
from fairlead.net.http import Poster

TIMEOUT_S = 10.0
_RETRIES = 3


class Pusher:
    """Posts samples to one URL; use as an async context manager.

    Errors: SinkUnavailable after the last retry, SinkRejected at a 4xx.
    """

    def __init__(self, url: str, token_file: str, ca_file: str, clock: Clock) -> None:
        self._poster, self._clock = Poster("--push", url, token_file, ca_file, TIMEOUT_S), clock

    async def __aenter__(self) -> Self:
        await self._poster.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._poster.close()

    async def push(self, sample: dict[str, Any]) -> None:
        """Deliver one sample; a server that is away or overloaded is tried again a few times, with growing pauses."""
        body = orjson.dumps(sample)
        for attempt in range(_RETRIES + 1):
            try:
                await self._poster.post(body, {"Content-Type": "application/json"})
            except SinkUnavailable as error:
                if attempt == _RETRIES:
                    raise
                await self._clock.sleep(min(error.retry_after_s or 0.5 * 2**attempt, TIMEOUT_S))
            else:
                return
