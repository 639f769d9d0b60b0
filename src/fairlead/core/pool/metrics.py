"""A pool's numbers among the program's own (`fairlead_pool_*`), each with the label `pool`."""

from collections.abc import Iterator

from fairlead._native.scheduler import Histogram
from fairlead.core.pool.job import State
from fairlead.core.pool.pool import Pool
from fairlead.core.telemetry import Telemetry

_FIRST_BUCKET, _LAST_BUCKET = 10, 36
"""From 1 microsecond to 69 seconds; the kernel's buckets are powers of two of nanoseconds."""


def register(telemetry: Telemetry, pool: Pool, name: str) -> None:
    """Add the pool's metrics, read when they are asked for. Histograms sample one job of 64."""
    runner = pool.runner

    def finished() -> Iterator[tuple[tuple[str, ...], float]]:
        yield (name, State.COMPLETED), runner.completed
        yield (name, State.CANCELLED), runner.cancelled
        yield (name, State.DISCARDED), runner.discarded

    def depths() -> Iterator[tuple[tuple[str, ...], float]]:
        for priority in range(8):
            yield (name, str(priority)), runner.queue.depth(priority)

    def rejected() -> Iterator[tuple[tuple[str, ...], float]]:
        for reason, count in pool.rejected.items():
            yield (name, reason), count

    telemetry.gauges("fairlead_pool_queued", "Jobs that wait to start.", ("pool", "priority"), depths)
    telemetry.gauges("fairlead_pool_retryable", "Jobs that wait for their next attempt.", ("pool",), lambda: _one(name, runner.queue.held))
    telemetry.gauges("fairlead_pool_in_flight", "Jobs that run.", ("pool",), lambda: _one(name, pool.in_flight))
    telemetry.counters("fairlead_pool_finished_total", "Jobs that ended, by their final state.", ("pool", "state"), finished)
    telemetry.counters("fairlead_pool_rejected_total", "Jobs that were refused or given up, by reason.", ("pool", "reason"), rejected)
    telemetry.counters(
        "fairlead_pool_retries_total", "Attempts beyond a job's first.", ("pool",), lambda: _one(name, pool.attempts.retries)
    )
    telemetry.counters("fairlead_pool_stuck_total", "Jobs that were marked stuck.", ("pool",), lambda: _one(name, pool.attempts.stuck))
    for what, histogram in (("wait", runner.wait), ("run", runner.run)):
        _register_histogram(telemetry, histogram, name, what)


def _register_histogram(telemetry: Telemetry, histogram: Histogram, name: str, what: str) -> None:
    def buckets() -> Iterator[tuple[tuple[str, ...], float]]:
        counts = histogram.counts()
        for bucket in range(_FIRST_BUCKET, _LAST_BUCKET + 1, 2):
            yield (name, f"{2**bucket / 1e9:.6g}"), sum(counts[: bucket + 1])
        yield (name, "+Inf"), histogram.count

    family = f"fairlead_pool_{what}_seconds"
    telemetry.counters(f"{family}_bucket", f"Sampled jobs by the seconds of their {what}, cumulative.", ("pool", "le"), buckets)
    telemetry.counters(f"{family}_sum", f"Seconds of the sampled jobs' {what}.", ("pool",), lambda: _one(name, histogram.sum_s))
    telemetry.counters(f"{family}_count", f"Jobs of which the {what} was sampled.", ("pool",), lambda: _one(name, histogram.count))


def _one(name: str, value: float) -> Iterator[tuple[tuple[str, ...], float]]:
    yield (name,), value
