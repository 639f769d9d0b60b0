"""Kafka -> `fairlead collect` -> SQLite with its index: lines for a second of CPU, bytes on disk, and a search right after the write.

The collector's index is bit-sliced signatures of blocks of lines (store/sqlite/blocks.py), in the lines' own transaction; FTS5 is here
as a contender only. FAIRLEAD_BENCH_COLLECTED sets how many lines (default: 1 million), FAIRLEAD_BENCH_ROUNDS how often.
`python -m bench.scenarios.collector KIND FILE STORE` is a contender that only fills a SQLite file: `rows` alone, or `fts5` with the
library's own index, line by line.
"""

import contextlib
import re
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from tests.rig.kafka import Kafka

from bench import loglines
from bench.harness import Goal, Section, spread
from bench.peers.peer import Job
from bench.processes import Measured
from bench.program import agent_command, described, number, program, run_collector
from bench.topics import Topics

PARTITIONS = 3
DEADLINE_S = 600.0
LINES_A_COMMIT = 20_000
BARE = {"sqlite3, rows alone": "rows", "sqlite3, rows and FTS5 in the same transaction": "fts5"}
NAME = "fairlead collect"
_KEPT = {"sqlite": {"max_size": "100GiB", "max_age": "3650d"}}


class Stored(NamedTuple):
    """What storing took, what it left on disk, and how long `fairlead logs` took to find one line, as a process."""

    cpu_s: float
    wall_s: float
    peak_mb: float
    disk_bytes: int
    search_s: float | None = None


def lines_stored(folder: Path) -> int:
    """Return how many lines the ledgers of a running collector's store count."""
    file = folder / "state" / "store.db"
    if not file.exists():
        return 0
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection, contextlib.suppress(sqlite3.OperationalError):
        return int(connection.execute("SELECT coalesce(sum(lines), 0) FROM source").fetchone()[0])
    return 0


def collect(kafka: Kafka, topic: str, lines: int, folder: Path, wanted: str) -> Stored:
    """Run a collector on an empty store until it holds all lines; then the newest one must be found at once."""
    folder.mkdir()
    argv, env = run_collector(folder, kafka.address, topic, store=_KEPT)
    with Measured(argv, folder / "output", env) as collector:
        usage = collector.until(lambda: lines_stored(folder) >= lines, f"{lines} lines in the store", DEADLINE_S, 0.1)
        begin = time.perf_counter()
        found = subprocess.run([program(), "logs", "--state-dir", folder / "state", wanted], capture_output=True, text=True, check=True)
        search_s = time.perf_counter() - begin
    if len(found.stdout.splitlines()) != 1:
        raise SystemExit(f"`fairlead logs {wanted}` right after the write: {found.stdout}{found.stderr}")
    return Stored(usage.cpu_s, usage.wall_s, usage.peak_mb, _size(folder / "state"), search_s)


def fill(kind: str, file: Path, folder: Path) -> Stored:
    """Run a contender that only fills a SQLite file."""
    folder.mkdir()
    done = folder / "done"
    argv = [sys.executable, "-m", __name__, kind, str(file), str(folder / "store.db"), str(done)]
    with Measured(argv, folder / "output") as process:
        usage = process.until(done.exists, "the store is full", DEADLINE_S)
    return Stored(usage.cpu_s, usage.wall_s, usage.peak_mb, _size(folder))


def measure() -> Section:
    """Preload a topic by an agent, then run the contenders in turn."""
    lines, rounds = int(number("COLLECTED", 1_000_000)), int(number("ROUNDS", 3))
    file = loglines.make_file(lines).absolute()
    wanted = _trace(file)
    found: dict[str, list[Stored]] = {name: [] for name in (NAME, *BARE)}
    with tempfile.TemporaryDirectory() as name, Kafka(Path(name, "kafka")) as kafka, Topics(kafka.address) as topics:
        folder = Path(name)
        topic = preload(kafka, topics, file, lines, folder)
        for turn in range(rounds):
            found[NAME].append(collect(kafka, topic, lines, folder / f"collector-{turn}", wanted))
            for bare, kind in BARE.items():
                found[bare].append(fill(kind, file, folder / f"{kind}-{turn}"))
    return Section(
        "collector",
        "Kafka into SQLite with its index, the whole collector",
        _notes(lines, rounds),
        ("contender", "lines a CPU second", "CPU s a million lines", "lines/s", "bytes on disk a line", "peak resident MB", "search, s"),
        [_row(name, stored, lines) for name, stored in found.items()],
        (
            Goal("150,000 lines a second of CPU time", statistics.median(lines / one.cpu_s for one in found[NAME]) / 1000, 150, False),
            Goal("150,000 lines a second by the clock", statistics.median(lines / one.wall_s for one in found[NAME]) / 1000, 150, False),
        ),
    )


def preload(kafka: Kafka, topics: Topics, file: Path, lines: int, folder: Path) -> str:
    """Fill a new topic with a file's lines by an agent, and return its name."""
    topic = kafka.new_topic("collector", PARTITIONS)
    kafka.create_topic(f"{topic}-beats")
    argv, env = agent_command(Job(file, kafka.address, topic, folder), "json")
    with Measured(argv, folder / "agent-output", env) as agent:
        agent.until(lambda: topics.count(topic, PARTITIONS) >= lines, f"all lines in {topic}", DEADLINE_S)
    return topic


def _notes(lines: int, rounds: int) -> str:
    return f"""{lines} lines of one source, as an agent put them into the topic (ECS, lz4), {rounds} rounds in turn; broker and a look
at the store (10 times a second) share the CPUs. {described()}
Usage is that of the whole process from its start until the store counts all lines; right then `fairlead logs` must find the last line
by its trace id (timed as a process). Its index is bit-sliced signatures of blocks of lines, in the same transaction as the lines. Bytes
are those of the store's files after the end. The others read the file and store time and text, without an index or with SQLite's FTS5,
{LINES_A_COMMIT} lines a transaction, WAL: no Kafka, no JSON, no ledger. Goals in thousands.
{loglines.DESCRIBED}"""


def _row(name: str, stored: list[Stored], lines: int) -> tuple[str, ...]:
    return (
        name,
        spread([lines / one.cpu_s for one in stored], "{:.0f}"),
        spread([one.cpu_s / lines * 1e6 for one in stored]),
        spread([lines / one.wall_s for one in stored], "{:.0f}"),
        spread([one.disk_bytes / lines for one in stored], "{:.0f}"),
        spread([one.peak_mb for one in stored], "{:.0f}"),
        spread([one.search_s for one in stored if one.search_s is not None]) if stored[0].search_s is not None else "",
    )


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("store.db*"))


def _trace(file: Path) -> str:
    with file.open("rb") as stream:
        stream.seek(-loglines.LINE_BYTES, 2)
        match = re.search(r"trace=(\w+)", stream.read().decode())
    assert match is not None
    return match[1]


def main() -> None:
    """Be a contender that only fills a SQLite file."""
    kind, file, store, done = sys.argv[1:]
    connection = sqlite3.connect(store, isolation_level=None)
    connection.executescript(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; CREATE TABLE line (id INTEGER PRIMARY KEY, time, message);"
    )
    if kind == "fts5":
        connection.execute("CREATE VIRTUAL TABLE line_text USING fts5 (message, content = 'line', content_rowid = 'id')")
    at = 0
    with Path(file).open() as stream:
        while lines := [(at + i, line[:27], line[:-1]) for i, line in enumerate(islice(stream, LINES_A_COMMIT), 1)]:
            connection.execute("BEGIN")
            connection.executemany("INSERT INTO line (id, time, message) VALUES (?, ?, ?)", lines)
            if kind == "fts5":
                connection.executemany(
                    "INSERT INTO line_text (rowid, message) VALUES (?, ?)", [(number, text) for number, _, text in lines]
                )
            connection.execute("COMMIT")
            at += len(lines)
    Path(done).touch()
    signal.pause()


if __name__ == "__main__":
    main()
