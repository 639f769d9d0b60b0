"""What the server shows: handed over by the command, so that features do not know each other. None: not served."""

from collections.abc import Callable

import msgspec

from fairlead.core.sample import Tick
from fairlead.core.verdict import Verdict
from fairlead.store.interface import Store
from fairlead.web.feed import Feed
from fairlead.web.fleet import Fleet


class WebSources(msgspec.Struct, frozen=True):
    """An agent serves its metrics and probes only; `up` serves all of one host; what has a fleet is a collector."""

    host: str
    latest: Callable[[], list[Tick]] | None = None
    store: Store | None = None
    verdict: Callable[[], Verdict] | None = None
    feed: Feed | None = None
    intervals: Callable[[], dict[str, float]] | None = None
    fleet: Fleet | None = None
