"""A TCP server that sends back what it gets: the other side of the network jobs, in a process of its own."""

import asyncio
import sys
from typing import cast

from fairlead.core.system import system

BACKLOG = 4096


class _Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._send = cast(asyncio.Transport, transport).write  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        self._send(data)


def serve() -> None:
    """Print HOST:PORT and serve until standard input ends."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(_Echo, "127.0.0.1", 0, backlog=BACKLOG)
        host, port = server.sockets[0].getsockname()
        sys.stdout.write(f"{host}:{port}\n")
        sys.stdout.flush()
        ended = asyncio.Event()
        loop.add_reader(sys.stdin.fileno(), ended.set)
        await ended.wait()
        loop.remove_reader(sys.stdin.fileno())
        server.close()

    with asyncio.Runner(loop_factory=system.new_event_loop) as runner:
        runner.run(main())
