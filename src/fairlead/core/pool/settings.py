"""How a pool is set up."""

from dataclasses import dataclass
from enum import StrEnum


class OnFull(StrEnum):
    """What happens to a job that the queue has no room for."""

    REJECT = "reject"
    """QueueFull, at once."""
    BLOCK = "block"
    """`submit` waits for room, in order; `try_submit` still raises QueueFull."""
    SHED = "shed"
    """Less urgent jobs are given up for it, the least urgent and newest first; where there are none, QueueFull."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """Bounds and promises of a pool; how they bound waiting is proven in _native/scheduler_pure.py."""

    workers: int = 64
    """Jobs that are under way at once."""
    queue: int = 1024
    """Jobs that wait at most, those between two attempts counted in."""
    queue_bytes: int = 0
    """Sum of their `size_bytes` at most; 0 is no bound."""
    on_full: OnFull = OnFull.BLOCK
    age_s: float = 5.0
    """A job that has waited so long is overdue ..."""
    every: int = 8
    """... and each so many-th grant goes to one that is."""
    quantum: int = 64
    """Cost that a tenant is granted in one go while others wait on its level; the most that a job may cost."""
    stuck_after_s: float = 10.0
    """A job that is told to end and has not after so long is marked stuck, and its worker replaced."""
    most_stuck: int = 64
    """Workers that are replaced at a time; each stuck job beyond keeps its own."""
    threads: int = 4
    """Threads for jobs that run in one."""
    turn_s: float = 0.00025
    """How long jobs that do not suspend may keep the event loop to themselves."""
