"""Sources by something that few of them share, such as a path: tens of thousands of keys of which nearly each has one."""

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Index(Generic[K]):
    """The sources of each key. One alone is kept as it is: a set for it would be larger than all else that is known of it."""

    __slots__ = ("_sources",)

    def __init__(self) -> None:
        self._sources: dict[K, str | set[str]] = {}

    def __contains__(self, key: object) -> bool:
        return key in self._sources

    def get(self, key: K) -> tuple[str, ...]:
        """Return the sources of a key, in no order; may be called by a thread while another one adds."""
        sources = self._sources.get(key, ())
        return (sources,) if isinstance(sources, str) else tuple(sources)

    def add(self, key: K, source: str) -> None:
        """Add a source to a key."""
        before = self._sources.setdefault(key, source)
        if isinstance(before, set):
            before.add(source)
        elif before != source:
            self._sources[key] = {before, source}

    def discard(self, key: K, source: str) -> None:
        """Take a source from a key, if it is there."""
        before = self._sources.get(key)
        if before == source:
            del self._sources[key]
        elif isinstance(before, set):
            before.discard(source)
            if not before:
                del self._sources[key]
