"""How a file is known again after a restart or a rotation: by device, inode, birth time and hashes of its content.

A source's id is minted when its file is discovered; it stays while the file grows, moves or is compressed.
"""

import errno
import hashlib
import os
import uuid

from fairlead._native import oscalls
from fairlead.core.record import Position

HEAD_LIMIT_BYTES = 1024
TAIL_LIMIT_BYTES = 256
_BLOCK_BYTES = 1 << 16


def mint_source() -> str:
    """Return a new source id."""
    return uuid.uuid4().hex


def digest(data: bytes) -> str:
    """Return the hash by which content is compared."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def describe(
    descriptor: int, source: str, path: str, offset: int, skipped: int, updated_ns: int, met_ns: int, unknown: int = 0
) -> Position:
    """Return the position of an open file read up to `offset`, with what it will be known by."""
    facts = os.fstat(descriptor)
    head = os.pread(descriptor, HEAD_LIMIT_BYTES, head_start(descriptor))
    tail_bytes = min(TAIL_LIMIT_BYTES, offset)
    tail = os.pread(descriptor, tail_bytes, offset - tail_bytes)
    return Position(
        source=source,
        path=path,
        offset=offset,
        device=facts.st_dev,
        inode=facts.st_ino,
        birth_ns=oscalls.birth_ns(descriptor),
        head_bytes=len(head),
        head_hash=digest(head),
        tail_bytes=tail_bytes,
        tail_hash=digest(tail),
        skipped=skipped,
        updated_ns=updated_ns,
        met_ns=met_ns,
        unknown=unknown,
    )


def is_same_file(descriptor: int, known: Position) -> bool:
    """Tell whether an open file is the one of a position: the same inode, born at the same time, with the same content so far."""
    facts = os.fstat(descriptor)
    if (facts.st_dev, facts.st_ino) != (known.device, known.inode):
        return False
    birth_ns = oscalls.birth_ns(descriptor)
    if birth_ns and known.birth_ns and birth_ns != known.birth_ns:
        return False
    return has_same_content(descriptor, known)


def has_same_content(descriptor: int, known: Position) -> bool:
    """Tell whether an open file begins, and stands before the offset, as the one of a position did."""
    if os.fstat(descriptor).st_size < known.offset:
        return False
    head = os.pread(descriptor, known.head_bytes, head_start(descriptor))
    tail = os.pread(descriptor, known.tail_bytes, known.offset - known.tail_bytes)
    return digest(head) == known.head_hash and digest(tail) == known.tail_hash


def head_start(descriptor: int) -> int:
    """Return where the bytes begin by which a file is known: behind the zeros at its head, if it has some, as these are all alike."""
    if os.pread(descriptor, 1, 0) != b"\0":
        return 0
    return data_start(descriptor) or 0


def data_start(descriptor: int) -> int | None:
    """Return how many zeros a file begins with, None where it holds nothing else.

    A writer without O_APPEND leaves a hole at the head when its file is truncated: it writes on where it stood.
    """
    try:
        begin = os.lseek(descriptor, 0, os.SEEK_DATA)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return None
        # The file system knows no holes.
        begin = 0
    # A hole ends where a block does; the data may begin later.
    while block := os.pread(descriptor, _BLOCK_BYTES, begin):
        if data := block.lstrip(b"\0"):
            return begin + len(block) - len(data)
        begin += len(block)
    return None
