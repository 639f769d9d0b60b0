"""The event loop: the one place that starts it, and what signals mean to a long-running command."""

import asyncio
import gc
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

from fairlead.core import sdnotify
from fairlead.core.logsetup import Log
from fairlead.core.system import system

log = Log("runtime")
_GC_THRESHOLD = (2000, 10, 10)
"""CPython 3.13's own; the entry point defers collections until here."""
_PATIENCE_MS = 1000
"""A signal to end that comes so long after the first is not the same one sent twice, as `timeout` and terminals do."""


def run(main: Coroutine[Any, Any, int]) -> int:
    """Run a coroutine on the event loop to its end and return its exit code. Open files are many: each followed log is one."""
    gc.set_threshold(*_GC_THRESHOLD)
    system.raise_descriptor_limit()
    with asyncio.Runner(loop_factory=system.new_event_loop) as runner:
        return runner.run(main)


class Signals:
    """SIGTERM and SIGINT end the program in good order, SIGHUP asks for a reload; use as an async context manager.

    A second SIGTERM or SIGINT, a second or more after the first, ends the process at once, even where the event loop stands still.
    """

    def __init__(self, reload: Callable[[], Awaitable[None]] | None = None) -> None:
        self._reload = reload
        self._reloads = asyncio.Event()
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.exit_code = 0

    async def __aenter__(self) -> "Signals":
        from fairlead._native.lastsignal import end_at_second

        loop = asyncio.get_running_loop()
        system.on_signal(loop, signal.SIGTERM, self.stop, 0)
        system.on_signal(loop, signal.SIGINT, self.stop, 130)
        for number in system.RELOADING_SIGNALS:
            system.on_signal(loop, number, self._reloads.set)
        end_at_second((signal.SIGTERM, signal.SIGINT), _PATIENCE_MS)
        self._task = asyncio.create_task(self._serve_reloads(), name="reload")
        return self

    async def __aexit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, *system.RELOADING_SIGNALS):
            system.off_signal(loop, number)
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def stop(self, exit_code: int) -> None:
        """Ask the program to end with this exit code."""
        self.exit_code = exit_code
        self._stop.set()

    async def stopped(self) -> int:
        """Wait until the program is asked to end; return the exit code."""
        await self._stop.wait()
        sdnotify.notify("STOPPING=1")
        return self.exit_code

    async def _serve_reloads(self) -> None:
        while True:
            await self._reloads.wait()
            self._reloads.clear()
            sdnotify.reloading()
            try:
                if self._reload:
                    await self._reload()
            except Exception:
                log.exception("reload failed, the old settings go on")
            sdnotify.notify("READY=1")


class Parts:
    """The parts of a long-running command, side by side, and systemd's watchdog with them; use as an async context manager."""

    def __init__(self, parts: Iterable[Coroutine[Any, Any, None]]) -> None:
        self._tasks = [asyncio.create_task(part) for part in (*parts, _feed_watchdog())]

    async def __aenter__(self) -> "Parts":
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def until_stopped(self, signals: Signals) -> int:
        """Wait for a signal and return the exit code; a part that fails ends the program with its error."""
        stopped = asyncio.create_task(signals.stopped())
        try:
            waiting: set[asyncio.Task[Any]] = {stopped, *self._tasks}
            while True:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    if task is not stopped and (error := task.exception()):
                        raise error
                if stopped in done:
                    return signals.exit_code
        finally:
            stopped.cancel()


async def _feed_watchdog() -> None:
    """Tell systemd that the event loop turns, as often as it asks for; returns at once where it does not."""
    period_s = sdnotify.watchdog_period_s()
    while period_s:
        sdnotify.notify("WATCHDOG=1")
        await asyncio.sleep(period_s)
