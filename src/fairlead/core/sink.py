"""The seams behind which records and samples leave."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from fairlead.core.record import Batch

Kind = Literal["heartbeat", "metric"]
"""What travels beside log records; `fairlead-kind` in Kafka, `Fairlead-Kind` over HTTP."""


class Keyed(NamedTuple):
    """A JSON object, and the key whose order it keeps."""

    key: str
    body: bytes


class BatchSink(Protocol):
    """Takes batches; `send` returns once they are durable on the other side, with their positions where it keeps those.

    Errors: SinkUnavailable (keep them and try again), SinkRejected (never; dead letter). One call runs at a time.
    """

    name: str

    async def send(self, batches: Sequence[Batch]) -> None:
        """Deliver log batches; called again with the same object after an error, it goes on behind what was taken."""
        ...

    async def reopen(self) -> None:
        """Open files anew (SIGHUP after a rotation)."""
        ...


class Sink(BatchSink, Protocol):
    """An agent's sink."""

    async def start(self) -> None:
        """Open what is to be opened; a wrong setting raises UsageError."""
        ...

    async def send_records(self, kind: Kind, records: Sequence[Keyed]) -> None:
        """Deliver samples or heartbeats; errors as of `send`."""
        ...

    async def close(self) -> None:
        """Let go of everything; what was acknowledged stays delivered."""
        ...
