"""When to look for files, and how long to wait for what may still happen to one."""

from fairlead.core.clock import Clock


class Looks:
    """The next look is due at `due_s`, in monotonic seconds.

    A renamed file is watched for `linger_s` after its end: its writer may not have reopened its log yet. What was not written for
    `settle_ns` is no copy in the making any more.
    """

    def __init__(self, clock: Clock, linger_s: float, settle_ns: int) -> None:
        self._clock, self.linger_s, self.settle_ns = clock, linger_s, settle_ns
        self.due_s = 0.0

    @property
    def settled_s(self) -> float:
        """When, in monotonic seconds, what happens now will have settled."""
        return self._clock.monotonic() + self.settle_ns / 1e9

    def now(self) -> None:
        """Look as soon as that is possible."""
        self.due_s = 0.0

    def soon(self) -> None:
        """Look when what is there now will have settled."""
        self.due_s = min(self.due_s, self.settled_s)
