"""The head file: how far the spool is acknowledged, in two slots that are written in turn. A torn write leaves the other one."""

import os
import secrets
from pathlib import Path
from typing import NamedTuple

from fairlead.core.durable import Step, write_all
from fairlead.core.errors import StateError
from fairlead.core.spool.format import HEAD_BLOCK_BYTES, HEAD_BYTES, HEAD_NAME, HEADER_BYTES, VERSION, Head, pack_head, unpack_head
from fairlead.core.system import system


class Found(NamedTuple):
    """What the head file says: the newest of its slots (None: there is none), and at which offsets a slot is damaged."""

    head: Head | None
    damaged: list[int]


def read_head(folder: Path) -> Found:
    """Read the head file; StateError where a newer program wrote it, OSError."""
    try:
        descriptor = os.open(folder / HEAD_NAME, os.O_RDONLY | system.O_BINARY)
    except FileNotFoundError:
        return Found(None, [])
    try:
        data = system.read_at(descriptor, 2 * HEAD_BLOCK_BYTES, 0)
    finally:
        os.close(descriptor)
    heads, damaged = [], []
    for offset in (0, HEAD_BLOCK_BYTES):
        slot = data[offset : offset + HEAD_BYTES]
        if (found := unpack_head(slot)) is None:
            damaged.append(offset)
        elif found[0] > VERSION:
            raise StateError(
                f"{folder / HEAD_NAME}: written by a newer fairlead (version {found[0]}); use that one, or another --state-dir"
            )
        else:
            heads.append(found[1])
    return Found(max(heads, default=None), damaged)


def first_head(key: int | None, segment: int = 0, offset: int = HEADER_BYTES, number: int = 0) -> Head:
    """Return the head of a new spool, or of one whose head was lost; without a key, with a fresh one."""
    return Head(0, secrets.randbits(64) if key is None else key, segment, offset, number)


class HeadFile:
    """The head file, open to be written. `step` is called before each durable step."""

    def __init__(self, folder: Path, step: Step) -> None:
        self._descriptor = os.open(folder / HEAD_NAME, os.O_RDWR | os.O_CREAT | system.O_BINARY, 0o600)
        self._step = step

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def begin(self, head: Head) -> Head:
        """Write both slots anew and return what now holds; raises OSError."""
        for _ in range(2):
            head = self.write(head)
        return head

    def write(self, head: Head) -> Head:
        """Make `head` durable under the next turn and return it so; raises OSError, and then either of both may hold."""
        head = head._replace(turn=head.turn + 1)
        self._step("spool head")
        write_all(self._descriptor, [pack_head(head).ljust(HEAD_BLOCK_BYTES, b"\0")], head.turn % 2 * HEAD_BLOCK_BYTES)
        self._step("spool fsync")
        system.sync_data(self._descriptor)
        return head
