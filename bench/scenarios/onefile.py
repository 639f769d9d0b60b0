"""The one file beside a Go tool of the same shape (bench/go/cmd/server) and Debian's node_exporter: start, memory, rest and size."""

import json
import os
import platform
import re
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.harness import BINARY, OUT, Goal, Section, build_go, spread
from bench.program import FROM_SOURCE
from bench.scenarios.at_rest import NODE_EXPORTER, resident_mb
from fairlead.bench.process import measure as measure_process

PACKED = Path("build/out/onefile/linux-x86_64")
ROUNDS = 21
UP_ROUNDS = 15
MEMORY_ROUNDS = 5
REST_ROUNDS = 3
SETTLE_S = 6.0
REST_S = 20.0
GIVE_UP_S = 30.0
POLL_S = 0.0002
PORTS = {"fairlead": 19321, "go": 19322, "node_exporter": 19323}
"""Below the ephemeral range: polling a port of that range may connect to itself and take the port away."""
AGENT_CONFIG = (
    'logs: [{{paths: ["{folder}/logs/*.log"]}}]\njournal: "off"\nmetrics: {metrics}\nsink: {{file: {{path: "{folder}/out.ndjson"}}}}\n'
)
SLEEPS = "epoll_wait,epoll_pwait"
"""Where an event loop sleeps; its worker threads sleep on futexes of the process, which nobody else can wake."""
NOTES = f"""{ROUNDS} rounds in turn after a warm-up ({UP_ROUNDS} for `up`), files in the page cache; wall time from spawn to wait4.
Go is bench/go/cmd/server: standard library only, CGO off, stripped; its `serve` has one page and /metrics, and neither logs nor a store.
`--version` alone is answered by the launcher in C before the interpreter starts; `version` is what starting Python and printing costs.
`up` begins with an empty state directory, and the clock stops when the whole answer (200) is read: GET / of ours and of Go's,
GET /metrics of node_exporter's. Peaks are ru_maxrss by wait4 of a process that a shell forked, since exec keeps the forking
process's peak. The agent: one glob, file sink, {SETTLE_S:.0f} s to settle, {REST_ROUNDS} starts. Wake-ups are voluntary switches of
all threads in {REST_S:.0f} s without metrics; then strace tells the event loop's apart: a timer that ran out, its own worker thread that is
done (eventfd), or anything else. Sizes of native parts are those before the link, unwinding tables included."""


class Taken(NamedTuple):
    """A figure of every contender, round by round, in milliseconds."""

    ms: dict[str, list[float]]

    @property
    def ours(self) -> float:
        """The median."""
        return statistics.median(self.ms["fairlead"])

    def told(self, name: str) -> str:
        """Return the spread of a contender."""
        return spread(self.ms[name], "{:.1f}")

    def row(self, figure: str, *others: str) -> tuple[str, ...]:
        """Return the row of RESULTS.md."""
        ratios = [ours / go for ours, go in zip(self.ms["fairlead"], self.ms.get("go", ()), strict=False)]
        go = (self.told("go"), spread(ratios)) if ratios else ("", "")
        return (figure, self.told("fairlead"), *go, "; ".join(f"{name} {self.told(name)}" for name in others))


def in_turn(contenders: dict[str, Callable[[], float]], rounds: int) -> Taken:
    """Call each once unmeasured, then `rounds` times in turn; a call returns milliseconds."""
    for call in contenders.values():
        call()
    ms: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, call in contenders.items():
            ms[name].append(call())
    return Taken(ms)


def run_ms(*argv: str) -> float:
    """Return the milliseconds of a process from its spawn to its end."""
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    begin = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=quiet)
    _, status, _ = os.wait4(pid, 0)
    took_ms = 1e3 * (time.perf_counter() - begin)
    if status:
        raise SystemExit(f"{' '.join(argv)}: wait status {status}")
    return took_ms


def peak_mb(*argv: str) -> float:
    """Return the peak resident MB of a process."""
    return measure_process(argv, GIVE_UP_S).peak_bytes / (1 << 20)


def answers(port: int, path: str) -> bool:
    """Return whether GET of a path is answered with 200, once all of the answer is read."""
    try:
        with socket.create_connection(("127.0.0.1", port), GIVE_UP_S) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
    except ConnectionError:
        return False
    return answer.startswith(b"HTTP/1.1 200 ")


def answer_ms(argv: Sequence[str], port: int, path: str) -> float:
    """Return the milliseconds from a server's spawn until it answers; then end it."""
    begin = time.perf_counter()
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not answers(port, path):
            if process.poll() is not None or time.perf_counter() - begin > GIVE_UP_S:
                raise SystemExit(f"{' '.join(argv)}: no answer; exit code {process.poll()}")
            time.sleep(POLL_S)
        return 1e3 * (time.perf_counter() - begin)
    finally:
        process.terminate()
        process.wait(GIVE_UP_S)


def built_from(fairlead: str) -> str:
    """Return what the file tells of its origin."""
    told = subprocess.run([fairlead, "version"], capture_output=True, text=True, check=True).stdout
    facts = dict(re.findall(r"^(\w+): +(.*)$", told, re.MULTILINE))
    return f"The file is of commit {facts['commit']}, with Python {facts['python']}; from source it is Python {platform.python_version()}."


def write_logs(folder: Path) -> None:
    """Write three logs of 100 lines into folder/logs."""
    (folder / "logs").mkdir()
    for name in ("a", "b", "c"):
        lines = (f"2026-01-01T00:00:{i % 60:02d}Z INFO request served id={i}\n" for i in range(100))
        (folder / "logs" / f"{name}.log").write_text("".join(lines))


def up_ms(fairlead: str, logs: str) -> float:
    """Return the milliseconds until `up` serves its page, from an empty state directory."""
    port = PORTS["fairlead"]
    with tempfile.TemporaryDirectory() as state:
        return answer_ms([fairlead, "up", "--state-dir", state, "--listen", f"127.0.0.1:{port}", "--logs", logs], port, "/")


def measure_up(fairlead: str, go: str) -> Taken:
    """Start the three servers in turn."""
    exporter = shutil.which(NODE_EXPORTER)
    go_argv = [go, "serve", "--listen", f"127.0.0.1:{PORTS['go']}"]
    with tempfile.TemporaryDirectory() as folder:
        write_logs(Path(folder))
        contenders = {
            "fairlead": lambda: up_ms(fairlead, f"{folder}/logs/*.log"),
            "go": lambda: answer_ms(go_argv, PORTS["go"], "/"),
        }
        if exporter:
            node_argv = [exporter, f"--web.listen-address=127.0.0.1:{PORTS['node_exporter']}"]
            contenders["node_exporter"] = lambda: answer_ms(node_argv, PORTS["node_exporter"], "/metrics")
        return in_turn(contenders, UP_ROUNDS)


class Wakes(NamedTuple):
    """Wake-ups of an agent at rest: voluntary switches a second; returns of its event loop by their cause, in REST_S seconds."""

    per_second: float
    timers: int
    threads: int
    foreign: int


@contextmanager
def agent(fairlead: str, metrics: str) -> Iterator[int]:
    """Run `agent` in a folder of its own; yields its process id once it has settled."""
    with tempfile.TemporaryDirectory() as folder:
        write_logs(Path(folder))
        config = Path(folder, "agent.yaml")
        config.write_text(AGENT_CONFIG.format(folder=folder, metrics=metrics))
        argv = [fairlead, "agent", "--config", str(config), "--state-dir", f"{folder}/state", "--log-level", "error"]
        process = subprocess.Popen(argv)
        try:
            time.sleep(SETTLE_S)
            if not Path(folder, "out.ndjson").stat().st_size:
                raise SystemExit("the agent wrote nothing to its file sink")
            yield process.pid
        finally:
            process.terminate()
            process.wait(GIVE_UP_S)


def agent_resident_mb(fairlead: str) -> float:
    """Return VmRSS of an agent that follows logs and samples CPU and memory."""
    with agent(fairlead, "{cpu: 1s, memory: 5s}") as pid:
        return resident_mb(pid)


def voluntary_switches(pid: int) -> int:
    """Return how often the threads of a process have gone to sleep."""
    texts = [status.read_text() for status in Path(f"/proc/{pid}/task").glob("*/status")]
    return sum(int(match[1]) for text in texts if (match := re.search(r"^voluntary_ctxt_switches:\s+(\d+)", text, re.MULTILINE)))


def agent_wakes(fairlead: str) -> Wakes:
    """Count the wake-ups of an agent without metrics, then trace it as long again to tell their causes."""
    with agent(fairlead, "{}") as pid, tempfile.NamedTemporaryFile("r") as trace:
        before = voluntary_switches(pid)
        time.sleep(REST_S)
        per_second = (voluntary_switches(pid) - before) / REST_S
        descriptors = {int(link.name): os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()}
        own = {number for number, target in descriptors.items() if target == "anon_inode:[eventfd]"}
        tracer = subprocess.Popen(["strace", "-f", "-qq", "-e", f"trace={SLEEPS}", "-e", "signal=none", "-o", trace.name, "-p", str(pid)])
        time.sleep(REST_S)
        tracer.send_signal(signal.SIGINT)
        tracer.wait(GIVE_UP_S)
        causes = [cause_of(line, own) for line in trace.read().splitlines()]
    if "timer" not in causes:
        raise SystemExit("strace saw no timer of the agent")
    return Wakes(per_second, causes.count("timer"), causes.count("thread"), causes.count("foreign"))


def cause_of(line: str, own: set[int]) -> str:
    """Return what ended a sleep: timer, thread (it woke descriptors in `own` only) or foreign; empty for a look without a sleep."""
    match = re.search(r"\d+, (-?\d+)(?:, NULL, \d+)?\) += (-?\d+)", line)
    if match is None:
        return ""
    timeout_ms, ready = int(match[1]), int(match[2])
    if ready == 0:
        return "timer" if timeout_ms else ""
    descriptors = {int(number) for number in re.findall(r"u32=(\d+)", line)}
    return "thread" if descriptors and descriptors <= own else "foreign"


def native_parts() -> dict[str, int]:
    """Return the bytes of native code and data by part, {} where what was linked is not there any more."""
    folders = [Path(folder) for folder in json.loads((PACKED / "plan.json").read_text())["modules"]]
    interpreter = folders[0].parent / "libpython-whole.a"
    objects = [file for folder in folders for file in (folder.parent / "objects").glob("*.o") if "_test" not in file.name]
    if not interpreter.exists() or not shutil.which("size"):
        return {}
    told = subprocess.run(["size", str(interpreter), *map(str, objects)], capture_output=True, text=True, check=True).stdout
    parts: dict[str, int] = {}
    for row in told.splitlines()[1:]:
        text, data, _, _, _, file = row.split(maxsplit=5)
        part = part_of(file)
        parts[part] = parts.get(part, 0) + int(text) + int(data)
    return parts


def part_of(file: str) -> str:
    """Return the part that an object belongs to, as `size` names the object."""
    if "(ex " not in file:
        return Path(file).name.partition(".")[0]
    if re.match(r"lib(crypto|ssl|default|common|legacy)-", file):
        return "OpenSSL"
    return "SQLite" if file.startswith("sqlite3.o") else "CPython and its modules"


def largest(sizes: dict[str, int], count: int) -> str:
    """Return the largest of some sizes in bytes, as MB, and the rest."""
    order = sorted(sizes, key=lambda name: -sizes[name])
    told = [f"{name} {sizes[name] / 1e6:.1f}" for name in order[:count]]
    return ", ".join([*told, f"{len(order) - count} more {sum(sizes[name] for name in order[count:]) / 1e6:.1f}"])


def size_rows(fairlead: str, go: str) -> list[tuple[str, ...]]:
    """Return the file's size, and what its parts weigh."""
    size_mb, go_mb = (Path(file).stat().st_size / 1e6 for file in (fairlead, go))
    exporter = shutil.which(NODE_EXPORTER)
    others = f"node_exporter {Path(exporter).stat().st_size / 1e6:.1f}" if exporter else ""
    archive: dict[str, int] = json.loads((PACKED / "sizes.json").read_text())
    archive_mb = sum(archive.values()) / 1e6
    rows = [
        ("size, MB", f"{size_mb:.1f}", f"{go_mb:.1f}", f"{size_mb / go_mb:.2f}", others),
        ("of it compiled Python and files, MB", f"{archive_mb:.1f}", "", "", largest(archive, 8)),
    ]
    native = native_parts()
    return [
        *rows,
        (
            "of it native code, MB",
            f"{size_mb - archive_mb:.1f}",
            "",
            "",
            largest(native, 6) if native else "its parts are not in the build's cache",
        ),
    ]


def measure() -> Section:
    """Measure start, memory, rest and size."""
    if not BINARY.exists():
        raise SystemExit(f"{BINARY} is not there; run `build/dev binary`")
    build_go()
    measured = BINARY.stat()
    fairlead, go = str(BINARY.resolve()), str((OUT / "server").resolve())
    version = in_turn({"fairlead": lambda: run_ms(fairlead, "--version"), "go": lambda: run_ms(go, "--version")}, ROUNDS)
    peaks_mb = {name: [peak_mb(file, "--version") for _ in range(MEMORY_ROUNDS)] for name, file in (("fairlead", fairlead), ("go", go))}
    usage = in_turn(
        {
            "fairlead": lambda: run_ms(fairlead, "--help"),
            "go": lambda: run_ms(go, "--help"),
            "from source": lambda: run_ms(str(FROM_SOURCE), "--help"),
        },
        ROUNDS,
    )
    started = in_turn({"fairlead": lambda: run_ms(fairlead, "version")}, ROUNDS)
    sample = in_turn({"fairlead": lambda: run_ms(fairlead, "metrics", "--json")}, ROUNDS)
    up = measure_up(fairlead, go)
    resident = [agent_resident_mb(fairlead) for _ in range(REST_ROUNDS)]
    wakes = agent_wakes(fairlead)
    if BINARY.stat().st_ino != measured.st_ino:
        raise SystemExit(f"{BINARY} was built anew meanwhile; measure again")
    causes = f"in {REST_S:.0f} s: {wakes.timers} timers, {wakes.threads} of its worker thread, {wakes.foreign} foreign"
    peak_ratio = statistics.median(peaks_mb["fairlead"]) / statistics.median(peaks_mb["go"])
    rows = [
        version.row("`--version`, ms"),
        ("`--version`, peak resident MB", *(spread(peaks, "{:.1f}") for peaks in peaks_mb.values()), f"{peak_ratio:.2f}", ""),
        usage.row("`--help`, ms", "from source"),
        started.row("`version`, ms"),
        sample.row("`metrics --json`, one sample, ms"),
        up.row("`up` until its page answers, ms", *(name for name in up.ms if name == "node_exporter")),
        ("`agent` at rest, resident MB", spread(resident, "{:.1f}"), "", "", ""),
        ("`agent` at rest, wake-ups a second", f"{wakes.per_second:.1f}", "", "", causes),
        *size_rows(fairlead, go),
    ]
    return Section(
        "onefile",
        "the one file beside a Go tool of the same shape",
        f"{NOTES}\n{built_from(fairlead)}",
        ("figure", "fairlead", "Go", "times Go's", "others"),
        rows,
        (
            Goal("`--version` in at most 6 ms", version.ours, 6, True),
            Goal("`--version` with at most 10 MB resident", statistics.median(peaks_mb["fairlead"]), 10, True),
            Goal("`--help` in at most 30 ms", usage.ours, 30, True),
            Goal("`metrics --json` in at most 40 ms", sample.ours, 40, True),
            Goal("`up` answers within 250 ms", up.ours, 250, True),
            Goal("`agent` at rest with at most 35 MB resident", statistics.median(resident), 35, True),
            Goal("`agent` at rest: no wake-up that is not a timer of its own", wakes.foreign, 0, True),
            Goal("at most 40 MB stripped", Path(fairlead).stat().st_size / 1e6, 40, True),
        ),
    )
