"""What a worker pool tells those who give it work.

FairleadError
+-- QueueFull     the queue has no room, or the job was given up for a more urgent one
+-- PoolClosed    the pool takes nothing more
+-- JobCancelled  the job was cancelled, by whoever had a right to
+-- JobTimedOut   an attempt took longer than it was allowed to
"""

from fairlead.core.errors import FairleadError


class QueueFull(FairleadError):
    """The queue has no room for a job of `size_bytes`; depths and limits are those of that moment, a limit of 0 bytes is none."""

    def __init__(self, what: str, depth: int, limit: int, depth_bytes: int, limit_bytes: int, size_bytes: int) -> None:
        of_bytes = f", {depth_bytes} of {limit_bytes} bytes and this one has {size_bytes}" if limit_bytes else ""
        super().__init__(f"{what}: {depth} of {limit} jobs wait{of_bytes}; try again later, or let the queue be longer")
        self.depth, self.limit = depth, limit
        self.depth_bytes, self.limit_bytes, self.size_bytes = depth_bytes, limit_bytes, size_bytes


class PoolClosed(FairleadError):
    """The pool is drained or being drained."""


class JobCancelled(FairleadError):
    """The job was cancelled before it was done."""


class JobTimedOut(FairleadError):
    """An attempt was not done in its time."""
