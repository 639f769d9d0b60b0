"""How a file is known again after a restart or a rotation: by device, inode, birth time and hashes of its content.

A source's id is minted when its file is discovered; it stays while the file grows, moves or is compressed.
"""

import gzip
import hashlib
import os
import re
import uuid
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from fairlead._native import oscalls
from fairlead.core.record import Position

HEAD_LIMIT_BYTES = 1024
TAIL_LIMIT_BYTES = 256
_SUCCESSOR = re.compile(r"[.-][0-9][0-9T_.:-]*(\.gz)?")


def mint_source() -> str:
    """Return a new source id."""
    return uuid.uuid4().hex


def digest(data: bytes) -> str:
    """Return the hash by which content is compared."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def describe(descriptor: int, source: str, path: str, offset: int, skipped: int, updated_ns: int) -> Position:
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


class Successor(msgspec.Struct, frozen=True):
    """A rotated file in which a source goes on: its path, and whether it is compressed."""

    path: str
    compressed: bool


def successors(path: str) -> Iterator[str]:
    """Yield the names that logrotate gives a file, as they stand now: `NAME.N`, `NAME-DATE`, each also `.gz`; newest first."""
    folder, name = os.path.split(path)
    found: list[tuple[int, str]] = []
    with suppress(OSError):
        found.extend(
            (entry.stat().st_mtime_ns, entry.path)
            for entry in os.scandir(folder or ".")
            if entry.name.startswith(name) and _SUCCESSOR.fullmatch(entry.name[len(name) :]) and entry.is_file()
        )
    yield from (path for _, path in sorted(found, reverse=True))


def find_successor(known: Position) -> Successor | None:
    """Return the rotated file in which a position's source goes on; None where there is none."""
    if not known.head_bytes:
        return None
    for path in successors(known.path):
        if path.endswith(".gz"):
            if _compressed_matches(path, known):
                return Successor(path, True)
            continue
        with suppress(OSError), open(path, "rb") as stream:
            if has_same_content(stream.fileno(), known):
                return Successor(path, False)
    return None


def decompressed(path: str, offset: int) -> Iterator[bytes]:
    """Yield the content of a gzip file from a byte of the plain text on, in blocks."""
    with gzip.open(path, "rb") as stream:
        stream.seek(offset)
        while block := stream.read(1 << 18):
            yield block


def _compressed_matches(path: str, known: Position) -> bool:
    with suppress(OSError, EOFError, zlib.error), gzip.open(Path(path), "rb") as stream:
        if digest(stream.read(known.head_bytes)) != known.head_hash:
            return False
        stream.seek(known.offset - known.tail_bytes)
        return digest(stream.read(known.tail_bytes)) == known.tail_hash
    return False
