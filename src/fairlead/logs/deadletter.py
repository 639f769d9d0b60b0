"""Where records go that a sink will never take: a file of NDJSON, each with its reason; nothing is left out unseen."""

import os
from collections.abc import Sequence
from pathlib import Path

import orjson

from fairlead.core.errors import SinkUnavailable
from fairlead.core.record import Batch, to_ecs


class DeadLetterFile:
    """Appends; made with the first record."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def bury(self, batches: Sequence[Batch], reason: str) -> None:
        """Append the records of batches durably; SinkUnavailable where that cannot be done now."""
        lines = b"".join(
            orjson.dumps({**to_ecs(batch, record), "error.message": reason}) + b"\n" for batch in batches for record in batch.records
        )
        try:
            descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                append_whole(descriptor, lines)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise SinkUnavailable(f"{self._file}: {error.strerror}") from None


def append_whole(descriptor: int, data: bytes) -> None:
    """Append data to a regular file durably, all of it or nothing; raises OSError."""
    before = os.fstat(descriptor).st_size
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fdatasync(descriptor)
    except OSError:
        os.ftruncate(descriptor, before)
        raise
