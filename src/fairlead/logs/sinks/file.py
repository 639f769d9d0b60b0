"""The `file` sink: lines appended to a file, durable before they are acknowledged; reopened on SIGHUP after a rotation."""

import asyncio
import os
import stat
from collections.abc import Sequence

from fairlead.core.durable import append_whole
from fairlead.core.errors import SinkUnavailable, UsageError
from fairlead.core.record import Batch
from fairlead.core.sink import Keyed, Kind
from fairlead.logs.encode import encode
from fairlead.logs.settings import FileSinkSettings


class FileSink:
    """Appends whole lines: one that was torn by a kill is ended, and its record comes again behind it."""

    name = "file"

    def __init__(self, settings: FileSinkSettings) -> None:
        self._path, self._output = settings.path, settings.format
        self._descriptor = -1

    async def start(self) -> None:
        """Open the file; UsageError where that cannot be."""
        try:
            await asyncio.to_thread(self._open)
        except OSError as error:
            raise UsageError(f"sink.file.path: {self._path}: {error.strerror}; give a file in a folder that can be written") from None

    async def send(self, batches: Sequence[Batch]) -> None:
        """Append the records."""
        await asyncio.to_thread(lambda: self._append(encode(batches, self._output)))

    async def send_records(self, _: Kind, records: Sequence[Keyed]) -> None:
        """Append samples."""
        await asyncio.to_thread(self._append, b"".join(record.body + b"\n" for record in records))

    async def reopen(self) -> None:
        """Open the file of this name anew; raises nothing: what is wrong shows with the next record."""
        await self.close()

    async def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> None:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            os.close(descriptor)
            raise UsageError(f"sink.file.path: {self._path} is no regular file; for a stream give sink: {{stdout: {{}}}}")
        if facts.st_size and os.pread(descriptor, 1, facts.st_size - 1) != b"\n":
            os.write(descriptor, b"\n")
        self._descriptor = descriptor

    def _append(self, data: bytes) -> None:
        try:
            if self._descriptor < 0:
                self._open()
            append_whole(self._descriptor, data)
        except OSError as error:
            raise SinkUnavailable(f"{self._path}: {error.strerror}") from None
