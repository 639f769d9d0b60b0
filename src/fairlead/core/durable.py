"""Writing that survives a crash: whole or not at all, files that are replaced at once, and folders that durably name what is in them."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from fairlead.core.system import system

Step = Callable[[str], None]
"""Called with a name before each durable step: what a fault test hooks into (faults.py)."""
_MAX_BUFFERS = 1024
"""IOV_MAX of Linux."""


def no_step(_: str) -> None:
    """Do nothing before a durable step."""


def write_all(descriptor: int, buffers: Sequence[bytes], offset: int) -> None:
    """Write buffers one behind the other at an offset, by one system call where the kernel takes them at once; raises OSError."""
    for begin in range(0, len(buffers), _MAX_BUFFERS):
        rest: list[bytes | memoryview] = list(buffers[begin : begin + _MAX_BUFFERS])
        while rest:
            written = system.write_at(descriptor, rest, offset)
            offset += written
            while rest and written >= len(rest[0]):
                written -= len(rest.pop(0))
            if rest:
                rest[0] = memoryview(rest[0])[written:]


def append_whole(descriptor: int, data: bytes) -> None:
    """Append data to a regular file durably, all of it or nothing; raises OSError. The descriptor was opened with O_APPEND."""
    before = os.fstat(descriptor).st_size
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[system.append(descriptor, rest) :]
        system.sync_data(descriptor)
    except OSError:
        os.ftruncate(descriptor, before)
        raise


def append_to(file: Path, data: bytes) -> None:
    """Append data durably, all of it or nothing, to a file that is made where there is none, for its owner alone; raises OSError."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | system.O_BINARY, 0o600)
    try:
        append_whole(descriptor, data)
    finally:
        os.close(descriptor)


def write_atomically(file: Path, data: bytes) -> None:
    """Replace a file's content so that a reader, and a crash, finds the old or the new; raises OSError.

    That it is the new one after a power cut, too, takes `sync_folder`.
    """
    draft = file.with_name(f"{file.name}.new")
    with draft.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)


def sync_folder(folder: Path) -> None:
    """Make what was created, renamed or unlinked in a folder durable; raises OSError."""
    system.sync_folder(folder)
