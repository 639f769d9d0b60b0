"""What a pool keeps of a job beside the kernel's `Job`, and the names of its states."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from fairlead.core.pool.retry import Backoff

Work = Callable[[], Coroutine[Any, Any, Any]]
"""Makes the coroutine of one attempt."""


class Timer(Protocol):
    """What a timer can be told."""

    def cancel(self) -> None:
        """Do not call."""
        ...


Later = Callable[[float, Callable[[], None]], Timer]
"""Calls a function after so many seconds: an event loop's `call_later`, or a test's own."""


class State(StrEnum):
    """Where a job is; the last three are final.

    A job that failed waits as retryable for its next attempt, and is discarded when it has no more, or was given up for a more urgent one.
    """

    AVAILABLE = "available"
    RUNNING = "running"
    RETRYABLE = "retryable"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    DISCARDED = "discarded"


@dataclass(slots=True)
class Plan:
    """How a job is to be run, and how far that is."""

    timeout_s: float | None = None
    backoff: Backoff | None = None
    attempt: int = 1
    timed_out: bool = False
    timer: Timer | None = None
    """Runs out with the attempt's time or, while the job is retryable, with the delay."""

    def stop_timer(self) -> None:
        """Stop the timer, if one runs."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
