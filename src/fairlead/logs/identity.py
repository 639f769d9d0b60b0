"""How a file is known again after a restart or a rotation: by device, inode, birth time and hashes of its content.

A source's id is minted when its file is discovered; it stays while the file grows, moves or is compressed.
"""

import hashlib
import os
import uuid

from fairlead._native import oscalls
from fairlead.core.record import Position

HEAD_LIMIT_BYTES = 1024
TAIL_LIMIT_BYTES = 256


def mint_source() -> str:
    """Return a new source id."""
    return uuid.uuid4().hex


def digest(data: bytes) -> str:
    """Return the hash by which content is compared."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def describe(descriptor: int, source: str, path: str, offset: int, skipped: int, updated_ns: int, met_ns: int) -> Position:
    """Return the position of an open file read up to `offset`, with what it will be known by."""
    facts = os.fstat(descriptor)
    head = os.pread(descriptor, min(HEAD_LIMIT_BYTES, facts.st_size), 0)
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
    head = os.pread(descriptor, known.head_bytes, 0)
    tail = os.pread(descriptor, known.tail_bytes, known.offset - known.tail_bytes)
    return digest(head) == known.head_hash and digest(tail) == known.tail_hash
