"""Opens the store that a command is about: SQLite in a state directory, or what a collector's configuration names.

What only a cluster needs is loaded only where one is named.
"""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fairlead.core import statedir
from fairlead.core.clock import Clock, SystemClock
from fairlead.core.errors import SinkUnavailable
from fairlead.core.logsetup import Log
from fairlead.store.settings import StoreSettings
from fairlead.store.sqlite import SqliteStore, damage_told, open_store

if TYPE_CHECKING:
    from fairlead.commands.settings import CollectorStoreSettings, CollectSettings
    from fairlead.store.opensearch.settings import OpenSearchSettings
    from fairlead.store.opensearch.store import OpenSearchStore, Poisoned
    from fairlead.store.split import SplitStore

log = Log("store")


@contextlib.contextmanager
def reading(config_file: str | None, state_dir: str | None) -> "Iterator[SqliteStore | OpenSearchStore]":
    """Open the store of `collect -c FILE`, or that of a state directory, and close it again.

    StateError where there is nothing to read, and where it is met damaged as it is read.
    """
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(contextlib.closing(_open_for_reading(config_file, state_dir)))
        if isinstance(store, SqliteStore):
            stack.enter_context(damage_told(store))
        yield store


@contextlib.contextmanager
def reading_embedded(state_dir: str | None) -> Iterator[SqliteStore]:
    """As `reading`, for what only the store in a state directory can do."""
    with contextlib.closing(_open_embedded(state_dir)) as store, damage_told(store):
        yield store


def _open_for_reading(config_file: str | None, state_dir: str | None) -> "SqliteStore | OpenSearchStore":
    settings = _read(config_file) if config_file else None
    if settings is not None and settings.store.opensearch is not None:
        store = _open_cluster(settings.store.opensearch, SystemClock(), _nothing_is_written)
        try:
            store.check()
        except BaseException:
            store.close()
            raise
        return store
    return _open_embedded(state_dir or (settings.state_dir if settings is not None else ""))


def _open_embedded(folder: str | None) -> SqliteStore:
    return open_store(Path(folder) if folder else statedir.default_path(), StoreSettings(), SystemClock(), read_only=True)


def open_for_collecting(
    settings: "CollectorStoreSettings", state: Path, clock: Clock, poisoned: "Poisoned"
) -> "tuple[SqliteStore | SplitStore, SqliteStore | None]":
    """Open a collector's store, and return beside it the store that keeps Kafka's offsets, where one does.

    A cluster that does not answer now is no error: what comes waits for it. One that refuses is.
    """
    embedded = open_store(state, settings.sqlite or StoreSettings(), clock)
    if settings.opensearch is None:
        return embedded, embedded
    from fairlead.store.split import SplitStore

    try:
        cluster = _open_cluster(settings.opensearch, clock, poisoned)
        store = SplitStore(cluster, embedded)
    except BaseException:
        embedded.close()
        raise
    try:
        cluster.prepare()
    except SinkUnavailable as error:
        log.warning("store does not answer yet", error=error)
    except BaseException:
        store.close()
        raise
    return store, None


def _read(file: str) -> "CollectSettings":
    from fairlead.commands.settings import CollectSettings
    from fairlead.core import config

    return config.load(file, CollectSettings)[0]


def _open_cluster(settings: "OpenSearchSettings", clock: Clock, poisoned: "Poisoned") -> "OpenSearchStore":
    from fairlead.store.opensearch.store import OpenSearchStore

    if not settings.encrypted():
        return OpenSearchStore(settings, clock, poisoned)
    from fairlead.net.trust import client_context

    return OpenSearchStore(settings, clock, poisoned, client_context(settings.ca_file))


def _nothing_is_written(_: Sequence[tuple[bytes, str]]) -> None:
    raise AssertionError("a store that is only read")
