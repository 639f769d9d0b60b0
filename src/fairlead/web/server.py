"""The web server: a table of routes behind a guard, on aiohttp's low-level server.

A fixed table needs no router; each request passes the same few checks in the same order: Host, method and path, token, parameters.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from fairlead.core.clock import Clock
from fairlead.core.errors import UsageError
from fairlead.core.logsetup import Log
from fairlead.core.readiness import Readiness
from fairlead.core.telemetry import Telemetry
from fairlead.net.aio import web
from fairlead.net.answers import SECURITY_HEADERS, ApiError, json_answer, text_answer
from fairlead.net.httpserver import HttpListener
from fairlead.net.prometheus import CONTENT_TYPE, Exposition, exposition
from fairlead.net.tls import Certificate
from fairlead.web.api import LoginBody
from fairlead.web.assets import Asset, load_assets
from fairlead.web.guard import Guard
from fairlead.web.parameters import NoParameters, StreamParameters, parse
from fairlead.web.routes import ROUTES, Route
from fairlead.web.settings import WebSettings
from fairlead.web.sources import WebSources
from fairlead.web.stream import Streams
from fairlead.web.views import StoreReads, Views

log = Log("web")
BODY_DEADLINE_S = 10.0
MAX_BODY_BYTES = 64 << 10


class WebServer:
    """Serves what its sources hold; `start` binds, `close` ends every stream and connection."""

    def __init__(self, settings: WebSettings, sources: WebSources, clock: Clock, telemetry: Telemetry, readiness: Readiness) -> None:
        self._settings, self._sources, self._clock = settings, sources, clock
        self._telemetry, self._readiness = telemetry, readiness
        self._guard = Guard(settings, clock)
        certificate = Certificate(settings.tls_cert, settings.tls_key) if settings.tls_cert else None
        self._listener = HttpListener(self._answer, settings.listen, certificate, clock)
        self._views = Views(sources, clock, readiness)
        self._reads = StoreReads()
        self._streams = Streams(sources, self._reads, clock)
        self._exposition = Exposition()
        self._assets: dict[str, Asset] = load_assets() if sources.store else {}
        self._routes = {(route.method, route.path): route for route in ROUTES}
        self._requests = telemetry.counter("fairlead_http_requests_total", "Requests answered.", "code")

    async def start(self) -> None:
        """Bind and serve; UsageError where the address cannot be had."""
        try:
            await self._listener.start()
        except UsageError:
            self._reads.close()
            raise

    @property
    def url(self) -> str:
        """Where the page is."""
        return self._listener.url

    async def close(self) -> None:
        """End streams, then connections, then the readers."""
        self._streams.close()
        await self._listener.close()
        await asyncio.to_thread(self._reads.close)

    def reload(self, settings: WebSettings) -> None:
        """Take the new token and names; the address and whether TLS is spoken need a restart."""
        self._guard = Guard(settings, self._clock)
        self._settings = settings

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
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
            return await self._streams.serve(request, asked)
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
