"""A TCP proxy of bad manners between a client and a port: refuses, swallows, delays, resets in the middle. Switched while it runs."""

import asyncio
import contextlib
import enum
import socket
import struct
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Literal, Self, TypeVar

from tests.rig.ports import free_ports

T = TypeVar("T")
Direction = Literal["up", "down"]
"""From the client to the server, or back."""

CHUNK = 65_536
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Mode(enum.Enum):
    """What happens to connections, old and new ones."""

    PASS = "pass"
    """Bytes go both ways, each chunk after `delay_s`."""
    REFUSE = "refuse"
    """Nobody listens; what was open is reset."""
    BLACK_HOLE = "black hole"
    """Connections are accepted and stay open, and what is sent vanishes."""


class Flaky:
    """A proxy on a free port of 127.0.0.1 to `target` (HOST:PORT, may be set later); use as a context manager."""

    def __init__(self, target: str = "") -> None:
        self.target = target
        self.address = f"127.0.0.1:{free_ports(1)[0]}"
        self.delay_s = 0.0
        self.connections = 0
        """Connections accepted so far."""
        self.passed = {"up": 0, "down": 0}
        """Bytes passed on so far."""
        self.resets = 0
        """Times that `reset_after` has struck."""
        self._mode = Mode.PASS
        self._cut: dict[Direction, int] = {}
        self._pairs: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="flaky proxy")
        self._thread.start()
        self._do(self._listen())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._do(self._enter_mode(Mode.REFUSE))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def switch(self, mode: Mode) -> None:
        """Change the mode, for all connections from now on. One that lost bytes is reset before it passes any again."""
        self._do(self._enter_mode(mode))

    def reset(self) -> None:
        """Reset the connections that are open, and go on."""
        self._do(self._reset_all())

    def reset_after(self, size_bytes: int, direction: Direction = "up") -> None:
        """Once: pass so many more bytes of a direction, all connections together, and then reset the connection at which that happens.

        "up" cuts a request in two, "down" takes the answer away from a request that was carried out.
        """

        async def arm() -> None:
            self._cut[direction] = size_bytes

        self._do(arm())

    def _do(self, work: Coroutine[None, None, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        host, port = self.address.split(":")
        self._server = await asyncio.start_server(self._accept, host, int(port), reuse_address=True)

    async def _enter_mode(self, mode: Mode) -> None:
        swallowed = self._mode is Mode.BLACK_HOLE and mode is not Mode.BLACK_HOLE
        self._mode = mode
        if mode is Mode.REFUSE and self._server:
            self._server.close()
            self._server = None
        if mode is Mode.REFUSE or swallowed:
            await self._reset_all()
        if mode is not Mode.REFUSE and self._server is None:
            await self._listen()

    async def _reset_all(self) -> None:
        tasks = list(self._pairs)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.connections += 1
        self._pairs[task] = [writer]
        try:
            await self._serve(task, reader, writer)
        except (OSError, asyncio.CancelledError):
            for one in self._pairs[task]:
                _reset(one)
        finally:
            for one in self._pairs.pop(task):
                one.close()
                with contextlib.suppress(OSError):
                    await one.wait_closed()

    async def _serve(self, task: asyncio.Task[None], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._mode is Mode.BLACK_HOLE:
            while await reader.read(CHUNK):
                pass
            return
        host, port = self.target.split(":")
        server_reader, server_writer = await asyncio.open_connection(host, int(port))
        self._pairs[task].append(server_writer)
        ways = [
            self._loop.create_task(self._pump("up", reader, server_writer)),
            self._loop.create_task(self._pump("down", server_reader, writer)),
        ]
        try:
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_EXCEPTION)
            for way in done:
                way.result()
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pump(self, direction: Direction, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(CHUNK):
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            if self._mode is Mode.BLACK_HOLE:
                continue
            left = self._cut.get(direction)
            if left is not None and left <= len(chunk):
                del self._cut[direction]
                self.passed[direction] += left
                writer.write(chunk[:left])
                await writer.drain()
                self.resets += 1
                raise ConnectionResetError
            if left is not None:
                self._cut[direction] = left - len(chunk)
            self.passed[direction] += len(chunk)
            writer.write(chunk)
            await writer.drain()
        if self._mode is not Mode.BLACK_HOLE:
            writer.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN."""
    connection: socket.socket | None = writer.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()
