"""`_bulk`: many documents in a request of bounded size, and what became of each.

Created (2xx) and there already (409) are both good: what comes again changes nothing. A document that the index cannot take (400) is
for the caller; what could not be done now (429, 5xx and all else) is SinkUnavailable, once the others of its request are in.
"""

from collections.abc import Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from fairlead.core.errors import SinkUnavailable
from fairlead.store.opensearch.client import Client, Refused

BODY_BYTES = 5 << 20
"""More in one request is no faster, and proxies before managed clusters take 10 MiB."""
_FILTER = "filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason"
_TOO_LARGE, _CONFLICT, _MALFORMED = 413, 409, 400
_CLOSED = "index_closed_exception"
"""The one answer of 400 that says nothing of the document."""

T = TypeVar("T")


class Malformed(NamedTuple, Generic[T]):
    """What the index cannot take, and why."""

    what: T
    reason: str


class Bulk(Generic[T]):
    """Collects documents, each with what it is of, and sends them when they are many; `flush` sends the rest."""

    def __init__(self, client: Client, index: str) -> None:
        self._client, self._path = client, f"/{index}/_bulk?{_FILTER}"
        self._parts: list[bytes] = []
        self._of: list[T] = []
        self._size = 0
        self.there: list[T] = []
        """What stood already."""
        self.malformed: list[Malformed[T]] = []

    def add(self, document: bytes, of: T) -> None:
        """Take a document: an action and its source, each with its newline."""
        if self._size + len(document) > BODY_BYTES and self._parts:
            self._send(self._parts, self._of)
            self._parts, self._of, self._size = [], [], 0
        self._parts.append(document)
        self._of.append(of)
        self._size += len(document)

    def flush(self) -> None:
        """Send what is left."""
        if self._parts:
            self._send(self._parts, self._of)
            self._parts, self._of, self._size = [], [], 0

    def _send(self, parts: Sequence[bytes], of: Sequence[T]) -> None:
        try:
            answer = self._client.ask("POST", self._path, b"".join(parts))
        except Refused as error:
            if error.status != _TOO_LARGE:
                raise
            self._halve(parts, of, str(error))
            return
        if answer["errors"]:
            self._look_at(answer["items"], of)

    def _look_at(self, items: Sequence[dict[str, Any]], of: Sequence[T]) -> None:
        later = ""
        for item, what in zip(items, of, strict=True):
            [outcome] = item.values()
            status, error = outcome["status"], outcome.get("error", {})
            if status == _CONFLICT:
                self.there.append(what)
            elif status == _MALFORMED and error.get("type") != _CLOSED:
                self.malformed.append(Malformed(what, _reason(error)))
            elif status >= 300:
                later = f"a document was not taken ({status}): {_reason(error)}"
        if later:
            raise SinkUnavailable(later)

    def _halve(self, parts: Sequence[bytes], of: Sequence[T], reason: str) -> None:
        if len(parts) == 1:
            self.malformed.append(Malformed(of[0], reason))
            return
        middle = len(parts) // 2
        self._send(parts[:middle], of[:middle])
        self._send(parts[middle:], of[middle:])


def _reason(error: dict[str, Any]) -> str:
    parts = (error.get("type", ""), error.get("reason", ""), error.get("caused_by", {}).get("reason", ""))
    return " ".join(": ".join(part for part in parts if part).split())[:300]
