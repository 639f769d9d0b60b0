"""The checkpoint of Fairlead 0.1: one file of JSON, written whole each second. It is taken over once."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from fairlead.core.logsetup import Log
from fairlead.core.record import Position
from fairlead.logs.identity import digest

log = Log("checkpoint")
VERSION = 1


class _Content(msgspec.Struct, frozen=True):
    version: int
    checksum: str
    positions: msgspec.Raw


class CheckpointJson:
    """The file, which goes once the slots hold what it held. `step` is called before that."""

    def __init__(self, file: Path, step: Callable[[str], None]) -> None:
        self._file, self._step = file, step
        self.remains = file.exists()

    def load(self, now_ns: int) -> dict[str, Position]:
        """Return the positions by source; a file that cannot be read is moved aside."""
        if not self.remains:
            return {}
        try:
            content = msgspec.json.decode(self._file.read_bytes(), type=_Content)
            if content.version != VERSION or digest(bytes(content.positions)) != content.checksum:
                raise ValueError(f"version {content.version}, or its checksum is wrong")
            return {one.source: one for one in msgspec.json.decode(content.positions, type=list[Position])}
        except (ValueError, msgspec.MsgspecError) as error:
            aside = self._file.with_name(f"{self._file.name}.corrupt-{now_ns}")
            self._file.rename(aside)
            self.remains = False
            log.error("checkpoint corrupt, moved aside; all files are read anew", moved_to=aside, error=error)
            return {}

    def remove(self) -> None:
        """Remove the file, if it is there."""
        if self.remains:
            self._step("checkpoint unlink")
            self._file.unlink(missing_ok=True)
            self.remains = False
