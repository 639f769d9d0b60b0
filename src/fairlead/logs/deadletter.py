"""Where records go that a sink will never take: a file of NDJSON, each with its reason; nothing is left out unseen."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from fairlead.core.durable import append_to
from fairlead.core.errors import SinkUnavailable
from fairlead.core.record import Batch, to_ecs


class DeadLetterFile:
    """Appends; made with the first record."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def bury(self, batches: Sequence[Batch], reason: str) -> None:
        """Append the records of batches durably; SinkUnavailable where that cannot be done now."""
        lines = b"".join(orjson.dumps({**ecs, "error.message": reason}) + b"\n" for batch in batches for ecs in _objects(batch))
        try:
            append_to(self._file, lines)
        except OSError as error:
            raise SinkUnavailable(f"{self._file}: {error.strerror}") from None


def _objects(batch: Batch) -> Iterator[dict[str, Any]]:
    """Yield each record of a batch as an ECS object; a bare line, which is not one, with where it came from."""
    for record in batch.records:
        yield to_ecs(batch, record)
    for line in (line for lines in batch.lines for line in lines):
        ecs: Any = None
        with suppress(orjson.JSONDecodeError):
            ecs = orjson.loads(line)
        if isinstance(ecs, dict):
            yield ecs
        else:
            yield {"message": line.decode(errors="backslashreplace"), "log.file.path": batch.path, "fairlead.source": batch.source}
