"""A file of lines into Kafka by the whole shipper: Fairlead (raw and ECS) beside rsyslog, syslog-ng and Telegraf, one broker for all.

FAIRLEAD_BENCH_LINES sets how many lines (default: 5 million), FAIRLEAD_BENCH_ROUNDS how often.
"""

import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import orjson
from tests.rig.kafka import Kafka

from bench import loglines
from bench.harness import Goal, Section, spread
from bench.peers import find_peers
from bench.peers.peer import Command, Job
from bench.processes import Measured, Usage, cpu_seconds
from bench.program import agent_command, described, number
from bench.topics import Topics

PARTITIONS = 3
CHECKED_LINES = 20_000
DEADLINE_S = 600.0
OURS = {"fairlead, raw": "raw", "fairlead, ECS": "json"}


class Shipped(NamedTuple):
    """What shipping took: the shipper's own usage, and the broker's CPU seconds."""

    usage: Usage
    broker_cpu_s: float


class Rig(NamedTuple):
    """The broker, and who looks at it."""

    kafka: Kafka
    topics: Topics
    folder: Path

    def ship(self, command: Callable[[Job], Command], file: Path, lines: int, *, check: bool = False) -> Shipped:
        """Run a shipper until a new topic has all lines of a file; `check` compares them, too."""
        topic = self.kafka.new_topic("ship", PARTITIONS)
        beats = self.kafka.create_topic(f"{topic}-beats")
        folder = self.folder / topic
        folder.mkdir()
        argv, env = command(Job(file, self.kafka.address, topic, folder))
        broker_cpu_s = cpu_seconds(self.kafka.pids[0])
        with Measured(argv, folder / "output", env) as shipper:
            usage = shipper.until(lambda: self.topics.count(topic, PARTITIONS) >= lines, f"all lines in {topic}", DEADLINE_S)
            broker_cpu_s = cpu_seconds(self.kafka.pids[0]) - broker_cpu_s
        if (count := self.topics.count(topic, PARTITIONS)) != lines:
            raise SystemExit(f"{argv[0]} put {count} records for {lines} lines")
        if check:
            self._compare(topic, file, argv[0])
        for name in (topic, beats):
            self.kafka.delete_topic(name)
        return Shipped(usage, broker_cpu_s)

    def _compare(self, topic: str, file: Path, name: str) -> None:
        values = [value for _, value in self.topics.records(topic, PARTITIONS)]
        lines = [orjson.loads(value)["message"].encode() if value.startswith(b"{") else value for value in values]
        if sorted(lines) != sorted(file.read_bytes().split(b"\n")[:-1]):
            raise SystemExit(f"{name}: the topic does not hold the lines of the file")


def measure() -> Section:
    """Let each shipper prove itself on a small file, then run all of them in turn."""
    lines, rounds = int(number("LINES", 5_000_000)), int(number("ROUNDS", 3))
    peers, missing = find_peers()
    contenders: dict[str, Callable[[Job], Command]] = {name: partial(agent_command, output=output) for name, output in OURS.items()}
    contenders |= {f"{peer.name} {peer.version}": peer.command for peer in peers}
    small, file = (loglines.make_file(count).absolute() for count in (CHECKED_LINES, lines))
    found: dict[str, list[Shipped]] = {name: [] for name in contenders}
    with tempfile.TemporaryDirectory() as folder, Kafka(Path(folder, "kafka")) as kafka, Topics(kafka.address) as topics:
        rig = Rig(kafka, topics, Path(folder))
        for command in contenders.values():
            rig.ship(command, small, CHECKED_LINES, check=True)
        for _ in range(rounds):
            for name, command in contenders.items():
                found[name].append(rig.ship(command, file, lines))
    remarks = [f"{peer.name}: {peer.remark}." for peer in peers] + [f"{line}." for line in missing]
    return Section(
        "ship",
        "a file into Kafka, the whole shipper",
        _notes(lines, rounds, remarks),
        ("shipper", "CPU s a million lines", "times fairlead raw's", "lines/s", "peak resident MB", "broker's CPU s a million lines"),
        [_row(found, name, lines) for name in found],
        _goals(found, lines),
    )


def _notes(lines: int, rounds: int, remarks: list[str]) -> str:
    return f"""{lines} lines from one file in the page cache, {rounds} rounds in turn after {CHECKED_LINES} lines each whose contents were
compared; one broker, {PARTITIONS} partitions, acks=all, idempotent, lz4; shipper, broker and the look at the topic (20 times a second)
share the CPUs. {described()}
Usage is that of the whole process with its threads, from its start until the topic holds all lines. Peers send the bare line.
Of our memory 37 MB are the program at rest; the rest is a round of 1 MiB with its objects, frames and compressed batches. Rounds of
7/8 MiB took 60 MB as ECS, and 15 to 20 % more CPU time, so they stay as they are.
{loglines.DESCRIBED}
{" ".join(remarks)}"""


def _cpu_a_million(shipped: list[Shipped], lines: int) -> list[float]:
    return [one.usage.cpu_s / lines * 1e6 for one in shipped]


def _row(found: dict[str, list[Shipped]], name: str, lines: int) -> tuple[str, ...]:
    shipped, ours = found[name], found["fairlead, raw"]
    return (
        name,
        spread(_cpu_a_million(shipped, lines)),
        spread([one.usage.cpu_s / raw.usage.cpu_s for one, raw in zip(shipped, ours, strict=True)]),
        spread([lines / one.usage.wall_s for one in shipped], "{:.0f}"),
        spread([one.usage.peak_mb for one in shipped], "{:.0f}"),
        spread([one.broker_cpu_s / lines * 1e6 for one in shipped]),
    )


def _goals(found: dict[str, list[Shipped]], lines: int) -> list[Goal]:
    cpu = {name: statistics.median(_cpu_a_million(shipped, lines)) for name, shipped in found.items()}
    peak_mb = max(one.usage.peak_mb for name in OURS for one in found[name])
    goals = [
        Goal("raw: at most 0.5 CPU s a million lines", cpu["fairlead, raw"], 0.5, True),
        Goal("ECS: at most 0.65 CPU s a million lines", cpu["fairlead, ECS"], 0.65, True),
        Goal("below 60 MB resident at the peak", peak_mb, 60, True),
    ]
    peers = [name for name in found if name not in OURS]
    if peers:
        best = min(peers, key=lambda name: cpu[name])
        goals.append(Goal(f"raw: a sixth of the best peer's CPU time ({best})", cpu[best] / cpu["fairlead, raw"], 6, False))
    return goals
