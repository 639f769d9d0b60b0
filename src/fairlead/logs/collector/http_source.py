"""The collector's HTTP intake: `POST /api/v1/ingest`, as contracts.md describes it.

Each request passes the same checks in the same order: path and method, agent and token, headers, room, size, coding. What is refused
before its body was read costs nothing but its headers. An answer of 200 means that the records are durable.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Literal, get_args

import msgspec

from fairlead.core.clock import Clock
from fairlead.core.errors import FairleadError, SinkUnavailable
from fairlead.core.logsetup import Log
from fairlead.core.readiness import Readiness
from fairlead.core.telemetry import Telemetry
from fairlead.logs.collector import request_body
from fairlead.logs.collector.agent_tokens import AGENT_ID, AgentTokens
from fairlead.logs.collector.refusals import Refusals
from fairlead.logs.collector.settings import HttpSourceSettings
from fairlead.logs.settings import INGEST_PATH
from fairlead.net.aio import web
from fairlead.net.answers import ApiError, json_answer, text_answer
from fairlead.net.attempts import WrongTokens
from fairlead.net.httpserver import HttpListener
from fairlead.net.tls import Certificate

log = Log("http_source")
LIVEZ = "/livez"
MAX_CONNECTIONS = 1024
_AUTHORIZATION = "header Authorization"
_TOLD = (400, 403, 415)
"""What an agent or its configuration does wrong: 404 and 405 are for strangers, and after 413, 429 and 503 it comes again."""
_METHODS = {INGEST_PATH: ("POST",), LIVEZ: ("GET", "HEAD")}
_CONTENT_TYPES = ("application/x-ndjson", "application/ndjson")
_RETRY_AFTER_S = 1
_MAX_NUMBER = (1 << 63) - 1

PostedKind = Literal["log", "heartbeat", "metric"]
_KINDS: dict[str, PostedKind] = {kind: kind for kind in get_args(PostedKind)}


class Posted(msgspec.Struct, frozen=True):
    """One request: `lines` is NDJSON, uncompressed; `number` grows with each new one of an agent, and a repeat bears the same."""

    agent: str
    number: int
    kind: PostedKind
    lines: bytes


class IngestRejected(FairleadError):
    """What was posted holds no records that could ever be stored; the agent buries it."""


class HttpSource:
    """Hands what agents post to `ingest`, which returns the number of records once they are durable.

    `ingest` raises IngestRejected (answered 400) or SinkUnavailable (503, Retry-After). `start` binds, `close` ends every connection; a
    request that an agent gave up is taken in to its end all the same.
    """

    def __init__(
        self,
        settings: HttpSourceSettings,
        ingest: Callable[[Posted], Awaitable[int]],
        clock: Clock,
        telemetry: Telemetry,
        readiness: Readiness,
    ) -> None:
        self._settings, self._ingest = settings, ingest
        self._wrong = WrongTokens(clock)
        self._wrong_tokens = Refusals(log, "an agent's token is refused, see tokens_file", clock)
        self._refused = Refusals(log, "a batch is refused", clock)
        certificate = Certificate(settings.tls_cert, settings.tls_key) if settings.tls_cert else None
        self._listener = HttpListener(
            self._answer,
            settings.listen,
            certificate,
            clock,
            most_connections=MAX_CONNECTIONS,
            option="source.http.listen",
        )
        self._waiting = 0
        self._requests = telemetry.counter("fairlead_ingest_requests_total", "Requests of agents answered.", "code")
        self._bytes = telemetry.counter("fairlead_ingest_bytes_total", "Bytes of bodies that agents sent, as they were sent.")
        telemetry.gauge("fairlead_ingest_waiting_requests", "Requests that are being taken in.", lambda: float(self._waiting))
        readiness.add("http_source", self._problem)
        self.reload()

    def reload(self) -> None:
        """Read the tokens anew; UsageError where they cannot be read, and the old ones go on. Blocks."""
        self._tokens = AgentTokens(self._settings.tokens_file) if self._settings.tokens_file else None

    async def start(self) -> None:
        """Bind and serve; UsageError where the address cannot be had."""
        await self._listener.start()

    @property
    def url(self) -> str:
        """Where agents deliver, without the path."""
        return self._listener.url

    async def close(self) -> None:
        """Take no more; what is being taken in gets two seconds to end, and is cancelled then."""
        await self._listener.close()

    def _problem(self) -> str:
        full = self._waiting >= self._settings.waiting
        return f"{self._waiting} requests wait, more are told to come later" if full else ""

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        response: web.StreamResponse
        try:
            response = await self._dispatch(request)
        except ApiError as error:
            self._tell(request, error)
            response = _refusal(error)
        except Exception as error:
            if isinstance(error, ConnectionError) and request.transport is None:
                raise  # the agent is gone; what the store could not reach is another matter
            log.exception("request failed", path=request.path[:256])
            response = ApiError(500, "the collector failed; its log says why").answer()
        response.headers["X-Content-Type-Options"] = "nosniff"
        if request.path != LIVEZ:
            self._requests.add(1, str(response.status))
        return response

    def _tell(self, request: web.BaseRequest, error: ApiError) -> None:
        """Tell what an agent cannot mend by itself, unless it left."""
        if request.transport is None:
            return
        agent = request.headers.get("Fairlead-Agent", "")
        who = {"agent": agent if AGENT_ID.fullmatch(agent) else "", "address": request.remote or ""}
        if error.body.where == _AUTHORIZATION:
            self._wrong_tokens.add(**who, problem=error.body.what)
        elif error.status in _TOLD:
            self._refused.add(**who, status=error.status, problem=error.body.what, where=error.body.where)

    async def _dispatch(self, request: web.BaseRequest) -> web.Response:
        methods = _METHODS.get(request.path)
        if methods is None:
            raise ApiError(404, "nothing is served here", request.path[:256], INGEST_PATH)
        if request.method not in methods:
            raise ApiError(405, f"{request.method[:16]} is not taken here", request.path, ", ".join(methods))
        if request.path == LIVEZ:
            return text_answer("ok\n")
        agent = self._known_agent(request)
        number, kind, coding = _number(request), _kind(request), request_body.coding_of(request)
        if request.content_type not in _CONTENT_TYPES:
            raise ApiError(415, "only NDJSON is taken", "header Content-Type", _CONTENT_TYPES[0])
        if self._waiting >= self._settings.waiting:
            raise ApiError(429, "too many requests wait", allowed=f"{self._settings.waiting} at once", retry_after_s=_RETRY_AFTER_S)
        self._waiting += 1
        try:
            body = await request_body.read(request, self._settings.max_body)
            self._bytes.add(len(body))
            lines = await asyncio.to_thread(request_body.uncompress, body, coding, self._settings.max_records_bytes)
            del body
            return json_answer({"acknowledged": await self._take(Posted(agent, number, kind, lines))})
        finally:
            self._waiting -= 1

    def _known_agent(self, request: web.BaseRequest) -> str:
        """Return the agent that sent a request; ApiError where it does not say which, or cannot prove it."""
        if "Origin" in request.headers:
            # A browser: some page reaches for a collector that asks for no token because only this machine can reach it.
            raise ApiError(403, "sent by a page", "header Origin")
        agent = request.headers.get("Fairlead-Agent", "")
        if not AGENT_ID.fullmatch(agent):
            raise ApiError(400, "no agent id", "header Fairlead-Agent", "1 to 128 of A-Z a-z 0-9 . _ : @ -")
        authorization = request.headers.get("Authorization", "")
        if self._tokens and not self._tokens.is_right(agent, authorization):
            if authorization:
                self._wrong.count()
            raise ApiError(401, "a token of this agent is needed", _AUTHORIZATION, "Bearer TOKEN")
        return agent

    async def _take(self, posted: Posted) -> int:
        try:
            return await self._ingest(posted)
        except IngestRejected as error:
            raise ApiError(400, str(error), "body") from None
        except SinkUnavailable as error:
            raise ApiError(503, str(error), retry_after_s=max(1, math.ceil(error.retry_after_s or _RETRY_AFTER_S))) from None


def _refusal(error: ApiError) -> web.Response:
    response = error.answer()
    if error.status in (408, 413):
        response.force_close()
    if error.status == 405:
        response.headers["Allow"] = error.body.allowed
    if error.status == 415 and "Content-Encoding" in error.body.where:
        response.headers["Accept-Encoding"] = error.body.allowed  # RFC 9110, 15.5.16
    return response


def _number(request: web.BaseRequest) -> int:
    text = request.headers.get("Fairlead-Batch", "")
    if not text.isascii() or not text.isdigit() or len(text) > 19 or int(text) > _MAX_NUMBER:
        raise ApiError(400, "no batch number", "header Fairlead-Batch", f"0 to {_MAX_NUMBER}")
    return int(text)


def _kind(request: web.BaseRequest) -> PostedKind:
    kind = _KINDS.get(request.headers.get("Fairlead-Kind", "log"))
    if kind is None:
        raise ApiError(400, "no such kind", "header Fairlead-Kind", ", ".join(_KINDS))
    return kind
