"""Server-sent events of one page: ticks, the verdict, and the lines that match its query, as they are stored.

https://html.spec.whatwg.org/multipage/server-sent-events.html. Lines are found by the store itself, so what is followed is
what a search finds. A reader that does not keep up is cut off by the deadline of a write, and comes back by itself.
"""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Any

import msgspec
import orjson

from fairlead.core.clock import Clock
from fairlead.core.verdict import Verdict
from fairlead.net.aio import web
from fairlead.net.answers import SECURITY_HEADERS, ApiError
from fairlead.store.interface import LogQuery, Mark, Store, StoredRecord
from fairlead.web.feed import Subscription
from fairlead.web.parameters import StreamParameters
from fairlead.web.sources import WebSources
from fairlead.web.views import StoreReads, query_of, show

PING_S = 5.0
_LINES_AN_EVENT = 200
_PAUSE_S = 0.25
_WRITE_DEADLINE_S = 10.0
MAX_STREAMS = 64


class Streams:
    """All open streams; `close` ends them."""

    def __init__(self, sources: WebSources, reads: StoreReads, clock: Clock) -> None:
        self._sources, self._reads, self._clock = sources, reads, clock
        self._open = 0
        self._closing = asyncio.Event()

    def close(self) -> None:
        """Ask every stream to end."""
        self._closing.set()

    async def serve(self, request: web.BaseRequest, asked: StreamParameters) -> web.StreamResponse:
        """Answer with a stream until the reader goes or the server ends."""
        feed, store = self._sources.feed, self._sources.store
        if feed is None or store is None:
            raise ApiError(404, "nothing is streamed here")
        if self._open >= MAX_STREAMS:
            raise ApiError(503, "too many streams are open", retry_after_s=10)
        self._open += 1
        subscription = feed.subscribe()
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"} | SECURITY_HEADERS
        response = web.StreamResponse(headers=headers)
        try:
            await response.prepare(request)
            # Where the store does not answer the stream ends, and the reader comes back by itself.
            with suppress(ConnectionError, TimeoutError, ApiError):
                await self._pump(response, subscription, store, query_of(asked.q, asked.host))
        finally:
            feed.unsubscribe(subscription)
            self._open -= 1
        return response

    async def _pump(self, response: web.StreamResponse, subscription: Subscription, store: Store, query: LogQuery) -> None:
        mark = await self._reads.run(store.mark)
        verdict: Verdict | None = None
        idle = False
        while not self._closing.is_set():
            current = self._sources.verdict() if self._sources.verdict else None
            if current is not None and _essence(current) != _essence(verdict):
                verdict = current
                await _send(response, "verdict", verdict)
            collectors, lines = subscription.take()
            if collectors:
                await _send(response, "tick", {"now": self._clock.wall_ns() / 1e9, "collectors": collectors})
            if lines or idle:
                # Idle: another collector may have written to the same store.
                found, mark, skipped = await self._reads.run(_newer, store, query, mark)
                if found:
                    await _send(response, "logs", found)
                if skipped:
                    await _send(response, "logs-skipped", {"skipped": skipped})
            idle = not await self._wait(subscription)
            if idle:
                await _send(response, "ping", {"now": self._clock.wall_ns() / 1e9})

    async def _wait(self, subscription: Subscription) -> bool:
        """Wait a moment, then for news; return whether there are some."""
        closing = asyncio.ensure_future(self._closing.wait())
        woken = asyncio.ensure_future(subscription.woken.wait())
        try:
            await asyncio.wait((closing,), timeout=_PAUSE_S)
            done, _ = await asyncio.wait((closing, woken), timeout=PING_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            closing.cancel()
            woken.cancel()
        return bool(done)


def _newer(store: Store, query: LogQuery, after: Mark) -> tuple[list[dict[str, Any]], Mark, int]:
    """Return the newest matches stored behind a mark, the mark to go on from, and how many older ones were left out."""
    newest: deque[StoredRecord] = deque(maxlen=_LINES_AN_EVENT)
    count = 0
    upto = store.mark()
    if upto != after:
        for record in store.scan(query, after, upto):
            newest.append(record)
            count += 1
    return [show(record) for record in newest], upto, count - len(newest)


def _essence(verdict: Verdict | None) -> object:
    """Return what of a verdict is worth telling again: statuses and words, whatever else was recomputed."""
    return verdict and (verdict.status, verdict.since_s, verdict.summary, tuple((f.key, f.status, f.text) for f in verdict.findings))


async def _send(response: web.StreamResponse, event: str, value: object) -> None:
    data = orjson.dumps(value, default=msgspec.to_builtins)
    await asyncio.wait_for(response.write(b"event: " + event.encode() + b"\ndata: " + data + b"\n\n"), _WRITE_DEADLINE_S)
