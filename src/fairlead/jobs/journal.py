"""The journal of `--resume`: what was begun, and what is proven done with its outcome. Append-only, each line with its checksum.

    CRC32C-of-the-rest-in-hex {"begun": ID, "digest": D}
    CRC32C-of-the-rest-in-hex {"done": ID, "digest": D, "outcome": {...}}
    CRC32C-of-the-rest-in-hex {"failed": ID, "digest": D}

A line is durable before what it says happens (begun) or is told (done). A last line that a crash cut short is taken off; one that was
damaged proves nothing, so what it spoke of runs again: at least once. Two runs cannot have the same journal at once.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

import msgspec

from fairlead._native.compress import crc32c
from fairlead.core.durable import append_whole, sync_folder
from fairlead.core.errors import StateError
from fairlead.core.system import system
from fairlead.jobs.commit import GroupCommit
from fairlead.jobs.model import Command, Outcome

_CHECKSUM_CHARACTERS = 9
"""Eight and a space."""


class Entry(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """One line; of the first three fields one is set."""

    digest: str
    begun: str | None = None
    done: str | None = None
    failed: str | None = None
    outcome: Outcome | None = None

    @property
    def key(self) -> str:
        """Whose line it is."""
        return self.begun or self.done or self.failed or ""


class Known(NamedTuple):
    """What the journal holds of a command: `state` is begun, done or failed; its last line is [offset, offset + length)."""

    state: str
    digest: str
    offset: int
    length: int


class Journal:
    """Use as a context manager; StateError where the file is no journal, is used by another run, or cannot be used."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.known: dict[str, Known] = {}
        self.warnings: list[str] = []
        try:
            self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND | system.O_BINARY, 0o600)
        except OSError as error:
            raise StateError(f"{file}: {error.strerror}; name a file for --resume that can be made or written") from None
        try:
            self._load()
        except BaseException:
            os.close(self._descriptor)
            raise
        self._append = GroupCommit(lambda data: append_whole(self._descriptor, data))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def unproven(self) -> list[tuple[str, str]]:
        """Return id and state of what runs again, in the order in which it was first begun."""
        return [(key, known.state) for key, known in self.known.items() if known.state != "done"]

    def is_changed(self, command: Command) -> bool:
        """Whether another command has had this id."""
        known = self.known.get(command.key)
        return known is not None and known.digest != command.digest()

    def outcome(self, command: Command) -> Outcome | None:
        """Return how a command ended that is proven done; None where it is not."""
        known = self.known.get(command.key)
        if known is None or known.state != "done":
            return None
        entry = _parse(system.read_at(self._descriptor, known.length, known.offset))
        return entry.outcome if entry is not None else None

    async def begin(self, command: Command) -> None:
        """Tell durably that a command is about to run; raises OSError."""
        await self._append(_pack(Entry(digest=command.digest(), begun=command.key)))

    async def end(self, command: Command, outcome: Outcome, *, is_done: bool) -> None:
        """Tell durably how a command ended; raises OSError."""
        digest = command.digest()
        entry = Entry(digest=digest, done=command.key, outcome=outcome) if is_done else Entry(digest=digest, failed=command.key)
        await self._append(_pack(entry))

    async def close(self) -> None:
        """Wait until all is durable."""
        await self._append.close()

    def _load(self) -> None:
        try:
            system.lock(self._descriptor)
        except OSError:
            raise StateError(f"{self._file}: another run has this journal; wait for its end, or name another") from None
        number, end, damaged = 0, 0, []
        for number, (offset, line) in enumerate(self._lines(), 1):
            end = offset + len(line)
            if not line.endswith(b"\n"):
                self.warnings.append(f"{self._file}: the last line was cut short, as by a crash, and proves nothing")
                end = offset
            elif (entry := _parse(line)) is None:
                damaged.append(number)
            else:
                self._note(entry, offset, len(line))
        if (damaged and not self.known) or (end == 0 and number > 0 and not self._begins_as_ours()):
            raise StateError(f"{self._file}: is no journal of this program; name a file for --resume that is, or a new one")
        self.warnings += [f"{self._file}:{line}: is damaged and proves nothing; what it spoke of runs again" for line in damaged]
        os.ftruncate(self._descriptor, end)
        sync_folder(self._file.absolute().parent)

    def _begins_as_ours(self) -> bool:
        begin = system.read_at(self._descriptor, _CHECKSUM_CHARACTERS, 0)
        return all(character in b"0123456789abcdef " for character in begin)

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        with open(self._descriptor, "rb", closefd=False) as stream:
            offset = 0
            for line in stream:
                yield offset, line
                offset += len(line)

    def _note(self, entry: Entry, offset: int, length: int) -> None:
        before = self.known.get(entry.key)
        if before is not None and before.state == "done" and before.digest == entry.digest:
            return
        state = "begun" if entry.begun is not None else "done" if entry.done is not None else "failed"
        self.known[entry.key] = Known(state, entry.digest, offset, length)


def _pack(entry: Entry) -> bytes:
    payload = msgspec.json.encode(entry)
    return b"%08x %b\n" % (crc32c(payload), payload)


def _parse(line: bytes) -> Entry | None:
    payload = line[_CHECKSUM_CHARACTERS:-1]
    if line[: _CHECKSUM_CHARACTERS - 1] != b"%08x" % crc32c(payload):
        return None
    try:
        return msgspec.json.decode(payload, type=Entry)
    except msgspec.DecodeError:
        return None
