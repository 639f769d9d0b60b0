"""The seam behind which records and samples leave the pipeline."""

from collections.abc import Sequence
from typing import Protocol

from fairlead.core.record import Batch
from fairlead.core.sample import Tick


class Sink(Protocol):
    """Takes batches and ticks; each call returns once they are durable on the other side.

    Errors: SinkUnavailable (keep them and try again), SinkRejected (never; dead letter). One call runs at a time.
    """

    name: str

    async def start(self) -> None:
        """Open what is to be opened; a wrong setting raises UsageError."""
        ...

    async def send(self, batches: Sequence[Batch]) -> None:
        """Deliver log batches, and with them their positions where the sink keeps those."""
        ...

    async def send_ticks(self, ticks: Sequence[Tick], host: str) -> None:
        """Deliver metric ticks."""
        ...

    async def reopen(self) -> None:
        """Open files anew (SIGHUP after a rotation)."""
        ...

    async def close(self) -> None:
        """Let go of everything; what was acknowledged stays delivered."""
        ...
