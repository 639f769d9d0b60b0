"""A server as a process: killed, stopped, frozen and started again. It dies with the test run, however that ends."""

import os
import signal
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

STOP_DEADLINE_S = 30.0
_starter = ThreadPoolExecutor(1, "server starter")
"""The kernel kills a server when the thread that started it ends: that must not be a thread of one test."""


class ServerProcess:
    """One command line; its output is appended to `log`."""

    def __init__(self, argv: Sequence[str], log: Path) -> None:
        self._argv, self._log = list(argv), log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the latest start."""
        assert self._process is not None, "never started"
        return self._process.pid

    @property
    def running(self) -> bool:
        """True between a start and the end; a frozen process runs, too."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it; it must not run already."""
        assert not self.running, f"runs already: {self._argv[0]}"
        self._process = _starter.submit(self._spawn).result()

    def kill(self) -> None:
        """End it as a power cut of the process would, frozen or not."""
        if self.running:
            self._signal(signal.SIGKILL)
        if self._process:
            self._process.wait()

    def stop(self) -> None:
        """End it in order (SIGTERM)."""
        if self.running:
            self._signal(signal.SIGTERM, signal.SIGCONT)
        if self._process:
            self._process.wait(STOP_DEADLINE_S)

    def pause(self) -> None:
        """Freeze it: its connections stay, nobody answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def fail_if_ended(self) -> None:
        """AssertionError with the end of its log when it does not run."""
        assert self.running, f"{self._argv[-2:]} ended: {self._log.read_text(errors='replace')[-4000:]}"

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            argv = ["setpriv", "--pdeathsig", "KILL", *self._argv]
            return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    def _signal(self, *numbers: int) -> None:
        for number in numbers:
            os.kill(self.pid, number)
