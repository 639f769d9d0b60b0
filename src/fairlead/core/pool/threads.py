"""Jobs that run in threads: for kernels that release the GIL, and for calls that block.

A thread cannot be cancelled. A job whose function runs keeps its worker until the function returns, whatever the canceller wishes: what the
pool counts as running does run. Where that takes too long the pool marks the job stuck, and `replace` allows one thread more meanwhile.
Threads are daemons: a function that never returns does not keep the process from ending.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any

_POLL_S = 0.001


class _Call:
    def __init__(self, function: Callable[[], Any], loop: asyncio.AbstractEventLoop) -> None:
        self.function, self.loop = function, loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.ident: int | None = None
        self.replaced = False
        self._lock = threading.Lock()
        self._taken = False

    def take(self) -> bool:
        """Decide between running and withdrawing; the first who asks is told True."""
        with self._lock:
            taken, self._taken = self._taken, True
        return not taken

    def run(self) -> None:
        """Run the function in this thread."""
        self.ident = threading.get_ident()
        result = error = None
        try:
            result = self.function()
        except BaseException as raised:
            error = raised
        self.ident = None
        # The loop may have been closed over a function that took too long.
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self._tell, result, error)

    def _tell(self, result: object, error: BaseException | None) -> None:
        if self.future.done():
            return
        if error is None:
            self.future.set_result(result)
        elif isinstance(error, StopIteration):
            self.future.set_exception(RuntimeError("the function raised StopIteration"))
        else:
            self.future.set_exception(error)


class Threads:
    """At most `limit` threads beside those that were replaced, started as they are needed."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._waiting = 0
        self._replaced = 0
        self._by_task: dict[asyncio.Task[Any], _Call] = {}

    async def run(self, function: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 - the function's
        """Run a function in a thread and return what it returns; cancelled, it ends when the function does."""
        call = _Call(lambda: function(*arguments), asyncio.get_running_loop())
        task = asyncio.current_task()
        assert task is not None
        self._by_task[task] = call
        self._waiting += 1
        self._calls.put(call)
        self._start_thread()
        try:
            return await asyncio.shield(call.future)
        except asyncio.CancelledError:
            if not call.take():
                await _end_of(call.future)
            raise
        finally:
            self._waiting -= 1
            self._replaced -= call.replaced
            del self._by_task[task]

    def ident(self, task: asyncio.Task[Any]) -> int | None:
        """Return the identifier of the thread that runs this task's function; None where none does."""
        call = self._by_task.get(task)
        return call.ident if call else None

    def replace(self, task: asyncio.Task[Any]) -> None:
        """Allow one thread more until the one of this task is done."""
        call = self._by_task.get(task)
        if call and call.ident and not call.replaced:
            call.replaced = True
            self._replaced += 1
            self._start_thread()

    async def close(self, deadline_s: float = 1.0) -> None:
        """End the threads; those that are in a function are left to it after the deadline."""
        for _ in self._threads:
            self._calls.put(None)
        loop = asyncio.get_running_loop()
        end = loop.time() + deadline_s
        while any(thread.is_alive() for thread in self._threads) and loop.time() < end:  # noqa: ASYNC110 - a thread's end sets no event
            await asyncio.sleep(_POLL_S)
        self._threads.clear()

    def _start_thread(self) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        if len(self._threads) < min(self._limit + self._replaced, self._waiting):
            thread = threading.Thread(target=self._work, name="pool", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            if call.take():
                call.run()
            if call.replaced:
                break  # another thread took its place
            del call


async def _end_of(future: "asyncio.Future[Any]") -> None:
    """Wait for the end of what cannot be cancelled, however often we are."""
    while not future.done():
        with contextlib.suppress(BaseException):
            await asyncio.shield(future)
    if not future.cancelled():
        future.exception()
