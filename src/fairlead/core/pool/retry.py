"""When to try again: exponential back-off with full jitter.

Of the usual ways to spread retries, drawing the whole delay at random costs a contended server the least work
(Brooker, "Exponential Backoff And Jitter", 2015).
"""

from dataclasses import dataclass, field
from random import Random


@dataclass(frozen=True, slots=True)
class Backoff:
    """At most `attempts` in all; before attempt n + 1 a random part of `base_s` * `factor` ** (n - 1), at most `cap_s`.

    What is none of `retry_on` is not tried again.
    """

    attempts: int
    base_s: float = 0.1
    cap_s: float = 30.0
    factor: float = 2.0
    retry_on: tuple[type[BaseException], ...] = (Exception,)
    source: Random = field(default_factory=Random, compare=False)

    def delay_s(self, attempt: int, error: BaseException) -> float | None:
        """Return how long to wait after attempt number `attempt` (from 1) failed; None where that was the last."""
        if attempt >= self.attempts or not isinstance(error, self.retry_on):
            return None
        # The exponent is bounded, so that a thousandth attempt does not overflow a float.
        ceiling_s = min(self.cap_s, self.base_s * self.factor ** min(attempt - 1, 64))
        return self.source.uniform(0.0, ceiling_s)
