"""The audit as the API shows it: counted once for the pages that follow each other, and never twice at a time."""

import threading

from fairlead.core.clock import Clock
from fairlead.core.record import format_time
from fairlead.net.answers import ApiError
from fairlead.store.interface import SourceAudit, Store
from fairlead.web.api import AuditBody, AuditSource
from fairlead.web.parameters import AuditParameters

KEPT_S = 10.0
MAX_GAPS = 100


class Auditing:
    """Counts when it is asked to. What was counted is kept for ten seconds: for the next page, and for one whose asker gave up waiting."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counting = threading.Lock()
        self._found: list[SourceAudit] | None = None
        self._counted_s, self._audited = 0.0, ""

    def page(self, store: Store, asked: AuditParameters) -> AuditBody:
        """Return a page; blocks as long as the store counts. ApiError 503 where it counts already, 404 where no page begins."""
        if not self._counting.acquire(blocking=False):
            raise ApiError(503, "an audit is under way", retry_after_s=5)
        try:
            found = self._count(store)
        finally:
            self._counting.release()
        shown = [source for source in found if _is_asked_for(source, asked)]
        begin = 0
        if asked.after:
            begin = next((place for place, source in enumerate(shown, 1) if source.source == asked.after), 0)
            if not begin:
                raise ApiError(404, "no such source", "after", "the `next` of a page")
        page = shown[begin : begin + asked.limit]
        return AuditBody(
            sources=[_body(source) for source in page],
            lost=sum(len(source.gaps) for source in found),
            doubled=sum(source.doubled for source in found),
            unknown=sum(source.unknown for source in found),
            audited=self._audited,
            next=page[-1].source if begin + asked.limit < len(shown) else None,
        )

    def _count(self, store: Store) -> list[SourceAudit]:
        if self._found is None or self._clock.monotonic() - self._counted_s > KEPT_S:
            self._found, self._audited = None, format_time(self._clock.wall_ns())
            self._found = store.audit()
            self._counted_s = self._clock.monotonic()
        return self._found


def _is_asked_for(source: SourceAudit, asked: AuditParameters) -> bool:
    return (not asked.agent or source.agent == asked.agent) and (
        not asked.findings or bool(source.gaps or source.doubled or source.unknown)
    )


def _body(source: SourceAudit) -> AuditSource:
    return AuditSource(
        agent=source.agent,
        source=source.source,
        path=source.path,
        lines=source.lines,
        start=source.start,
        end=source.end,
        lost=len(source.gaps),
        doubled=source.doubled,
        unknown=source.unknown,
        gaps=list(source.gaps[:MAX_GAPS]),
        refused=source.refused,
    )
