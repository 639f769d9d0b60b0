"""Kafka is stopped while lines are written and files rotate; when it is back, the backlog must drain beside the fresh lines.

An hour shortened: FAIRLEAD_BENCH_OUTAGE_S sets for how long the broker is away (default: 120 s).
"""

import contextlib
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import orjson
from tests.rig.kafka import Kafka
from tests.support.writers import read_ledgers

from bench.harness import Goal, Section, spread
from bench.processes import Measured
from bench.program import described, number, program, run_agent, run_collector
from bench.scenarios.collector import lines_stored
from bench.topics import Topics

PARTITIONS = 3
WRITERS, RATE = 2, 10_000
ROTATE_LINES, KEEP = 25_000, 10_000
LIVE_S = 10.0
DEADLINE_S = 600.0
FRESH_S = 0.1
POLL_S = 0.1
_KEPT = {"sqlite": {"max_size": "100GiB", "max_age": "3650d"}}


class Look(NamedTuple):
    """At one moment (seconds since the epoch): lines written so far, records that the topic holds."""

    at_s: float
    written: int
    arrived: int

    @property
    def lag(self) -> int:
        """Lines that are written and have not arrived."""
        return self.written - self.arrived


class Outage(NamedTuple):
    """What happened: lines a second before; the looks at the return, at the first records after it, and at the end of the backlog."""

    live_rate: float
    back: Look
    first: Look
    caught_up: Look
    fresh_s: list[float]
    spool_kb: float
    agent_cpu_s: float
    peak_mb: float
    audit: str

    @property
    def drained_a_second(self) -> float:
        """Lines of backlog that went a second, those written meanwhile not counted."""
        return (self.first.lag - self.caught_up.lag) / (self.caught_up.at_s - self.first.at_s)


def measure() -> Section:
    """Run it once."""
    outage_s = number("OUTAGE_S", 120)
    with tempfile.TemporaryDirectory() as name, Kafka(Path(name, "kafka")) as kafka:
        found = run(kafka, Path(name), outage_s)
    rows = (
        ("live rate, lines/s", f"{found.live_rate:.0f}"),
        ("backlog at the first record after the return, lines", str(found.first.lag)),
        ("first record after the return, s", f"{found.first.at_s - found.back.at_s:.1f}"),
        ("backlog gone after that, s", f"{found.caught_up.at_s - found.first.at_s:.1f}"),
        ("backlog drained, lines/s beside the fresh ones", f"{found.drained_a_second:.0f}"),
        ("CPU s of the agent meanwhile", f"{found.agent_cpu_s:.1f}"),
        ("fresh lines of another file, s from write to record", spread(found.fresh_s)),
        ("spool at its fullest, kB", f"{found.spool_kb:.0f}"),
        ("peak resident MB of the agent", f"{found.peak_mb:.0f}"),
        ("`fairlead audit`", found.audit),
    )
    return Section(
        "outage",
        "the broker away, then the backlog",
        _notes(outage_s),
        ("what", "figure"),
        rows,
        (
            Goal("the backlog drains at twice the live rate at least", found.drained_a_second / found.live_rate, 2.0, False),
            Goal("fresh lines of another file arrive within 5 s", max(found.fresh_s), 5.0, True),
            Goal("audit says lost=0 doubled=0 unknown=0", float(found.audit == "lost=0 doubled=0 unknown=0"), 1.0, False),
        ),
    )


def _notes(outage_s: float) -> str:
    return f"""The broker stopped for {outage_s:.0f} s; {WRITERS} writers of {RATE // WRITERS} lines/s each (a write a line, 20 to 200
characters), files rotated by rename every {ROTATE_LINES} lines, ECS with lz4. {described()}
The backlog drains from the first new record on, and counts as gone when less than a second's lines are under way. The other file gets
a line every {FRESH_S} s; those written from the first new record on count. Afterwards a collector stores the topic, and
`fairlead audit` looks at its store."""


def run(kafka: Kafka, folder: Path, outage_s: float) -> Outage:
    """Let the broker go and come back while an agent ships, then ask the collector's store."""
    logs, ledgers, state = folder / "logs", folder / "ledgers", folder / "agent"
    for one in (logs, ledgers, state):
        one.mkdir()
    topic = kafka.new_topic("outage", PARTITIONS)
    sink = {"kafka": {"brokers": [kafka.address], "topic": topic, "compression": "lz4"}}
    argv, env = run_agent(state, [f"{logs}/*.log"], sink, heartbeat={"interval": "1s"})
    writing = [sys.executable, "-m", "tests.support.writers", str(logs), "--ledgers", str(ledgers)]
    rates = ["--writers", str(WRITERS), "--rate", str(RATE / WRITERS), "--rotate-every", str(ROTATE_LINES), "--keep", str(KEEP)]
    with Measured([*writing, *rates], folder / "writers-output") as writers, Measured(argv, state / "output", env) as agent:
        with Topics(kafka.address) as topics:
            live_rate = _live(topics, topic, ledgers)
        kafka.stop()
        spool_bytes = _wait(outage_s, state / "state")
        kafka.restart()
        with Topics(kafka.address) as topics:
            cpu_s = agent.usage().cpu_s
            with _fresh_lines(logs / "fresh.log") as fresh:
                back, first, caught_up = _drain(topics, topic, ledgers)
                usage = agent.usage()
                time.sleep(LIVE_S / 2)
            writers.end()
            lines = sum(ledger.last for ledger in read_ledgers(ledgers)) + len(fresh)
            _await_last(topics, topic, lines)
            if code := agent.end():
                raise SystemExit(f"the agent ended with {code}: {agent.told()}")
            delays = _delays(topics, topic, fresh, first.at_s)
    audit = _audit(kafka, topic, folder / "collector", lines)
    return Outage(live_rate, back, first, caught_up, delays, spool_bytes / 1e3, usage.cpu_s - cpu_s, usage.peak_mb, audit)


def _look(topics: Topics, topic: str, ledgers: Path) -> Look:
    return Look(time.time(), sum(ledger.last for ledger in read_ledgers(ledgers)), topics.count(topic, PARTITIONS))


def _live(topics: Topics, topic: str, ledgers: Path) -> float:
    """Wait until lines flow, and return how many a second."""
    looks = [_look(topics, topic, ledgers)]
    while not looks[0].arrived:
        time.sleep(POLL_S)
        looks[0] = _look(topics, topic, ledgers)
    time.sleep(LIVE_S)
    looks.append(_look(topics, topic, ledgers))
    return (looks[1].arrived - looks[0].arrived) / (looks[1].at_s - looks[0].at_s)


def _wait(seconds: float, state: Path) -> int:
    """Wait, and return the most bytes that the spool had."""
    most, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.5)
        with contextlib.suppress(OSError):
            most = max(most, sum(file.stat().st_size for file in (state / "spool").iterdir()))
    return most


def _drain(topics: Topics, topic: str, ledgers: Path) -> tuple[Look, Look, Look]:
    """Return the look at the return, the one that saw the first new records, and the one that saw the backlog gone."""
    back = now = _look(topics, topic, ledgers)
    first: Look | None = None
    while first is None or now.lag > RATE:
        if now.at_s - back.at_s > DEADLINE_S:
            raise SystemExit(f"the backlog is not gone after {DEADLINE_S:.0f} s: {now.lag} lines are under way")
        time.sleep(POLL_S)
        now = _look(topics, topic, ledgers)
        if first is None and now.arrived > back.arrived:
            first = now
    return back, first, now


@contextlib.contextmanager
def _fresh_lines(file: Path) -> Iterator[dict[str, float]]:
    """Write a line to a new file every FRESH_S; yields when each was written (seconds since the epoch)."""
    written: dict[str, float] = {}
    ended = threading.Event()

    def write() -> None:
        with file.open("w", buffering=1) as stream:
            while not ended.wait(FRESH_S):
                line = f"fresh line {len(written)}"
                written[line] = time.time()
                stream.write(f"{line}\n")

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield written
    finally:
        ended.set()
        thread.join()


def _await_last(topics: Topics, topic: str, lines: int) -> None:
    """Wait until a topic has at least so many records, and nothing but heartbeats is added."""
    end = time.monotonic() + DEADLINE_S
    while topics.count(topic, PARTITIONS) < lines:
        if time.monotonic() > end:
            raise SystemExit(f"of {lines} lines only {topics.count(topic, PARTITIONS)} arrived")
        time.sleep(POLL_S)
    time.sleep(LIVE_S / 2)


def _delays(topics: Topics, topic: str, fresh: dict[str, float], since_s: float) -> list[float]:
    """Return how long each fresh line that was written since a moment took from its write to its record batch."""
    arrived: dict[str, float] = {}
    for at_ms, value in topics.records(topic, PARTITIONS, b'"fresh line '):
        arrived.setdefault(orjson.loads(value)["message"], at_ms / 1000)
    return [arrived[line] - at_s for line, at_s in fresh.items() if at_s >= since_s]


def _audit(kafka: Kafka, topic: str, folder: Path, lines: int) -> str:
    """Store a topic by a collector and return the last line of `fairlead audit`."""
    folder.mkdir()
    argv, env = run_collector(folder, kafka.address, topic, store=_KEPT)
    with Measured(argv, folder / "output", env) as collector:
        collector.until(lambda: lines_stored(folder) >= lines, f"{lines} lines in the store", DEADLINE_S, 0.2)
        time.sleep(1)
    if lines_stored(folder) != lines:
        raise SystemExit(f"{lines_stored(folder)} lines stand for {lines} that were written")
    done = subprocess.run([program(), "audit", "--state-dir", folder / "state"], capture_output=True, text=True, check=False)
    return done.stdout.strip().rpartition("\n")[2]
