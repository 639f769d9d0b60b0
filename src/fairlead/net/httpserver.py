"""HTTP in: one address served by aiohttp's low-level server, with bounds on what strangers can hold.

Connections are bounded in number, and one that does not send its first request in time is closed.
"""

import asyncio
import errno
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from fairlead.core.clock import Clock
from fairlead.core.errors import UsageError
from fairlead.net.aio import web
from fairlead.net.listen import split_listen
from fairlead.net.tls import Certificate

MAX_CONNECTIONS = 256
FIRST_REQUEST_S = 15.0
_KEEPALIVE_S = 30.0
_LINGER_S = 1.0
_SHUTDOWN_S = 2.0
_CERTIFICATE_CHECK_S = 10.0

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class HttpListener:
    """Hands each request to `answer`; `start` binds, `close` ends every connection.

    Bodies come as they were sent: aiohttp would uncompress them before it is known whether anybody takes them, without bounds, and answer
    400 to a coding that it does not know. `option` is what a user gives to choose another address.
    """

    def __init__(
        self,
        answer: Answer,
        listen: str,
        certificate: Certificate | None,
        clock: Clock,
        *,
        most_connections: int = MAX_CONNECTIONS,
        option: str = "--listen",
    ) -> None:
        self._answer, self._listen, self._certificate, self._clock = answer, listen, certificate, clock
        self._most_connections, self._option = most_connections, option
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Bind and serve; UsageError where the address cannot be had."""
        host, port = split_listen(self._listen)
        self._server = _BoundedServer(
            self._heard,
            self._most_connections,
            access_log=None,
            keepalive_timeout=_KEEPALIVE_S,
            lingering_time=_LINGER_S,
            logger=_quiet(),
            auto_decompress=False,
        )
        self._runner = web.ServerRunner(self._server, shutdown_timeout=_SHUTDOWN_S)
        await self._runner.setup()
        context = self._certificate.context if self._certificate else None
        site = web.TCPSite(self._runner, host, port, ssl_context=context, reuse_address=True)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            reason = "in use" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
            raise UsageError(f"{self._listen}: {reason}; give another address with {self._option} HOST:PORT") from None
        if self._certificate:
            self._task = asyncio.create_task(self._watch(self._certificate), name="certificate")

    @property
    def url(self) -> str:
        """Where it serves, once started."""
        host, port = self._runner.addresses[0][:2]
        name = f"[{host}]" if ":" in host else host
        return f"{'https' if self._certificate else 'http'}://{name}:{port}"

    async def close(self) -> None:
        """Take no more connections; give running requests a moment, then end them."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._runner.cleanup()

    async def _heard(self, request: web.BaseRequest) -> web.StreamResponse:
        self._server.has_spoken(request.protocol)
        return await self._answer(request)

    async def _watch(self, certificate: Certificate) -> None:
        while True:
            await self._clock.sleep(_CERTIFICATE_CHECK_S)
            await asyncio.to_thread(certificate.reload_if_changed)


class _BoundedServer(web.Server):
    """Closes what is one connection too many, and what connects and says nothing."""

    def __init__(self, handler: Any, most_connections: int, **options: Any) -> None:  # noqa: ANN401 - aiohttp's own signature
        super().__init__(handler, **options)
        self._most_connections = most_connections
        self._silent: dict[Any, asyncio.TimerHandle] = {}

    def connection_made(self, handler: Any, transport: asyncio.Transport) -> None:  # noqa: ANN401 - aiohttp's RequestHandler
        """Count a connection and give it its deadline."""
        super().connection_made(handler, transport)
        if len(self.connections) > self._most_connections:
            transport.abort()
            return
        self._silent[handler] = asyncio.get_running_loop().call_later(FIRST_REQUEST_S, transport.abort)

    def has_spoken(self, handler: Any) -> None:  # noqa: ANN401 - aiohttp's RequestHandler
        """Let a connection live on: a request came."""
        if timer := self._silent.pop(handler, None):
            timer.cancel()

    def connection_lost(self, handler: Any, exc: BaseException | None = None) -> None:  # noqa: ANN401 - aiohttp's RequestHandler
        """Forget a connection."""
        self.has_spoken(handler)
        super().connection_lost(handler, exc)


def _quiet() -> logging.Logger:
    """Return a logger that says nothing: what is no HTTP is answered with 400, and a stranger cannot fill our log with tracebacks."""
    logger = logging.getLogger("fairlead.net.protocol")
    logger.disabled = True
    return logger
