"""One command as a process: in a session of its own, with as much of its output kept as is wanted, ended with all that it started."""

import asyncio
import os
from asyncio import StreamReader
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence
from typing import Any

from fairlead.core.system import system

GRACE_S = 5.0
_CHUNK_BYTES = 1 << 16


class Kept:
    """The first bytes of a stream; the rest is read and counted, so that who writes does not wait."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._data = bytearray()
        self.left_out = 0

    @property
    def text(self) -> str:
        """What was kept; what is no UTF-8 stands as U+FFFD."""
        return self._data.decode(errors="replace")

    async def read(self, stream: StreamReader) -> None:
        """Read a stream to its end."""
        while chunk := await stream.read(_CHUNK_BYTES):
            kept = chunk[: self._limit - len(self._data)]
            self._data += kept
            self.left_out += len(chunk) - len(kept)


class Attempt:
    """One attempt: what was kept of its output, and its exit code, negative where a signal ended it; None while there is none."""

    def __init__(self, limit: int) -> None:
        self.stdout, self.stderr = Kept(limit), Kept(limit)
        self.code: int | None = None


class Processes:
    """Starts commands and knows those that run."""

    def __init__(self, grace_s: float = GRACE_S) -> None:
        self._grace_s = grace_s
        self._running: set[Process] = set()
        self._hurry = asyncio.Event()

    async def run(self, argv: Sequence[str], env: Mapping[str, str], cwd: str | None, attempt: Attempt) -> None:
        """Run a command to its end and that of its output; what `attempt` holds is right even where this is cancelled.

        OSError where it cannot be started. Cancelled, it sends SIGTERM to the process group, and SIGKILL to what is left of it after
        the grace, or when it is told to hurry.
        """
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env={**os.environ, **env}, cwd=cwd, **system.OF_ITS_OWN
        )
        assert process.stdout is not None
        assert process.stderr is not None
        self._running.add(process)
        ended = asyncio.gather(process.wait(), attempt.stdout.read(process.stdout), attempt.stderr.read(process.stderr))
        try:
            await asyncio.shield(ended)
        except asyncio.CancelledError:
            await self._end(process, ended)
            raise
        finally:
            self._running.discard(process)
            attempt.code = process.returncode

    def kill(self) -> None:
        """Kill all that runs, and give no grace to what is told to end from now on."""
        self._hurry.set()
        for process in self._running:
            system.kill_group(process.pid)

    async def _end(self, process: Process, ended: "asyncio.Future[tuple[int, None, None]]") -> None:
        hurry: asyncio.Task[Any] = asyncio.create_task(self._hurry.wait())
        either: list[asyncio.Future[Any]] = [ended, hurry]
        try:
            system.end_group(process.pid)
            await asyncio.wait(either, timeout=self._grace_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            hurry.cancel()
            # The leader may be gone and others of its group not.
            system.kill_group(process.pid)
            await asyncio.shield(ended)
