"""What an agent costs that has little to do: 50,000 files of which none is written, then ten; and 10,000 lines a second from one.

All of it goes to Kafka. FAIRLEAD_BENCH_IDLE_S sets for how long each is watched (default: 60 s), FAIRLEAD_BENCH_FILES how many files.
"""

import resource
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from tests.rig.kafka import Kafka

from bench import loglines
from bench.harness import Goal, Section, spread
from bench.peers.peer import Command, Job
from bench.processes import Measured
from bench.program import agent_command, described, number
from bench.topics import Topics

PARTITIONS = 3
FILES_A_FOLDER = 500
HOT_FILES, HOT_RATE = 10, 100
STEADY_RATE = 10_000
SETTLE_S = 15.0
SLICES = 10
QUIET_S = 15.0
MOST_MB = 150.0


class Rest(NamedTuple):
    """Files whose line arrived; percent of one core, slice by slice; peak resident MB; lines that reached the topic a second."""

    files: int
    percent: list[float]
    peak_mb: float
    lines_a_second: float


class Rig(NamedTuple):
    """The broker, who looks at it, and for how long an agent is watched."""

    kafka: Kafka
    topics: Topics
    folder: Path
    seconds: float

    def run(self, name: str, paths: Path, files: int, rate: float, hot: list[Path]) -> Rest:
        """Watch an agent that follows `files` files of a line each, while `rate` lines a second are appended to those in `hot`."""
        topic = self.kafka.new_topic(name, PARTITIONS)
        self.kafka.create_topic(f"{topic}-beats")
        state = self.folder / topic
        state.mkdir()
        argv, env = agent_command(Job(paths, self.kafka.address, topic, state), "json")
        with ExitStack() as stack:
            agent = stack.enter_context(Measured(argv, state / "output", env))
            came = self._await_files(agent, topic, files)
            if hot:
                writer = Command([sys.executable, "-m", "bench.steady", str(rate), *map(str, hot)], {})
                stack.enter_context(Measured(writer.argv, state / "writer-output"))
            time.sleep(SETTLE_S)
            return self._watch(agent, topic, came)

    def _await_files(self, agent: Measured, topic: str, files: int) -> int:
        """Wait until the line of each file arrived, or no more come. Return how many came."""
        came, since_s = 0, time.monotonic()
        while came < files and time.monotonic() - since_s < QUIET_S:
            time.sleep(0.2)
            agent.usage()
            if (count := self.topics.count(topic, PARTITIONS)) != came:
                came, since_s = count, time.monotonic()
        return came

    def _watch(self, agent: Measured, topic: str, files: int) -> Rest:
        percent = []
        count, begin = self.topics.count(topic, PARTITIONS), agent.usage()
        before = begin
        for _ in range(SLICES):
            time.sleep(self.seconds / SLICES)
            now = agent.usage()
            percent.append(100 * (now.cpu_s - before.cpu_s) / (now.wall_s - before.wall_s))
            before = now
        came = self.topics.count(topic, PARTITIONS) - count
        return Rest(files, percent, before.peak_mb, came / (before.wall_s - begin.wall_s))


def measure() -> Section:
    """Run the three, one after the other."""
    seconds, files = number("IDLE_S", 60), int(number("FILES", 50_000))
    found: dict[str, Rest] = {}
    with tempfile.TemporaryDirectory() as name, Kafka(Path(name, "kafka")) as kafka, Topics(kafka.address) as topics:
        folder = Path(name)
        rig = Rig(kafka, topics, folder, seconds)
        made = make_files(folder / "idle", files)
        pattern = folder / "idle" / "**" / "*.log"
        found[f"{files} files, none written"] = rig.run("idle", pattern, files, 0, [])
        hot_name = f"{files} files, {HOT_FILES} of them get {HOT_RATE} lines/s together"
        found[hot_name] = rig.run("hot", pattern, files, HOT_RATE, made[:: max(1, files // HOT_FILES)][:HOT_FILES])
        (folder / "steady").mkdir()
        steady = folder / "steady" / "app.log"
        steady.write_bytes(next(loglines.chunks(1)))
        found[f"one file, {STEADY_RATE} lines/s"] = rig.run("steady", steady, 1, STEADY_RATE, [steady])
    idle, _, busy = found.values()
    if busy.lines_a_second < 0.98 * STEADY_RATE:
        raise SystemExit(f"only {busy.lines_a_second:.0f} lines a second arrived")
    return Section(
        "idle",
        "an agent with little to do, ECS to Kafka",
        f"{seconds:.0f} s after {SETTLE_S:.0f} s to settle, in {SLICES} parts; user and system time of all threads. {described()}\n"
        f"Files lie {FILES_A_FOLDER} to a folder and have a line each. Lines are written singly, a hundred times a second what is due.\n"
        f"This user may open {resource.getrlimit(resource.RLIMIT_NOFILE)[1]} files; the others are parked.\n"
        f"{loglines.DESCRIBED}",
        ("what", "files read", "percent of one core", "peak resident MB", "lines/s that arrived"),
        [
            (what, str(rest.files), spread(rest.percent), f"{rest.peak_mb:.0f}", f"{rest.lines_a_second:.0f}")
            for what, rest in found.items()
        ],
        (
            Goal(f"all {files} files are read", idle.files, files, False),
            Goal(f"{files} idle files: below 1 % of one core", sum(idle.percent) / SLICES, 1.0, True),
            Goal(f"{files} idle files: below {MOST_MB:.0f} MB resident", idle.peak_mb, MOST_MB, True),
            Goal(f"{STEADY_RATE} lines/s: below 5 % of one core", sum(busy.percent) / SLICES, 5.0, True),
        ),
    )


def make_files(folder: Path, count: int) -> list[Path]:
    """Make files of one line each, no two alike."""
    lines = (line for chunk in loglines.chunks(count) for line in chunk.splitlines(keepends=True))
    files = []
    for i, line in enumerate(lines):
        place = folder / f"{i // FILES_A_FOLDER:03}"
        if i % FILES_A_FOLDER == 0:
            place.mkdir(parents=True)
        files.append(place / f"{i:05}.log")
        files[-1].write_bytes(line)
    return files
