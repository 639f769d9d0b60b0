"""Who waits for room in a pool's queue, in order."""

import asyncio
from collections import deque

from fairlead._native.scheduler import Scheduler


class Room:
    """The submitters that wait; `wake` is called whenever something left the queue."""

    def __init__(self, queue: Scheduler, limit: int) -> None:
        self._queue, self._limit = queue, limit
        self._waiters: deque[tuple[asyncio.Future[None], int, int]] = deque()

    def __len__(self) -> int:
        return len(self._waiters)

    def place(self, size_bytes: int, first: bool = False, jobs: int = 1) -> "asyncio.Future[None]":
        """Return a future that is done when there may be room for a job of this size; `first` goes before those who wait already.

        One who has many waits for room for so many `jobs`, or until none waits to start, so that it is not woken for each.
        """
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        (self._waiters.appendleft if first else self._waiters.append)((waiter, size_bytes, jobs))
        return waiter

    def wake(self) -> None:
        """Wake as many as there is room for."""
        count = self._limit - len(self._queue) - self._queue.held
        while self._waiters and count > 0:
            _, size_bytes, jobs = self._waiters[0]
            if not self._queue.fits(size_bytes) or (jobs > count and len(self._queue)):
                break
            count -= self._wake_first()

    def wake_all(self) -> None:
        """Wake everyone: there will be no more room."""
        while self._waiters:
            self._wake_first()

    def _wake_first(self) -> bool:
        waiter, _, _ = self._waiters.popleft()
        if waiter.done():
            return False
        waiter.set_result(None)
        return True
