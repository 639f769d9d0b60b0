"""`fairlead metrics`: this host's numbers once, as a stream, or reported over HTTP."""

import sys
import time
from collections.abc import Callable, Sequence

import click
import orjson

from fairlead.core.errors import UsageError
from fairlead.core.sample import Tick, to_json
from fairlead.core.statedir import host_name
from fairlead.metrics.collector import Roots
from fairlead.metrics.registry import build_collectors
from fairlead.metrics.settings import DEFAULT_INTERVALS, Intervals, parse_intervals
from fairlead.net.prometheus import Exposition

RATE_WINDOW_S = 1.0


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
    if problem := roots.problem():
        raise UsageError(problem)
    if stream or push_url:
        return _report(intervals, roots, push_url, token_file or "", ca_file or "", stream=stream, echo=as_json)
    if watch:
        return _watch(list(intervals), roots)
    if not (as_json or prometheus):
        return _table_once(list(intervals), roots)
    ticks = sample_once(list(intervals), roots)
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


def _report(
    intervals: dict[str, float], roots: Roots, push_url: str | None, token_file: str, ca_file: str, *, stream: bool, echo: bool
) -> int:
    """Stream ticks to stdout or to a server, or post one sample; what this needs (event loop, HTTP) is loaded only here."""
    from fairlead.core import runtime
    from fairlead.core.clock import SystemClock
    from fairlead.metrics import stream as streaming
    from fairlead.metrics.push import Pusher

    pusher = Pusher(push_url, token_file, ca_file, SystemClock()) if push_url else None
    if stream:
        return runtime.run(streaming.stream(intervals, roots, pusher))
    assert pusher is not None, "one of both is asked for"
    ticks = sample_once(list(intervals), roots)
    runtime.run(streaming.push_once(pusher, ticks))
    if echo:
        click.echo(orjson.dumps(to_json(ticks, host_name(), ticks[0].time_ns)))
    return 0


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
