"""Every kind of the one file that is built: size, start-up and memory; of this machine's processor also the hot paths, static beside glibc.

FAIRLEAD_BENCH_KINDS names the kinds (`linux-x86_64,...`; default: all that are in build/out), FAIRLEAD_BENCH_LINES how many lines are
shipped (default: 2 million), FAIRLEAD_BENCH_ROUNDS how often.
"""

import http.client
import json
import lzma
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.rig.emulation import EmulationError, is_foreign, machine_of, run_foreign
from tests.rig.kafka import Kafka

from bench import loglines
from bench.harness import BINARY, Goal, Section, spread
from bench.peers.peer import Command, Job
from bench.processes import Measured, peak_mb
from bench.program import agent_command, number
from bench.scenarios.at_rest import resident_mb
from bench.scenarios.onefile import answers, in_turn, run_ms, up_ms, write_logs
from bench.scenarios.ship import CHECKED_LINES, Rig
from bench.topics import Topics

OUT = BINARY.parent
GLIBC, STATIC = f"linux-{os.uname().machine}", f"linux-{os.uname().machine}-static"
STARTS = {"`--version`, ms": ("--version",), "`--help`, ms": ("--help",), "`metrics --json`, ms": ("metrics", "--json")}
UP = "`up` until its page answers, ms"
PORT = 19324
START_ROUNDS, UP_ROUNDS, MEMORY_ROUNDS = 15, 9, 3
REST_S = 10.0
ANSWER_S = 180.0
"""Under emulation a start takes seconds."""
TICK_KEYS = ("cpu", "memory", "disk", "network", "load", "pressure", "vmstat", "sockstat", "netstat", "kernel")
TICKS_S, PAGE_REQUESTS, POOL_JOBS = 8.0, 4000, 1_000_000
NOT_MEASURED = "under emulation, not measured"
MOST_TIMES_GLIBC = 1.1
NOTES = f"""Starts: {START_ROUNDS} rounds in turn after a warm-up ({UP_ROUNDS} for `up`), wall time from spawn to end.
Memory: {MEMORY_ROUNDS} starts of `up` on an empty state directory; the peak is VmHWM once the page answers,
the other is VmRSS {REST_S:.0f} s later. xz is `xz -6`.
Files for other processors run under qemu-user, to show that they run: their times say nothing, and their memory holds the emulator's, too.
Hot paths, round by round in turn, are CPU times of the whole process: shipping is `agent` (ECS, lz4) into one Kafka broker; a tick is one
of `metrics --stream`, {len(TICK_KEYS)} collectors each 100 ms for {TICKS_S:.0f} s; the page is GET / of `up`, {PAGE_REQUESTS} requests on
one connection; the pool is `bench work pool noop`, {POOL_JOBS} jobs, by its own clock.
The last column is static over glibc, pair by pair."""


class Kind(NamedTuple):
    """A built file; `hindrance` says why it does not run here, empty where it does."""

    name: str
    file: Path
    foreign: bool
    hindrance: str


class Figure(NamedTuple):
    """One row: a cell of each kind that has one, and the ratios of the static kind to the glibc kind, pair by pair."""

    text: str
    cells: dict[str, str]
    ratios: Sequence[float] = ()

    def row(self, kinds: Sequence[Kind]) -> tuple[str, ...]:
        """Return the row of RESULTS.md."""
        return (self.text, *(self.cells.get(kind.name, "") for kind in kinds), spread(self.ratios) if self.ratios else "")


def measure() -> Section:
    """Measure what is built."""
    kinds = find_kinds()
    native = [kind for kind in kinds if not kind.foreign]
    built = {kind.name: kind.file.stat().st_ino for kind in kinds}
    figures = [*sizes(kinds), *starts(kinds, native), *memory(kinds), *hot_paths(native)]
    if changed := [kind.name for kind in kinds if kind.file.stat().st_ino != built[kind.name]]:
        raise SystemExit(f"{', '.join(changed)} was built anew meanwhile; measure again")
    lines, rounds = int(number("LINES", 2_000_000)), int(number("ROUNDS", 3))
    commits = {kind.name: commit_of(kind) for kind in kinds}
    notes = [NOTES, f"{lines} lines, {rounds} rounds of each hot path. {built_from(commits)}"]
    notes += [f"{kind.name} was not run: {kind.hindrance}." for kind in kinds if kind.hindrance]
    return Section(
        "kinds",
        "each kind of the one file",
        "\n".join(notes),
        ("figure", *(kind.name for kind in kinds), "static, times glibc's"),
        [figure.row(kinds) for figure in figures],
        [
            Goal(
                f"{figure.text}: static at most {MOST_TIMES_GLIBC} times glibc's", statistics.median(figure.ratios), MOST_TIMES_GLIBC, True
            )
            for figure in figures
            if figure.ratios
        ],
    )


def find_kinds() -> list[Kind]:
    """Return the kinds that are built, in the order of the build's own list."""
    sys.path.insert(0, "build")
    from onefile.target import KINDS

    wanted = [name for name in os.environ.get("FAIRLEAD_BENCH_KINDS", "").split(",") if name]
    files = {kind.name: (OUT / f"fairlead-{kind.name}").absolute() for kind in KINDS if not wanted or kind.name in wanted}
    found = [described(name, file) for name, file in files.items() if file.exists()]
    if not found or (wanted and len(found) < len(wanted)):
        raise SystemExit(f"not all of {', '.join(wanted) or 'the kinds'} are in {OUT}; run `build/dev release`")
    return found


def described(name: str, file: Path) -> Kind:
    """Return a kind, ready to run where it can be."""
    foreign, hindrance = is_foreign(file), ""
    if foreign:
        try:
            run_foreign(machine_of(file))
        except (EmulationError, OSError) as error:
            hindrance = str(error)
    return Kind(name, file, foreign, hindrance)


def commit_of(kind: Kind) -> str:
    """Return the commit that a file was built from."""
    from onefile.sbom import build_info

    return str(build_info(kind.file)["commit"])


def built_from(commits: dict[str, str]) -> str:
    """Return the commit of the files, or of each where they differ."""
    if len(set(commits.values())) == 1:
        return f"The files are of commit {next(iter(commits.values()))}."
    return f"The files are of different commits: {', '.join(f'{name} of {commit}' for name, commit in commits.items())}."


def sizes(kinds: Sequence[Kind]) -> Iterator[Figure]:
    """Yield what the files weigh, as they are and compressed."""
    yield Figure("size, MB", {kind.name: f"{kind.file.stat().st_size / 1e6:.1f}" for kind in kinds})
    yield Figure("as xz, MB", {kind.name: f"{len(lzma.compress(kind.file.read_bytes(), preset=6)) / 1e6:.1f}" for kind in kinds})


def starts(kinds: Sequence[Kind], native: Sequence[Kind]) -> Iterator[Figure]:
    """Yield start-up times; a foreign file is started once, and must end with 0."""
    emulated = {kind.name: (kind.hindrance and "not run") or NOT_MEASURED for kind in kinds if kind.foreign}
    for kind in kinds:
        for words in STARTS.values():
            if kind.foreign and not kind.hindrance:
                subprocess.run([kind.file, *words], check=True, stdout=subprocess.DEVNULL)
    for text, words in STARTS.items():
        taken = in_turn({kind.name: start_of(kind, words) for kind in native}, START_ROUNDS)
        yield compared(text, taken.ms, "{:.1f}", emulated)
    with tempfile.TemporaryDirectory() as folder:
        write_logs(Path(folder))
        taken = in_turn({kind.name: up_of(kind, f"{folder}/logs/*.log") for kind in native}, UP_ROUNDS)
    yield compared(UP, taken.ms, "{:.0f}", emulated)


def start_of(kind: Kind, words: Sequence[str]) -> Callable[[], float]:
    """Return what starts a kind once and gives milliseconds."""
    return lambda: run_ms(str(kind.file), *words)


def up_of(kind: Kind, logs: str) -> Callable[[], float]:
    """Return what starts `up` once and gives milliseconds."""
    return lambda: up_ms(str(kind.file), logs)


def memory(kinds: Sequence[Kind]) -> list[Figure]:
    """Return the memory of `up`: at the peak of its start, and at rest."""
    peaks: dict[str, list[float]] = {kind.name: [] for kind in kinds if not kind.hindrance}
    rests: dict[str, list[float]] = {name: [] for name in peaks}
    for _ in range(MEMORY_ROUNDS):
        for kind in kinds:
            if not kind.hindrance:
                with serving(kind) as up:
                    peaks[kind.name].append(peak_mb(up.pid))
                    time.sleep(REST_S)
                    rests[kind.name].append(resident_mb(up.pid))
    emulated = {kind.name for kind in kinds if kind.foreign}
    return [
        Figure(text, {name: spread(mb, "{:.1f}") + (", with the emulator" if name in emulated else "") for name, mb in found.items()})
        for text, found in (("`up` started, peak resident MB", peaks), (f"`up` after {REST_S:.0f} s, resident MB", rests))
    ]


@contextmanager
def serving(kind: Kind) -> Iterator[Measured]:
    """Run `up` on an empty state directory; yields once its page answers."""
    with tempfile.TemporaryDirectory() as folder:
        write_logs(Path(folder))
        words = ["up", "--state-dir", f"{folder}/state", "--listen", f"127.0.0.1:{PORT}", "--logs", f"{folder}/logs/*.log"]
        with Measured([str(kind.file), *words], Path(folder, "output")) as up:
            up.until(lambda: answers(PORT, "/"), "its page answered", ANSWER_S)
            yield up


def hot_paths(native: Sequence[Kind]) -> Iterator[Figure]:
    """Yield CPU times of what runs all day."""
    rounds = int(number("ROUNDS", 3))
    yield shipping(native, rounds)
    works: dict[str, tuple[Callable[[Kind], float], str]] = {
        "metrics, CPU ms a tick": (tick_ms, "{:.2f}"),
        "page, CPU s a thousand requests": (page_s, "{:.3f}"),
        "pool, a million jobs as many, s": (lambda kind: pool_s(kind, "many"), "{:.2f}"),
        "pool, a million jobs each awaited, s": (lambda kind: pool_s(kind, "submit"), "{:.2f}"),
    }
    for text, (work, form) in works.items():
        taken = in_turn({kind.name: bound(work, kind) for kind in native}, rounds)
        yield compared(text, taken.ms, form)


def bound(work: Callable[[Kind], float], kind: Kind) -> Callable[[], float]:
    """Return a work of one kind."""
    return lambda: work(kind)


def shipping(native: Sequence[Kind], rounds: int) -> Figure:
    """Return CPU seconds a million lines into Kafka; each kind first proves itself on a small file."""
    lines = int(number("LINES", 2_000_000))
    small, file = (loglines.make_file(count).absolute() for count in (CHECKED_LINES, lines))
    found: dict[str, list[float]] = {kind.name: [] for kind in native}
    with tempfile.TemporaryDirectory() as folder, Kafka(Path(folder, "kafka")) as kafka, Topics(kafka.address) as topics:
        rig = Rig(kafka, topics, Path(folder))
        for kind in native:
            rig.ship(shipper(kind), small, CHECKED_LINES, check=True)
        for _ in range(rounds):
            for kind in native:
                found[kind.name].append(rig.ship(shipper(kind), file, lines).usage.cpu_s / lines * 1e6)
    return compared("shipping, CPU s a million lines", found, "{:.2f}")


def shipper(kind: Kind) -> Callable[[Job], Command]:
    """Return what ships a job's file by a kind."""

    def command(job: Job) -> Command:
        argv, env = agent_command(job, "json")
        return Command([str(kind.file), *argv[1:]], env)

    return command


def tick_ms(kind: Kind) -> float:
    """Return CPU milliseconds a tick of `metrics --stream`."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "output")
        words = ["metrics", "--stream", "--only", ",".join(TICK_KEYS), "--interval", ",".join(f"{key}=100ms" for key in TICK_KEYS)]
        with Measured([str(kind.file), *words], output) as stream:
            stream.until(lambda: ticks(output) >= 3, "its first ticks", ANSWER_S)
            before = ticks(output), run_s(stream.pid)
            time.sleep(TICKS_S)
            return 1e3 * (run_s(stream.pid) - before[1]) / (ticks(output) - before[0])


def ticks(output: Path) -> int:
    """Return how many objects were printed."""
    return output.read_bytes().count(b"\n")


def page_s(kind: Kind) -> float:
    """Return CPU seconds of `up` a thousand requests of its page, less what it does at rest in the same time."""
    with serving(kind) as up:
        time.sleep(2)  # it has read the logs
        begin, before_s = time.monotonic(), run_s(up.pid)
        time.sleep(2)
        rest = (run_s(up.pid) - before_s) / (time.monotonic() - begin)
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=ANSWER_S)
        begin, before_s = time.monotonic(), run_s(up.pid)
        for _ in range(PAGE_REQUESTS):
            connection.request("GET", "/")
            answer = connection.getresponse()
            if answer.status != 200 or not answer.read():
                raise SystemExit(f"{kind.name}: GET / was answered with {answer.status}")
        took_s = run_s(up.pid) - before_s - rest * (time.monotonic() - begin)
        connection.close()
        return took_s / PAGE_REQUESTS * 1e3


def pool_s(kind: Kind, way: str) -> float:
    """Return the seconds of a pool's work by its own clock."""
    argv = [str(kind.file), "bench", "work", "pool", "noop", way, str(POOL_JOBS), "64"]
    told = json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)
    if told["answer"] != POOL_JOBS:
        raise SystemExit(f"{kind.name}: {told['answer']} of {POOL_JOBS} jobs were done")
    return float(told["seconds"])


def run_s(pid: int) -> float:
    """Return the seconds that the threads of a process were on a CPU, to the nanosecond (/proc/PID/task/TID/schedstat)."""
    return sum(int(file.read_text().split()[0]) for file in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def compared(text: str, found: dict[str, list[float]], form: str, others: dict[str, str] | None = None) -> Figure:
    """Return a row of rounds, with the static kind beside the glibc kind where both were measured."""
    pairs = zip(found.get(STATIC, ()), found.get(GLIBC, ()), strict=False)
    cells = {name: spread(numbers, form) for name, numbers in found.items()}
    return Figure(text, {**cells, **(others or {})}, [static / glibc for static, glibc in pairs])
