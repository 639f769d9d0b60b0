"""The two routes to Kafka: librdkafka fed from C (bench/peers/produce.c), and our own record batches over aiokafka's connections.

FAIRLEAD_BENCH_LINES sets how many lines (default: 5 million), FAIRLEAD_BENCH_ROUNDS how often. `python -m bench.scenarios.routes FILE
BROKERS TOPIC` is our contender.
"""

import asyncio
import statistics
import sys
import tempfile
from array import array
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import uvloop
from tests.rig.kafka import Kafka

from bench import loglines
from bench.harness import Goal, Section, spread
from bench.peers import librdkafka
from bench.peers.peer import Command, Job, PeerMissing
from bench.program import number
from bench.scenarios.ship import CHECKED_LINES, PARTITIONS, Rig, Shipped
from bench.topics import Topics
from fairlead._native import linescan
from fairlead._native.encode import keep_heap
from fairlead.core.record import Lines
from fairlead.net.kafka.connection import KafkaConnection, client_options
from fairlead.net.kafka.producer import Part, Producer

ROUND_BYTES = 1 << 20
KEPT_HEAP_BYTES = 16 << 20
KEY = b"0123456789abcdef0123456789abcdef"
HEADERS = ((b"fairlead-kind", b"log"),)
OURS = "own batches, key and header"
LIBRDKAFKA = {"librdkafka, produce_batch, value alone": "batch", "librdkafka, producev, key and header": "keyed"}


def own_command(job: Job) -> Command:
    """Return our contender."""
    return Command([sys.executable, "-m", __name__, str(job.file), job.brokers, job.topic], {})


def measure() -> Section:
    """Run the contenders in turn."""
    lines, rounds = int(number("LINES", 5_000_000)), int(number("ROUNDS", 3))
    commands: dict[str, Callable[[Job], Command]] = {OURS: own_command}
    missing = ""
    try:
        program = librdkafka.build()
        commands |= {name: partial(librdkafka.command, program, way=way) for name, way in LIBRDKAFKA.items()}
    except PeerMissing as reason:
        missing = f"librdkafka could not be had: {reason}."
    small, file = (loglines.make_file(count).absolute() for count in (CHECKED_LINES, lines))
    found: dict[str, list[Shipped]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as folder, Kafka(Path(folder, "kafka")) as kafka, Topics(kafka.address) as topics:
        rig = Rig(kafka, topics, Path(folder))
        for command in commands.values():
            rig.ship(command, small, CHECKED_LINES, check=True)
        for _ in range(rounds):
            for name, command in commands.items():
                found[name].append(rig.ship(command, file, lines))
    return Section(
        "routes",
        "two routes to Kafka, raw lines",
        _notes(lines, rounds, missing),
        ("route", "CPU s a million lines", "times ours", "lines/s", "broker's CPU s a million lines"),
        [_row(name, shipped, found[OURS], lines) for name, shipped in found.items()],
        _goals(found),
    )


def _notes(lines: int, rounds: int, missing: str) -> str:
    return f"""{lines} lines from one file in the page cache, {rounds} rounds in turn, contents compared on {CHECKED_LINES} lines before;
{PARTITIONS} partitions, acks=all, idempotent, lz4, batches of up to 900 kB, every acknowledgement looked at. Ours reads a round
({ROUND_BYTES >> 20} MiB), scans and produces it, and waits; librdkafka (Debian's, `bench/peers/produce.c`) is fed with a mapped file,
without a copy. Usage is that of the whole process, Python's start included in ours.
{missing}{loglines.DESCRIBED}"""


def _row(name: str, shipped: list[Shipped], ours: list[Shipped], lines: int) -> tuple[str, ...]:
    return (
        name,
        spread([one.usage.cpu_s / lines * 1e6 for one in shipped]),
        spread([one.usage.cpu_s / own.usage.cpu_s for one, own in zip(shipped, ours, strict=True)]),
        spread([lines / one.usage.wall_s for one in shipped], "{:.0f}"),
        spread([one.broker_cpu_s / lines * 1e6 for one in shipped]),
    )


def _goals(found: dict[str, list[Shipped]]) -> list[Goal]:
    """The route that was taken must be the cheaper one for what the agent sends."""
    cpu = {name: statistics.median(one.usage.cpu_s for one in shipped) for name, shipped in found.items()}
    others = [cpu[name] for name in found if name != OURS]
    return [Goal("the route taken costs no more than the other at its cheapest", cpu[OURS] / min(others), 1.0, True)] if others else []


def rounds_of(path: Path) -> Iterator[Lines]:
    """Yield the lines of a file, a round at a time."""
    ends = array("q", bytes(8 * ROUND_BYTES))
    rest = b""
    with path.open("rb", buffering=0) as stream:
        while block := stream.read(ROUND_BYTES):
            data = rest + block
            whole = data.rfind(b"\n") + 1
            data, rest = data[:whole], data[whole:]
            yield Lines(data, ends[: linescan.scan(data, ends)])


async def produce(path: Path, brokers: str, topic: str) -> None:
    """Send a file by our own producer, a round after the other."""
    keep_heap(KEPT_HEAP_BYTES)
    producer = Producer("bench", client_options(KafkaConnection(brokers=[brokers]), "bench"), "lz4")
    for lines in rounds_of(path):
        await producer.send(topic, [Part(KEY, HEADERS, lines, 0, len(lines.ends))])
    # The measuring side reads our usage, then ends us.
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(produce(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
