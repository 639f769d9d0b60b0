"""The `stdout` sink: a record a line on standard output; a slow reader slows the reading of the logs."""

import asyncio
import os
import select
import threading
from collections.abc import Sequence

from fairlead.core.errors import SinkUnavailable
from fairlead.core.record import Batch
from fairlead.core.sink import Keyed, Kind
from fairlead.logs.encode import encode
from fairlead.logs.settings import StdoutSinkSettings

_POLL_MS = 200


class StdoutSink:
    """Writes so much at a time as a pipe takes without blocking, so that a reader that stalls cannot keep us from ending."""

    name = "stdout"

    def __init__(self, settings: StdoutSinkSettings, descriptor: int = 1) -> None:
        self._output, self._descriptor = settings.format, descriptor
        self._closed = threading.Event()

    async def start(self) -> None:
        """Nothing: standard output is open."""

    async def send(self, batches: Sequence[Batch]) -> None:
        """Write the records; BrokenPipeError once the reader is gone."""
        await asyncio.to_thread(lambda: self._write(encode(batches, self._output)))

    async def send_records(self, _: Kind, records: Sequence[Keyed]) -> None:
        """Write samples."""
        await asyncio.to_thread(self._write, b"".join(record.body + b"\n" for record in records))

    async def reopen(self) -> None:
        """Nothing: it cannot be reopened."""

    async def close(self) -> None:
        """End a write that waits for its reader."""
        self._closed.set()

    def _write(self, data: bytes) -> None:
        poller = select.poll()
        poller.register(self._descriptor, select.POLLOUT)
        rest = memoryview(data)
        try:
            while rest:
                if self._closed.is_set():
                    raise SinkUnavailable("standard output: its reader takes nothing")
                if poller.poll(_POLL_MS):
                    rest = rest[os.write(self._descriptor, rest[: select.PIPE_BUF]) :]
        except BrokenPipeError:
            raise
        except OSError as error:
            raise SinkUnavailable(f"standard output: {error.strerror}") from None
