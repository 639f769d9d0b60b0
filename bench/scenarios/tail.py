"""Reading alone: a cached file's lines scanned to nothing, and the whole agent with standard output to /dev/null.

FAIRLEAD_BENCH_LINES sets how many lines (default: 5 million), FAIRLEAD_BENCH_ROUNDS how often. `python -m bench.scenarios.tail FILE` is the
contender that scans.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import orjson

from bench import loglines
from bench.harness import Contender, Goal, Section, run_once, spread
from bench.processes import Measured
from bench.program import described, number, run_agent
from fairlead._native.encode import keep_heap
from fairlead.core.clock import SystemClock
from fairlead.core.context import RunContext
from fairlead.core.readiness import Readiness
from fairlead.core.record import Lines, Position
from fairlead.core.telemetry import Telemetry
from fairlead.logs.encode import RAW
from fairlead.logs.encoded import encoding
from fairlead.logs.redact import Redactor
from fairlead.logs.settings import LogInput
from fairlead.logs.tail import FileTail

CHECKED_LINES = 20_000
QUIET_S = 0.5
DEADLINE_S = 120.0
POLL_S = 0.005
KEPT_HEAP_BYTES = 16 << 20
"""As the agent: memory that was let go of stays, so that it need not be zeroed for the next block."""
SCANNED = "the tail alone, lines found and let go"
AGENTS = {"the agent, ECS to /dev/null": "json", "the agent, raw to /dev/null": "raw"}


class Pace(NamedTuple):
    """MB of the file a second, and CPU seconds a million lines; start and end of the process are left out."""

    mb_a_second: float
    cpu_a_million: float


def measure() -> Section:
    """Run the contenders in turn."""
    lines, rounds = int(number("LINES", 5_000_000)), int(number("ROUNDS", 3))
    file = loglines.make_file(lines).absolute()
    size_mb = lines * loglines.LINE_BYTES / 1e6
    scan = Contender(SCANNED, [sys.executable, "-m", __name__, str(file)])
    paces: dict[str, list[Pace]] = {name: [] for name in (SCANNED, *AGENTS)}
    for output in AGENTS.values():
        check_agent(output)
    run_once(scan)
    for _ in range(rounds):
        run = run_once(scan)
        if run.answer != lines:
            raise SystemExit(f"{run.answer} lines were found in a file of {lines}")
        paces[SCANNED].append(Pace(size_mb / run.seconds, run.seconds / lines * 1e6))
        for name, output in AGENTS.items():
            paces[name].append(read_to_nothing(file, output))
    scanned, ecs = (statistics.median(pace.mb_a_second for pace in paces[name]) for name in (SCANNED, next(iter(AGENTS))))
    return Section(
        "tail",
        f"reading alone, {loglines.LINE_BYTES}-byte lines",
        _notes(lines, rounds),
        ("contender", "MB/s", "CPU s a million lines"),
        [
            (name, spread([pace.mb_a_second for pace in found], "{:.0f}"), spread([pace.cpu_a_million for pace in found]))
            for name, found in paces.items()
        ],
        (
            Goal("scanned to nothing: at least 2 GB/s a core", scanned / 1000, 2.0, False),
            Goal("the agent, ECS to /dev/null: at least 400 MB/s", ecs, 400.0, False),
        ),
    )


def _notes(lines: int, rounds: int) -> str:
    return f"""{lines} lines from one file in the page cache, {rounds} rounds in turn. The tail alone reads its blocks and cuts them, on one
thread, timed by the CPU's clock. {described()} The agent is the whole program, timed by the wall's
clock from the first round that it wrote to the last (by the bytes that the kernel counts, /proc/PID/io); its CPU time is that of all
threads meanwhile. What it writes was compared on {CHECKED_LINES} lines. Vector's published ceiling for the same was 220 MB/s.
{loglines.DESCRIBED}"""


def check_agent(output: str) -> None:
    """Compare what the agent writes with the lines of a small file."""
    file = loglines.make_file(CHECKED_LINES).absolute()
    with tempfile.TemporaryDirectory() as name:
        argv, env = run_agent(Path(name), [str(file)], {"stdout": {"format": output}})
        written = Path(name, "written")
        with written.open("wb") as stream, subprocess.Popen(argv, stdout=stream, env={**os.environ, **env}) as agent:
            end = time.monotonic() + DEADLINE_S
            while written.read_bytes().count(b"\n") < CHECKED_LINES and time.monotonic() < end:
                time.sleep(0.05)
            agent.terminate()
        found = written.read_bytes()
    if output == "json":
        found = b"".join(orjson.loads(line)["message"].encode() + b"\n" for line in found.splitlines())
    if found != file.read_bytes():
        raise SystemExit(f"what the agent writes as {output} are not the lines of the file")


def read_to_nothing(file: Path, output: str) -> Pace:
    """Run the agent with its standard output to /dev/null until it has written all of a file."""
    size = file.stat().st_size
    with tempfile.TemporaryDirectory() as name:
        argv, env = run_agent(Path(name), [str(file)], {"stdout": {"format": output}})
        with Measured(["sh", "-c", 'exec "$@" >/dev/null', "sh", *argv], Path(name, "output"), env) as agent:
            first, last = _written(agent, size)
    # The first round is not part of the time, nor of the bytes.
    share = 1 - first.written / last.written
    lines = size / loglines.LINE_BYTES * share
    return Pace(size * share / 1e6 / (last.at_s - first.at_s), (last.cpu_s - first.cpu_s) / lines * 1e6)


class _Look(NamedTuple):
    at_s: float
    cpu_s: float
    written: int


def _written(agent: Measured, size: int) -> tuple[_Look, _Look]:
    """Return when the agent had written its first round, and when it wrote for the last time."""
    first: _Look | None = None
    last = _Look(0.0, 0.0, 0)
    while True:
        usage = agent.usage()
        read, written = _io(agent.pid)
        if written != last.written:
            last = _Look(usage.wall_s, usage.cpu_s, written)
            if first is None and written > 1 << 19:
                first = last
        elif first is not None and read >= size and usage.wall_s - last.at_s > QUIET_S:
            return first, last
        if usage.wall_s > DEADLINE_S:
            raise SystemExit(f"the agent did not end reading within {DEADLINE_S:.0f} s: {agent.told()}")
        time.sleep(POLL_S)


def _io(pid: int) -> tuple[int, int]:
    """Return the bytes that a process has asked the kernel to read and to write."""
    told = dict(re.findall(r"(\w+): (\d+)", Path(f"/proc/{pid}/io").read_text()))
    return int(told["rchar"]), int(told["wchar"])


def main() -> None:
    """Read a file as the tail does, and let the lines go; the seconds are those of the CPU."""
    keep_heap(KEPT_HEAP_BYTES)
    path = Path(sys.argv[1])
    context = RunContext("host", "agent", SystemClock(), Telemetry(), Readiness())
    position = Position("source", str(path), 0)
    builder = encoding(RAW, context)(position, LogInput(paths=[str(path)]), Redactor([]))
    tail = FileTail(os.open(path, os.O_RDONLY), position, builder)
    lines = 0
    begin = time.process_time()
    while not tail.at_end():
        lines += sum(len(one.ends) for one in tail.read(0) if isinstance(one, Lines))
    seconds = time.process_time() - begin
    tail.close()
    print(json.dumps({"seconds": seconds, "answer": lines}))


if __name__ == "__main__":
    main()
