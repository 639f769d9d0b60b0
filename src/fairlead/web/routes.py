"""Every route in one table: what is served, to whom, with which parameters and answer. The OpenAPI document is made from it."""

from typing import Any

import msgspec

from fairlead.core.verdict import Verdict
from fairlead.store.interface import SeriesRange
from fairlead.web import parameters
from fairlead.web.api import (
    AgentsBody,
    AuditBody,
    FilesBody,
    HistogramBody,
    HostsBody,
    LoginBody,
    LogsBody,
    RecordsBody,
    SampleBody,
    StatusBody,
)


class Route(msgspec.Struct, frozen=True):
    """`answer` is a type, or the content type of what is no JSON; `open` needs no token; `body` is a POST's."""

    method: str
    path: str
    name: str
    summary: str
    answer: Any
    parameters: type[msgspec.Struct] = parameters.NoParameters
    body: type[msgspec.Struct] | None = None
    open: bool = False
    aside: bool = False
    """Whether it reads the store, so in a thread."""


API = "/api/v1"
ROUTES = (
    Route("GET", "/livez", "livez", "200 while the program answers", "text/plain", open=True),
    Route("GET", "/readyz", "readyz", "200 while all parts work, else 503; `?verbose` names them", "text/plain", open=True),
    Route("GET", "/healthz", "healthz", "As readyz, in a word", "text/plain", open=True),
    Route("GET", "/metrics", "metrics_text", "Prometheus text 0.0.4: this host's metrics and Fairlead's own", "text/plain"),
    Route("POST", "/login", "login", "Take a token, set the session's cookie", "text/plain", body=LoginBody, open=True),
    Route("GET", f"{API}/openapi.json", "openapi", "This document", dict[str, Any]),
    Route("GET", f"{API}/verdict", "verdict", "Whether this host is all right, since when and why", Verdict),
    Route("GET", f"{API}/status", "status", "About this program and what it keeps", StatusBody, aside=True),
    Route("GET", f"{API}/metrics", "metrics", "The newest sample of each collector", SampleBody),
    Route(
        "GET",
        f"{API}/series",
        "series",
        "Metrics over time; counters as rates a second",
        SeriesRange,
        parameters.SeriesParameters,
        aside=True,
    ),
    Route("GET", f"{API}/logs", "logs", "Log lines, newest page first", LogsBody, parameters.LogsParameters, aside=True),
    Route("GET", f"{API}/logs/histogram", "histogram", "Log lines over time", HistogramBody, parameters.HistogramParameters, aside=True),
    Route("GET", f"{API}/logs/context", "context", "The lines around a line", RecordsBody, parameters.ContextParameters, aside=True),
    Route("GET", f"{API}/logs/files", "files", "The sources of log lines", FilesBody, aside=True),
    Route(
        "GET",
        f"{API}/agents",
        "agents",
        "A collector's agents: alive up to 3 intervals after a heartbeat came, late up to 10, then silent; stopped if it said so",
        AgentsBody,
        aside=True,
    ),
    Route("GET", f"{API}/hosts", "hosts", "The hosts of which lines or samples stand", HostsBody, aside=True),
    Route(
        "GET",
        f"{API}/audit",
        "audit",
        "What stands of each source, counted in its lines: as `fairlead audit --json`, page by page; at most ten seconds old",
        AuditBody,
        parameters.AuditParameters,
        aside=True,
    ),
    Route(
        "GET", f"{API}/stream", "stream", "Server-sent events: tick, verdict, logs, ping", "text/event-stream", parameters.StreamParameters
    ),
)
