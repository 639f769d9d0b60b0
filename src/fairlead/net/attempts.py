"""How often a wrong token may be tried."""

from collections import deque

from fairlead.core.clock import Clock
from fairlead.net.answers import ApiError

_WRONG_TOKENS = 10
_WINDOW_S = 60.0


class WrongTokens:
    """Counts wrong tokens, whoever sent them; a right one is let in all the same."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._times: deque[float] = deque()

    def count(self) -> None:
        """Count one; ApiError where there were too many in the last minute."""
        now_s = self._clock.monotonic()
        while self._times and self._times[0] < now_s - _WINDOW_S:
            self._times.popleft()
        if len(self._times) >= _WRONG_TOKENS:
            raise ApiError(429, "too many wrong tokens", "header Authorization", "wait a minute", retry_after_s=int(_WINDOW_S))
        self._times.append(now_s)
