"""A collector's web server over a store of its own, for tests that drive a browser."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from fairlead.core.clock import SystemClock
from fairlead.core.telemetry import Telemetry
from fairlead.store.interface import AgentReport, Intake
from fairlead.store.settings import StoreSettings
from fairlead.store.sqlite import SqliteStore, open_store
from fairlead.web.fleet import Fleet
from fairlead.web.sources import WebSources
from tests.support.samples import SECOND_NS, put
from tests.web.background import BackgroundServer
from tests.web.fleets import remote


class Collector(BackgroundServer):
    """A collector with a store of its own."""

    def __init__(self, folder: Path, intake: Intake) -> None:
        self.store: SqliteStore = open_store(folder, StoreSettings(), SystemClock())
        self.store.write(intake)
        super().__init__(
            lambda feed: WebSources(host="collector", store=self.store, feed=feed, fleet=Fleet(self.store, SystemClock(), Telemetry()))
        )

    def tell(self, *reports: AgentReport) -> None:
        """Take heartbeats."""
        self.store.write(Intake(reports=list(reports)))

    def append(self, host: str, offset: int) -> None:
        """Take a line of a host, and tell the streams."""
        new = remote(f"agent-{host}", host, time.time_ns(), [(offset, offset + 10)])
        put(self.store, [new])
        self.loop.call_soon_threadsafe(self.feed.publish, Intake(batches=[new]))


def ago(seconds: float) -> int:
    """Return a time so long ago, in ns."""
    return time.time_ns() - int(seconds * SECOND_NS)


@contextlib.contextmanager
def collecting(folder: Path, intake: Intake) -> Iterator[Collector]:
    """Run one that has taken something in."""
    running = Collector(folder, intake)
    yield running
    running.stop()
    running.store.close()
