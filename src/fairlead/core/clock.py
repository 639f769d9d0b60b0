"""Time as a parameter: the system's clock, and one that a test moves by hand."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """What a part needs to know of time."""

    def wall_ns(self) -> int:
        """Return nanoseconds since the epoch; may step either way."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never step."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for so many monotonic seconds."""
        ...


class SystemClock:
    """The kernel's clocks."""

    def wall_ns(self) -> int:
        """Return CLOCK_REALTIME in nanoseconds."""
        return time.time_ns()

    def monotonic(self) -> float:
        """Return CLOCK_MONOTONIC in seconds."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait on the event loop's timer."""
        await asyncio.sleep(seconds)
