"""A program under measurement: its CPU time with all threads and children, and the most memory it ever had resident."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

_TICKS = os.sysconf("SC_CLK_TCK")
_END_S = 60.0


class Usage(NamedTuple):
    """What a process took since it was started: seconds of wall clock, of user and system time; peak resident MB (VmHWM)."""

    wall_s: float
    cpu_s: float
    peak_mb: float


class Measured:
    """One command, started at once and ended with the block; its output is kept in `log`."""

    def __init__(self, argv: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> None:
        self.log = log
        self._argv = list(argv)
        with log.open("wb") as stream:
            self._begin = time.perf_counter()
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env={**os.environ, **(env or {})}
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.end()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def usage(self) -> Usage:
        """Return what it took so far."""
        wall_s = time.perf_counter() - self._begin
        return Usage(wall_s, cpu_seconds(self.pid), peak_mb(self.pid))

    def until(self, condition: Callable[[], bool], what: str, deadline_s: float, poll_s: float = 0.05) -> Usage:
        """Wait for a condition and return what the process took until then; its end or the deadline fails."""
        while not condition():
            if self._process.poll() is not None:
                raise SystemExit(f"{self._argv[0]} ended with {self._process.returncode} before {what}: {self.told()}")
            if time.perf_counter() - self._begin > deadline_s:
                raise SystemExit(f"{self._argv[0]}: not {what} within {deadline_s:.0f} s: {self.told()}")
            time.sleep(poll_s)
        return self.usage()

    def told(self) -> str:
        """Return the end of its output."""
        return self.log.read_text(errors="replace")[-2000:]

    def end(self) -> int:
        """Send SIGTERM, wait, and return the exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process with all its threads, of its ended children, and of those that live."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = sum(int(field) for field in fields[11:15]) / _TICKS
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own + sum(cpu_seconds(int(child)) for child in children)


def peak_mb(pid: int) -> float:
    """Return VmHWM of a process and of those of its children that live; the memory of a program begins anew with exec."""
    match = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return (int(match[1]) / 1024 if match else 0.0) + sum(peak_mb(int(child)) for child in children)
