"""Contenders of the case `pool` whose jobs are a request to a TCP echo server and its answer, 1,000 at once.

A job takes an idle connection, sends 64 bytes and waits until as many came back. The answer is how many jobs did.
"""

import asyncio
import queue as threads_queue
import socket
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self, cast

from fairlead.bench.pool_noop import QUEUE, through_queue
from fairlead.bench.work import Worked
from fairlead.core.pool.pool import Pool
from fairlead.core.pool.settings import PoolSettings

AT_ONCE = 1000
MESSAGE = b"x" * 64


class _Connection(asyncio.Protocol):
    """One connection; `answered` is the future of the request under way."""

    def __init__(self) -> None:
        self.answered: asyncio.Future[None] | None = None
        self._missing = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        self._missing -= len(data)
        if self._missing <= 0 and self.answered is not None and not self.answered.done():
            self.answered.set_result(None)

    def ask(self, loop: asyncio.AbstractEventLoop) -> "asyncio.Future[None]":
        """Send a request; the future is done when its answer is here."""
        self._missing = len(MESSAGE)
        self.answered = loop.create_future()
        self._transport.write(MESSAGE)
        return self.answered

    def close(self) -> None:
        self._transport.close()


class _Asking:
    """The jobs of one contender, and how many are done; an async context manager that connects and closes."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self.done = 0

    async def __aenter__(self) -> Self:
        self._loop = loop = asyncio.get_running_loop()
        self._idle = [(await loop.create_connection(_Connection, *self._address))[1] for _ in range(AT_ONCE)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in self._idle:
            connection.close()

    async def job(self) -> None:
        """Take a connection, ask, and give it back."""
        connection = self._idle.pop()
        await connection.ask(self._loop)
        self._idle.append(connection)
        self.done += 1


async def pool(jobs: int, address: tuple[str, int]) -> Worked:
    """Fairlead's pool with 1,000 workers."""
    async with _Asking(address) as asking:
        begin = time.perf_counter()
        async with Pool(PoolSettings(workers=AT_ONCE, queue=QUEUE)) as workers:
            await workers.submit_many(asking.job() for _ in range(jobs))
        return Worked(time.perf_counter() - begin, asking.done)


async def queue(jobs: int, address: tuple[str, int]) -> Worked:
    """1,000 tasks that take coroutines from a bounded asyncio.Queue."""
    async with _Asking(address) as asking:
        return Worked(await through_queue(jobs, AT_ONCE, asking.job), asking.done)


def executor(jobs: int, address: tuple[str, int]) -> Worked:
    """1,000 threads of the standard library, each with blocking calls."""
    idle: threads_queue.SimpleQueue[socket.socket] = threads_queue.SimpleQueue()
    for _ in range(AT_ONCE):
        idle.put(socket.create_connection(address))

    def job() -> int:
        connection = idle.get()
        connection.sendall(MESSAGE)
        missing = len(MESSAGE)
        while missing:
            got = len(connection.recv(missing))
            if not got:
                return 0
            missing -= got
        idle.put(connection)
        return 1

    begin = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        done = sum(future.result() for future in [threads.submit(job) for _ in range(jobs)])
    seconds = time.perf_counter() - begin
    while not idle.empty():
        idle.get().close()
    return Worked(seconds, done)


CONTENDERS: dict[str, Callable[[int, tuple[str, int]], Worked | Coroutine[Any, Any, Worked]]] = {
    "pool": pool,
    "queue": queue,
    "executor": executor,
}
