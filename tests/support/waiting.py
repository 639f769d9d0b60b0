"""Waiting for a condition with a deadline: nothing in the tests sleeps to wait."""

import asyncio
import threading
import time
from collections.abc import Callable

DEADLINE_S = 15.0


def wait_until(condition: Callable[[], object], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Return once a condition holds; fail with what was waited for."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"waited {deadline_s} s for {what}"
        threading.Event().wait(0.01)


async def until(condition: Callable[[], object], what: str, deadline_s: float = DEADLINE_S) -> None:
    """As `wait_until`, and the loop goes on meanwhile."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"waited {deadline_s} s for {what}"
        await asyncio.sleep(0.01)
