"""A whole pipeline in one folder: writers, agents, a topic (or HTTP), a collector; and the proof of what became of each line.

    agent = fleet.begin(4)
    fleet.write(4, epoch=2, rate=500, rotate_every=200)
    agent.end(signal.SIGKILL)
    fleet.start_agent()
    fleet.prove()

`prove` ends the writers, waits until the collector's store holds as many lines as their ledgers say, and asks twice: `fairlead audit`,
and the oracle over all lines that `fairlead logs --json` prints.
"""

import contextlib
import copy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import orjson
import yaml

from fairlead.core.clock import SystemClock
from fairlead.core.errors import StateError
from fairlead.store.settings import StoreSettings
from fairlead.store.sqlite import open_store
from tests.rig.kafka import Kafka
from tests.rig.ports import free_ports
from tests.support import oracle
from tests.support.oracle import Verdict
from tests.support.program import BINARY, Running, Start, fairlead
from tests.support.writers import read_ledgers

HEARTBEAT = "100ms"
AWAY_AFTER = "500ms"
COLLECTOR = "collector"
DYING_WITH_US = ("setpriv", "--pdeathsig", "TERM")
"""Before a command: it ends when the test run is killed."""
STORED_DEADLINE_S = 60.0
_LOOK_S = 0.05
_TOLD_LINES = 15


class Audit(NamedTuple):
    """What `fairlead audit --json` says, and its exit code."""

    lost: int
    doubled: int
    unknown: int
    code: int
    sources: list[dict[str, Any]]


class Writers:
    """A process that writes logs, one file a writer; its options are those of tests/support/writers.py."""

    def __init__(self, folder: Path, count: int, options: Mapping[str, object]) -> None:
        # True is a flag, and has no word of its own.
        words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))[: 2 - (value is True)]]
        argv = [*DYING_WITH_US, sys.executable, "-m", "tests.support.writers", str(folder), "--writers", str(count), *words]
        self._finite = bool(options.get("lines"))
        self.process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)

    def end(self) -> None:
        """Let them write their ledgers and end; those that were given a number of lines write these first."""
        if not self._finite:
            self.process.terminate()
        self.wait()

    def wait(self, deadline_s: float = STORED_DEADLINE_S) -> None:
        """Wait until all have ended by themselves."""
        assert self.process.wait(deadline_s) in (0, -signal.SIGTERM)


class Fleet:
    """Everything in `folder`; use as a context manager. With `kafka` agents deliver to a topic of it, else by HTTP to the collector.

    `brokers` is where agents find the brokers, where that is not where the collector finds them: a proxy's address.
    """

    def __init__(self, folder: Path, start: Start, kafka: Kafka | None = None, *, brokers: str = "", topic: str = "") -> None:
        self.folder, self._start, self.kafka = folder, start, kafka
        self.logs, self.ledgers = folder / "logs", folder / "logs/ledgers"
        self.agent_state, self.collector_state = folder / "agent", folder / COLLECTOR
        self.asked = ["--state-dir", str(self.collector_state)]
        """By which `fairlead logs` and `fairlead audit` find the store."""
        self.topic = topic or (kafka.new_topic(folder.name[:40], partitions=2) if kafka else "")
        self.logs.mkdir()
        self.started: list[Running] = []
        self._writers: list[Writers] = []
        self._port = free_ports(1)[0]
        self.agent_settings: dict[str, Any] = {
            "logs": [{"paths": [f"{self.logs}/*.log"]}],
            "journal": "off",
            "sink": self._sink(brokers),
            "heartbeat": {"interval": HEARTBEAT},
            "spool": {"max_size": "64MiB", "after": AWAY_AFTER},
        }
        """What stands in the agent's file: may be changed before it is started."""
        self.collector_settings: dict[str, Any] = {"source": self._source(), "listen": "127.0.0.1:0"}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for writers in self._writers:
            writers.process.terminate()
            writers.process.wait()
        for running in self.started:
            running.end(signal.SIGKILL)

    def begin(self, count: int) -> Running:
        """Start collector and agent, and let the agent meet the files of so many writers (their epoch 1); return the agent.

        What was rotated away before the agent met its path for the first time is no successor of a known source, and not read.
        """
        self.write(count, lines=10)
        self.start_collector()
        agent = self.start_agent()
        self.wait_stored(self.end_writers())
        return agent

    def write(self, count: int = 1, **options: object) -> Writers:
        """Start writers w0, w1, ... of NAME.log in the logs' folder: `rate`, `lines`, `rotate_every`, `keep`, `epoch` and others."""
        self._writers.append(Writers(self.logs, count, options))
        return self._writers[-1]

    def write_agent_file(self) -> Path:
        """Write the agent's settings and return their file."""
        return _write_yaml(self.folder / "agent.yaml", {"state_dir": str(self.agent_state), **self.agent_settings})

    def start_agent(self, env: Mapping[str, str] | None = None, *, wait: bool = True, before: Sequence[str] = ()) -> Running:
        """Start the agent; `wait` until it says so. `before` are the words of what starts it."""
        return self._run("agent", self.write_agent_file(), env, "started" if wait else "", before)

    @property
    def agent(self) -> Running:
        """The agent that was started last."""
        return next(running for running in reversed(self.started) if not _collects(running))

    @property
    def collector(self) -> Running:
        """The collector that was started last."""
        return next(running for running in reversed(self.started) if _collects(running))

    def start_collector(self, env: Mapping[str, str] | None = None, *, wait: bool = True, name: str = COLLECTOR) -> Running:
        """Start the collector, or another one of its group by another name; its store stays where it was."""
        return self._run("collect", self.write_collector_file(name), env, "fairlead collects" if wait else "")

    def write_collector_file(self, name: str = COLLECTOR) -> Path:
        """Write the settings of a collector and return their file."""
        settings = copy.deepcopy(self.collector_settings)
        if kafka := settings["source"].get("kafka"):
            # A static member: a killed collector's successor gets its partitions at once.
            kafka["instance_id"] = name
        return _write_yaml(self.folder / f"{name}.yaml", {"state_dir": str(self.folder / name), **settings})

    def wait_ended(self, running: Running, deadline_s: float = 40, what: str = "the end") -> int:
        """Wait until a program has ended by itself; return its exit code."""
        try:
            running.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"process {running.process.pid}: waited {deadline_s} s for {what}\n{self.report()}") from None
        return running.end()

    def spooled(self) -> int:
        """Return how many bytes the segments of the agent's spool have."""
        return sum(_size(file) for file in (self.agent_state / "spool").glob("*.seg"))

    def written(self) -> int:
        """Return how many lines the ledgers know; while writers run these are a moment behind."""
        return sum(ledger.last for ledger in read_ledgers(self.ledgers))

    def wait_written(self, count: int, deadline_s: float = STORED_DEADLINE_S) -> None:
        """Wait until the ledgers know of so many lines."""
        self.wait_until(lambda: self.written() >= count, f"{count} written lines", deadline_s)

    def stored(self) -> int:
        """Return how many lines the collector has taken in, repeats left out."""
        try:
            with contextlib.closing(open_store(self.collector_state, StoreSettings(), SystemClock(), read_only=True)) as store:
                return sum(agent.lines for agent in store.ledger())
        except StateError:
            return 0

    def wait_stored(self, count: int, deadline_s: float = STORED_DEADLINE_S) -> None:
        """Wait until so many lines are stored; the error tells what is missing and what the programs said last."""
        self.wait_until(lambda: self.stored() >= count, f"{count} lines in the store", deadline_s)

    def wait_until(self, condition: Callable[[], object], what: str, deadline_s: float = 20) -> None:
        """Wait for a condition; the error tells what the programs said last."""
        end = time.monotonic() + deadline_s
        while not condition():
            assert time.monotonic() < end, f"waited {deadline_s} s for {what}\n{self.report()}"
            threading.Event().wait(_LOOK_S)

    def end_writers(self) -> int:
        """End the writers, or wait for those that have a number of lines; return how many lines they wrote in all."""
        for writers in self._writers:
            writers.end()
        return self.written()

    def verdict(self) -> Verdict:
        """Ask the oracle about all lines of the store."""
        done = fairlead("logs", "--json", *self.asked)
        assert done.returncode == 0, done.stderr
        texts = (orjson.loads(line)["message"] for line in done.stdout.splitlines())
        return oracle.check(texts, read_ledgers(self.ledgers))

    def audit(self) -> Audit:
        """Ask `fairlead audit`."""
        done = fairlead("audit", "--json", *self.asked)
        assert done.returncode in (0, 1), done.stderr
        told = orjson.loads(done.stdout)
        return Audit(told["lost"], told["doubled"], told["unknown"], done.returncode, told["sources"])

    def wait_audit(self, lost: int = 0, doubled: int = 0, unknown: int = 0, deadline_s: float = 20) -> Audit:
        """Wait until the audit says so: agents' statements come behind their lines."""
        wanted = lost, doubled, unknown
        found = self.audit()
        end = time.monotonic() + deadline_s
        while found[:3] != wanted:
            assert time.monotonic() < end, f"audit {found[:3]}, not {wanted}\n{self.report()}"
            threading.Event().wait(4 * _LOOK_S)
            found = self.audit()
        assert found.code == (1 if any(wanted) else 0)
        return found

    def prove(self, deadline_s: float = STORED_DEADLINE_S) -> Audit:
        """End the writers and show that each line stands once: by the audit, and by the oracle. Returns what the audit says."""
        self.wait_stored(self.end_writers(), deadline_s)
        with ThreadPoolExecutor(1) as beside:
            asked = beside.submit(self.wait_audit)
            verdict = self.verdict()
        assert verdict.clean, f"{verdict}\n{self.report()}"
        found = asked.result()
        assert sum(source["lines"] for source in found.sources) == verdict.lines >= self.written() > 0
        self.fail_for_tracebacks()
        return found

    def fail_for_tracebacks(self) -> None:
        """Fail when a program has told an error that it did not expect."""
        told = [
            "".join(running.err[max(0, place - 2) : place + 40])
            for running in self.started
            for place, text in enumerate(running.err)
            if "Traceback" in text or "never retrieved" in text
        ]
        assert not told, f"{told[0]}\n{self.report()}"

    def report(self) -> str:
        """Return what people want to see when a test fails."""
        parts = [f"written {self.written()}, stored {self.stored()}"]
        with contextlib.suppress(AssertionError, subprocess.SubprocessError):
            parts.append(f"oracle: {self.verdict()}")
            done = fairlead("audit", *self.asked)
            parts.append(
                "\n".join(line for line in done.stdout.splitlines() if "lost=0 doubled=0 unknown=0" not in line or " " not in line)
            )
        for running in self.started[-3:]:
            name = "collector" if _collects(running) else "agent"
            parts.append(f"--- {name} {running.process.pid}, exit code {running.process.poll()}\n{''.join(running.err[-_TOLD_LINES:])}")
        return "\n".join(parts).replace(f"{self.folder}/", "")

    def _sink(self, brokers: str) -> dict[str, Any]:
        if self.kafka is None:
            return {"http": {"url": f"http://127.0.0.1:{self._port}/api/v1/ingest"}}
        return {"kafka": {"brokers": (brokers or self.kafka.address).split(","), "topic": self.topic}}

    def _source(self) -> dict[str, Any]:
        if self.kafka is None:
            return {"http": {"listen": f"127.0.0.1:{self._port}"}}
        return {"kafka": {"brokers": self.kafka.listener("RIG").split(","), "topics": [self.topic], "group": self.topic}}

    def _run(self, command: str, file: Path, env: Mapping[str, str] | None, expected: str, before: Sequence[str] = ()) -> Running:
        running = self._start(command, "-c", str(file), env=env, before=before)
        self.started.append(running)
        if expected:
            running.expect(expected)
            assert running.executable == BINARY or not BINARY
        return running


def _collects(running: Running) -> bool:
    assert isinstance(running.process.args, list)
    return "collect" in running.process.args


def _size(file: Path) -> int:
    """Return the size of a file; 0 where it has just gone."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _write_yaml(file: Path, settings: Mapping[str, Any]) -> Path:
    file.write_text(yaml.safe_dump(dict(settings)))
    return file
