"""`fairlead metrics`: this host's numbers once, as a stream, or reported over HTTP."""

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import orjson

from fairlead.core import runtime
from fairlead.core.clock import SystemClock
from fairlead.core.errors import UsageError
from fairlead.core.sample import Tick, to_json
from fairlead.core.statedir import host_name
from fairlead.core.telemetry import Telemetry
from fairlead.metrics.collector import Roots
from fairlead.metrics.push import Pusher
from fairlead.metrics.registry import build_collectors
from fairlead.metrics.runner import MetricsRunner
from fairlead.metrics.settings import DEFAULT_INTERVALS, Intervals, parse_intervals
from fairlead.net.prometheus import Exposition

RATE_WINDOW_S = 1.0
_WAITING = 60
"""Ticks that may wait for a slow reader or server; the oldest goes when another comes."""


@click.command("metrics")
@click.option("--json", "as_json", is_flag=True, help="Print one sample as a JSON object.")
@click.option("--prometheus", is_flag=True, help="Print one sample in the Prometheus text format.")
@click.option("--watch", is_flag=True, help="Show the table again each second until Ctrl-C.")
@click.option("--stream", is_flag=True, help="Print a JSON object a tick until Ctrl-C.")
@click.option("--push", "push_url", metavar="URL", help="POST the sample as JSON to URL; with --stream, each tick.")
@click.option("--token-file", metavar="FILE", help="Bearer token for --push.")
@click.option("--ca-file", metavar="FILE", help="Certificates to trust for --push, instead of the host's.")
@click.option("--interval", metavar="KEY=PERIOD,...", default="", help="Periods for --stream, such as cpu=1s,memory=5s.")
@click.option("--only", metavar="KEY,...", default="", help="Sample these collectors only.")
def command(
    as_json: bool,
    prometheus: bool,
    watch: bool,
    stream: bool,
    push_url: str | None,
    token_file: str | None,
    ca_file: str | None,
    interval: str,
    only: str,
) -> int:
    """Print this host's metrics; without an option as a table, after a second in which rates are measured."""
    if sum((as_json, prometheus, watch, stream)) > 1:
        raise UsageError("--json, --prometheus, --watch and --stream exclude each other; give one")
    if push_url and (prometheus or watch):
        raise UsageError("--push sends JSON; give it alone, with --json or with --stream")
    intervals = _intervals(only, parse_intervals(interval))
    roots = Roots()
    if not Path(roots.proc, "stat").exists():
        raise UsageError(f"{roots.proc} is not there; mount it: mount -t proc proc {roots.proc}")
    pusher = Pusher(push_url, token_file or "", ca_file or "", SystemClock()) if push_url else None
    if stream:
        return runtime.run(_stream(intervals, roots, pusher))
    if watch:
        return _watch(list(intervals), roots)
    if not (as_json or prometheus or pusher):
        return _table_once(list(intervals), roots)
    ticks = sample_once(list(intervals), roots)
    if pusher:
        runtime.run(_push_once(pusher, ticks))
    if as_json:
        click.echo(orjson.dumps(to_json(ticks, host_name(), ticks[0].time_ns)))
    elif prometheus:
        click.echo(Exposition().of_ticks(ticks), nl=False)
    return 0


def sample_once(names: Sequence[str], roots: Roots) -> list[Tick]:
    """Sample each of these collectors once, now."""
    collectors = build_collectors(names, roots)
    try:
        now_ns = time.time_ns()
        return [collector.collect(now_ns) for collector in collectors]
    finally:
        for collector in collectors:
            collector.close()


def _intervals(only: str, given: Intervals) -> dict[str, float]:
    wanted = [name.strip() for name in only.split(",") if name.strip()] or list(DEFAULT_INTERVALS)
    for name in wanted:
        if name not in DEFAULT_INTERVALS:
            raise UsageError(f"--only: {name} is not a collector; allowed are {', '.join(DEFAULT_INTERVALS)}")
    return {name: given.get(name, DEFAULT_INTERVALS[name]) for name in wanted}


async def _push_once(pusher: Pusher, ticks: Sequence[Tick]) -> int:
    async with pusher:
        await pusher.push(to_json(ticks, host_name(), ticks[0].time_ns))
    return 0


async def _stream(intervals: dict[str, float], roots: Roots, pusher: Pusher | None) -> int:
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


def _table_once(names: Sequence[str], roots: Roots) -> int:
    from fairlead.metrics import table

    older = sample_once(names, roots)
    time.sleep(RATE_WINDOW_S)
    table.show(older, sample_once(names, roots), sys.stdout)
    return 0


def _watch(names: Sequence[str], roots: Roots) -> int:
    from fairlead.metrics import table

    collectors = build_collectors(names, roots)

    def sample() -> list[Tick]:
        now_ns = time.time_ns()
        return [collector.collect(now_ns) for collector in collectors]

    try:
        _repeat(sample, lambda older, newer: table.show(older, newer, sys.stdout))
    finally:
        for collector in collectors:
            collector.close()
    return 0


def _repeat(sample: Callable[[], list[Tick]], show: Callable[[list[Tick], list[Tick]], None]) -> None:
    """Show the difference of two samples each second, aligned to the second, until Ctrl-C."""
    older = sample()
    while True:
        time.sleep(RATE_WINDOW_S - time.time() % RATE_WINDOW_S)
        newer = sample()
        if sys.stdout.isatty():
            click.clear()
        show(older, newer)
        older = newer
