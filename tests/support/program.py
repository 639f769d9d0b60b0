"""Runs `fairlead` as a process, as its user does."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

import orjson

BINARY = os.path.realpath(os.environ["FAIRLEAD_BINARY"]) if os.environ.get("FAIRLEAD_BINARY") else ""
"""The one file; FAIRLEAD_BINARY is set by `build/dev test e2e`, which runs the tests of commands and of faults against it, too."""
PROGRAM = [BINARY] if BINARY else [sys.executable, "-m", "fairlead"]
INSTALLED = BINARY or f"{sys.executable.rpartition('/')[0]}/fairlead"
"""The program as its user calls it, in one word."""
BYTECODE = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(Path(__file__).parents[2] / "build" / "out" / "bytecode")}
"""From source the program is compiled once, not at each of its hundreds of starts; what is compiled stays out of src."""


def fairlead(*arguments: str, env: Mapping[str, str] | None = None, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, timeout=timeout_s, env=_environment(env), check=False)


def _environment(env: Mapping[str, str] | None) -> dict[str, str]:
    return {**os.environ, **({} if BINARY else BYTECODE), **(env or {})}


class Running:
    """A command that runs until it is told to end; its output is collected as it comes. `before` is what starts it."""

    def __init__(
        self, *arguments: str, env: Mapping[str, str] | None = None, before: Sequence[str] = (), program: Sequence[str] | None = None
    ) -> None:
        argv = [*before, *(PROGRAM if program is None else program), *arguments]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=_environment(env))
        self.out: list[str] = []
        self.err: list[str] = []
        self._threads = [
            threading.Thread(target=self._read, args=pair) for pair in ((self.process.stdout, self.out), (self.process.stderr, self.err))
        ]
        for thread in self._threads:
            thread.start()

    @staticmethod
    def _read(stream: IO[str], into: list[str]) -> None:
        into.extend(iter(stream.readline, ""))

    @property
    def executable(self) -> str:
        """The file that the process runs: the one file, or an interpreter."""
        return os.readlink(f"/proc/{self.process.pid}/exe")

    def expect(self, pattern: str, deadline_s: float = 20) -> re.Match[str]:
        """Wait for a line of output or log."""
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            for line in [*self.out, *self.err]:
                if match := re.search(pattern, line):
                    return match
            if self.process.poll() is not None and not any(thread.is_alive() for thread in self._threads):
                break
            threading.Event().wait(0.02)
        raise AssertionError(f"no {pattern!r} in {self.out + self.err}, exit code {self.process.poll()}")

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(20)
        for thread in self._threads:
            thread.join()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        return code


Start = Callable[..., Running]
"""Starts a command that the end of the test kills, if it still runs."""


def logs(state_dir: Path, *query: str) -> list[dict[str, object]]:
    """Return what `fairlead logs --json` prints."""
    done = fairlead("logs", "--json", "--state-dir", str(state_dir), *query)
    assert done.returncode == 0, done.stderr
    return [orjson.loads(line) for line in done.stdout.splitlines()]
