"""The web server: a table of routes behind a guard, on aiohttp's low-level server.

A fixed table needs no router; each request passes the same few checks in the same order: Host, method and path, token,
parameters. Connections are bounded in number, and one that does not send its first request in time is closed.
"""

import asyncio
import errno
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from fairlead.core.clock import Clock
from fairlead.core.errors import UsageError
from fairlead.core.logsetup import Log
from fairlead.core.readiness import Readiness
from fairlead.core.telemetry import Telemetry
from fairlead.net.aio import web
from fairlead.net.prometheus import CONTENT_TYPE, Exposition, exposition
from fairlead.web.answers import SECURITY_HEADERS, ApiError, json_answer, text_answer
from fairlead.web.api import LoginBody
from fairlead.web.assets import Asset, load_assets
from fairlead.web.guard import Guard
from fairlead.web.parameters import NoParameters, StreamParameters, parse
from fairlead.web.routes import ROUTES, Route
from fairlead.web.settings import WebSettings, split_listen
from fairlead.web.sources import WebSources
from fairlead.web.stream import Streams
from fairlead.web.tls import Certificate
from fairlead.web.views import StoreReads, Views

log = Log("web")
MAX_CONNECTIONS = 256
FIRST_REQUEST_S = 15.0
BODY_DEADLINE_S = 10.0
MAX_BODY_BYTES = 64 << 10
_KEEPALIVE_S = 30.0
_LINGER_S = 1.0
_SHUTDOWN_S = 2.0
_CERTIFICATE_CHECK_S = 10.0

Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def _quiet() -> logging.Logger:
    """Return a logger that says nothing: what is no HTTP is answered with 400, and a stranger cannot fill our log with tracebacks."""
    logger = logging.getLogger("fairlead.web.protocol")
    logger.disabled = True
    return logger


class _BoundedServer(web.Server):
    """Closes what is one connection too many, and what connects and says nothing."""

    def __init__(self, handler: Any, **options: Any) -> None:  # noqa: ANN401 - aiohttp's own signature
        super().__init__(handler, **options)
        self._silent: dict[Any, asyncio.TimerHandle] = {}

    def connection_made(self, handler: Any, transport: asyncio.Transport) -> None:  # noqa: ANN401 - aiohttp's RequestHandler
        """Count a connection and give it its deadline."""
        super().connection_made(handler, transport)
        if len(self.connections) > MAX_CONNECTIONS:
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


class WebServer:
    """Serves what its sources hold; `start` binds, `close` ends every stream and connection."""

    def __init__(self, settings: WebSettings, sources: WebSources, clock: Clock, telemetry: Telemetry, readiness: Readiness) -> None:
        self._settings, self._sources, self._clock = settings, sources, clock
        self._telemetry, self._readiness = telemetry, readiness
        self._guard = Guard(settings, clock)
        self._certificate = Certificate(settings.tls_cert, settings.tls_key) if settings.tls_cert else None
        self._views = Views(sources, clock, readiness)
        self._reads = StoreReads()
        self._streams = Streams(sources, self._reads, clock)
        self._exposition = Exposition()
        self._assets: dict[str, Asset] = load_assets() if sources.store else {}
        self._routes = {(route.method, route.path): route for route in ROUTES}
        self._requests = telemetry.counter("fairlead_http_requests_total", "Requests answered.", "code")
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Bind and serve; UsageError where the address cannot be had."""
        host, port = split_listen(self._settings.listen)
        self._server = _BoundedServer(
            self._answer, access_log=None, keepalive_timeout=_KEEPALIVE_S, lingering_time=_LINGER_S, logger=_quiet()
        )
        self._runner = web.ServerRunner(self._server, shutdown_timeout=_SHUTDOWN_S)
        await self._runner.setup()
        context = self._certificate.context if self._certificate else None
        site = web.TCPSite(self._runner, host, port, ssl_context=context, reuse_address=True)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            self._reads.close()
            reason = "in use" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
            raise UsageError(f"{self._settings.listen}: {reason}; give another address with --listen HOST:PORT") from None
        if self._certificate:
            self._task = asyncio.create_task(self._watch_certificate(), name="certificate")

    @property
    def url(self) -> str:
        """Where the page is."""
        host, port = self._runner.addresses[0][:2]
        name = f"[{host}]" if ":" in host else host
        return f"{'https' if self._certificate else 'http'}://{name}:{port}"

    async def close(self) -> None:
        """End streams, then connections, then the readers."""
        self._streams.close()
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._runner.cleanup()
        await asyncio.to_thread(self._reads.close)

    def reload(self, settings: WebSettings) -> None:
        """Take the new token and names; the address and whether TLS is spoken need a restart."""
        self._guard = Guard(settings, self._clock)
        self._settings = settings

    async def _watch_certificate(self) -> None:
        assert self._certificate is not None
        while True:
            await self._clock.sleep(_CERTIFICATE_CHECK_S)
            await asyncio.to_thread(self._certificate.reload_if_changed)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self._server.has_spoken(request.protocol)
        response: web.StreamResponse
        try:
            response = await self._dispatch(request)
        except ApiError as error:
            response = error.answer()
        except web.HTTPException as error:
            response = ApiError(error.status, error.reason).answer()
        except TimeoutError:
            response = ApiError(408, "the request took too long").answer()
        except ConnectionError:
            raise
        except Exception:
            log.exception("request failed", path=request.path)
            response = ApiError(500, "the server failed; its log says why").answer()
        if not response.prepared:
            response.headers.update(SECURITY_HEADERS)
        self._requests.add(1, str(response.status))
        return response

    async def _dispatch(self, request: web.BaseRequest) -> web.StreamResponse:
        self._guard.check_host(request)
        method = "GET" if request.method == "HEAD" else request.method
        if method == "GET" and (asset := self._assets.get(request.path)):
            return asset.answer(request)
        route = self._routes.get((method, request.path))
        if route is None:
            allowed = [known for known, path in self._routes if path == request.path]
            if allowed:
                raise ApiError(405, f"{request.method[:16]} is not taken here", request.path, ", ".join(allowed))
            raise ApiError(404, "nothing is served here", request.path[:256], "see /api/v1/openapi.json")
        if not route.open:
            self._guard.check_known(request)
        if route.path.startswith("/api/") or route.body:
            return await self._answer_api(route, request)
        return self._answer_text(route, request)

    async def _answer_api(self, route: Route, request: web.BaseRequest) -> web.StreamResponse:
        if route.body:
            return await self._log_in(request)
        asked = parse(request, route.parameters)
        if isinstance(asked, StreamParameters):
            return await self._streams.serve(request, asked.q)
        if route.name == "openapi":
            from fairlead.web.openapi import document

            return json_answer(document())
        view: Callable[..., Any] = getattr(self._views, route.name)
        arguments = () if isinstance(asked, NoParameters) else (asked,)
        return json_answer(await self._reads.run(view, *arguments) if route.aside else view(*arguments))

    async def _log_in(self, request: web.BaseRequest) -> web.Response:
        self._guard.check_origin(request)
        if (request.content_length or 0) > MAX_BODY_BYTES:
            raise ApiError(413, "the request is too large", "body", f"at most {MAX_BODY_BYTES} bytes")
        try:
            given = msgspec.json.decode(await asyncio.wait_for(request.content.read(MAX_BODY_BYTES), BODY_DEADLINE_S), type=LoginBody)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise ApiError(400, "not the JSON object that a login is", "body", '{"token": "..."}') from None
        response = text_answer("ok\n")
        response.headers["Set-Cookie"] = self._guard.log_in(given.token)
        return response

    def _answer_text(self, route: Route, request: web.BaseRequest) -> web.Response:
        if route.name == "livez":
            return text_answer("ok\n")
        if route.name == "metrics_text":
            ticks = self._sources.latest() if self._sources.latest else []
            body = self._exposition.of_ticks(ticks) + exposition(self._telemetry.collect())
            return text_answer(body, content_type=CONTENT_TYPE)
        ready, report = self._readiness.report()
        verbose = route.name == "readyz" and ("verbose" in request.query or not ready) and self._guard.is_known(request)
        return text_answer(report if verbose else "ok\n" if ready else "not ready\n", 200 if ready else 503)
