"""Kafka -> `fairlead collect` -> OpenSearch: OpenSearch sets the pace, so what counts is the collector's CPU time.

FAIRLEAD_BENCH_INDEXED sets how many lines (default: 200,000), FAIRLEAD_BENCH_ROUNDS how often.
"""

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from tests.rig.kafka import Kafka
from tests.rig.opensearch import OpenSearch

from bench import loglines
from bench.harness import Section, spread
from bench.processes import Measured, Usage, cpu_seconds
from bench.program import described, number, run_collector
from bench.scenarios.collector import preload
from bench.topics import Topics

DEADLINE_S = 600.0


class Indexed(NamedTuple):
    """What the collector took until all lines could be found, OpenSearch's CPU seconds meanwhile, and the size of its index."""

    usage: Usage
    search_cpu_s: float
    index_bytes: int


def measure() -> Section:
    """Preload a topic by an agent, then index it anew in each round."""
    lines, rounds = int(number("INDEXED", 200_000)), int(number("ROUNDS", 3))
    file = loglines.make_file(lines).absolute()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        Path(name, "opensearch").mkdir()
        kafka = stack.enter_context(Kafka(Path(name, "kafka")))
        search = stack.enter_context(OpenSearch(Path(name, "opensearch")))
        with Topics(kafka.address) as topics:
            topic = preload(kafka, topics, file, lines, Path(name))
        found = [collect(kafka, search, topic, lines, Path(name, f"collector-{turn}")) for turn in range(rounds)]
    return Section(
        "opensearch",
        "Kafka into OpenSearch, the whole collector",
        f"{lines} lines of one source, as an agent put them into the topic (ECS, lz4), {rounds} rounds, each into a new index;\n"
        f"broker, OpenSearch and a look at its count (4 times a second) share the CPUs. {described()}\n"
        f"Usage is that of the whole process from its start until a search counts all lines.\n{loglines.DESCRIBED}",
        ("CPU s a million lines", "OpenSearch's own", "lines/s", "bytes of index a line", "peak resident MB"),
        [
            (
                spread([one.usage.cpu_s / lines * 1e6 for one in found]),
                spread([one.search_cpu_s / lines * 1e6 for one in found]),
                spread([lines / one.usage.wall_s for one in found], "{:.0f}"),
                spread([one.index_bytes / lines for one in found], "{:.0f}"),
                spread([one.usage.peak_mb for one in found], "{:.0f}"),
            )
        ],
        (),
    )


def collect(kafka: Kafka, search: OpenSearch, topic: str, lines: int, folder: Path) -> Indexed:
    """Run a collector on a new index until it holds all lines."""
    folder.mkdir()
    store = {"opensearch": {"urls": [search.url], "index": folder.name}}
    argv, env = run_collector(folder, kafka.address, topic, store=store)
    search_cpu_s = cpu_seconds(search.pid)
    with Measured(argv, folder / "output", env) as collector:
        usage = collector.until(lambda: _count(search, folder.name) >= lines, f"{lines} lines in the index", DEADLINE_S, 0.25)
        search_cpu_s = cpu_seconds(search.pid) - search_cpu_s
    if (count := _count(search, folder.name)) != lines:
        raise SystemExit(f"{count} documents stand for {lines} lines")
    size = search.ask("GET", f"/{folder.name}/_stats/store")["_all"]["primaries"]["store"]["size_in_bytes"]
    search.ask("DELETE", f"/{folder.name}*")
    return Indexed(usage, search_cpu_s, size)


def _count(search: OpenSearch, index: str) -> int:
    answer = search.ask("GET", f"/{index}/_count?ignore_unavailable=true")
    return int(answer["count"])
