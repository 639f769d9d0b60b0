"""What the collector refuses, told in its log, and not more often than it helps."""

from fairlead.core.clock import Clock
from fairlead.core.logsetup import Log

TOLD_EVERY_S = 60.0


class Refusals:
    """Warns of one kind of refusal once a minute at most, with how many there were since."""

    def __init__(self, log: Log, message: str, clock: Clock) -> None:
        self._log, self._message, self._clock = log, message, clock
        self._count = 0
        self._due_s = 0.0

    def add(self, **fields: object) -> None:
        """Count one, and tell it if none was told in the last minute; `fields` are of this one."""
        self._count += 1
        now_s = self._clock.monotonic()
        if now_s >= self._due_s:
            self._log.warning(self._message, **fields, refused=self._count)
            self._count, self._due_s = 0, now_s + TOLD_EVERY_S
