"""`fairlead metrics --stream` and `--push`: ticks as JSON lines on stdout, or posted to a server."""

import asyncio
import sys
from collections.abc import Sequence

import orjson

from fairlead.core import runtime
from fairlead.core.clock import SystemClock
from fairlead.core.sample import Tick, to_json
from fairlead.core.statedir import host_name
from fairlead.core.telemetry import Telemetry
from fairlead.metrics.collector import Roots
from fairlead.metrics.push import Pusher
from fairlead.metrics.runner import MetricsRunner

_WAITING = 60
"""Ticks that may wait for a slow reader or server; the oldest goes when another comes."""


async def push_once(pusher: Pusher, ticks: Sequence[Tick]) -> int:
    """Post one sample; return 0, or raise as `Pusher.push` does."""
    async with pusher:
        await pusher.push(to_json(ticks, host_name(), ticks[0].time_ns))
    return 0


async def stream(intervals: dict[str, float], roots: Roots, pusher: Pusher | None) -> int:
    """Print each tick as a JSON line, or post it, until a signal ends it; return the exit code."""
    waiting: asyncio.Queue[Sequence[Tick]] = asyncio.Queue(_WAITING)
    telemetry = Telemetry()
    dropped = telemetry.counter("fairlead_push_dropped_ticks_total", "Ticks given up because the reader was too slow.")

    def keep(ticks: Sequence[Tick]) -> None:
        if waiting.full():
            waiting.get_nowait()
            dropped.add()
        waiting.put_nowait(ticks)

    async with runtime.Signals() as signals:
        runner = MetricsRunner(intervals, roots, SystemClock(), telemetry, keep)
        tasks = [asyncio.create_task(runner.run()), asyncio.create_task(_deliver(waiting, pusher))]
        stopped = asyncio.create_task(signals.stopped())
        try:
            await asyncio.wait([*tasks, stopped], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*tasks, stopped):
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            runner.close()
    for result in results:
        if isinstance(result, Exception):
            raise result
    return signals.exit_code


async def _deliver(waiting: "asyncio.Queue[Sequence[Tick]]", pusher: Pusher | None) -> None:
    host = host_name()
    if pusher is None:
        while True:
            ticks = await waiting.get()
            await asyncio.to_thread(_print_line, orjson.dumps(to_json(ticks, host, ticks[0].time_ns)))
    async with pusher:
        while True:
            ticks = await waiting.get()
            await pusher.push(to_json(ticks, host, ticks[0].time_ns))


def _print_line(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()
