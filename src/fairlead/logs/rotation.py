"""Rotated files: in which of them a source goes on, and which came and went before anybody looked.

logrotate's names: `NAME.N`, `NAME-DATE`, each also `.gz`.
"""

import gzip
import os
import re
import stat
import zlib
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import suppress

import msgspec

from fairlead.core.record import Position
from fairlead.logs.identity import HEAD_LIMIT_BYTES, digest, has_same_content, is_same_file

_SUFFIX = re.compile(r"[.-][0-9][0-9T_.:-]*(\.gz)?")


class Successor(msgspec.Struct, frozen=True):
    """A rotated file, open: its name may be another file's in the next moment. Whoever is given it closes the descriptor."""

    path: str
    compressed: bool
    descriptor: int


class Rotations:
    """The rotated files as they stand now; each directory is listed once, so make a new one for each look."""

    def __init__(self) -> None:
        self._listings: dict[str, list[str]] = {}

    def find_successor(self, known: Position) -> Successor | None:
        """Return the rotated file in which a position's source goes on; None where there is none."""
        for candidate in self._open_each(known.path):
            if _goes_on_in(candidate, known):
                return candidate
            os.close(candidate.descriptor)
        return None

    def find_unseen(self, path: str, known: Sequence[Position], settled_ns: int) -> tuple[list[Successor], bool]:
        """Return the rotated files of a path, oldest first, that came and went between two looks, and whether to look again soon.

        Such a file is none of the path's known sources and begins as none of them does. What was last written before the first of
        these was met is older than we are, and is left alone; what was written after `settled_ns` may be a copy in the making.
        """
        met_ns = min((position.met_ns for position in known if position.met_ns), default=settled_ns)
        found: list[Successor] = []
        unsettled = False
        for candidate in self._open_each(path):
            written_ns = os.fstat(candidate.descriptor).st_mtime_ns
            if written_ns >= met_ns and not _is_any_of(candidate, known):
                if written_ns <= settled_ns:
                    found.append(candidate)
                    continue
                unsettled = True
            os.close(candidate.descriptor)
        return found[::-1], unsettled

    def _open_each(self, path: str) -> Iterator[Successor]:
        """Open the rotated files of a path, newest first. A `.gz` beside its plain file is passed over: it is just being written."""
        folder, name = os.path.split(path)
        names = self._names(folder or ".", name)
        dated: list[tuple[int, str]] = []
        for one in names:
            if not one.endswith(".gz") or one[:-3] not in names:
                with suppress(OSError):
                    facts = os.stat(os.path.join(folder, one))
                    if stat.S_ISREG(facts.st_mode):
                        dated.append((facts.st_mtime_ns, os.path.join(folder, one)))
        for _, one in sorted(dated, reverse=True):
            with suppress(OSError):
                yield Successor(one, one.endswith(".gz"), os.open(one, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))

    def _names(self, folder: str, name: str) -> set[str]:
        listing = self._listings.get(folder)
        if listing is None:
            listing = []
            with suppress(OSError):
                listing = sorted(os.listdir(folder))
            self._listings[folder] = listing
        found = set()
        for place in range(bisect_left(listing, name), len(listing)):
            if not listing[place].startswith(name):
                break
            if _SUFFIX.fullmatch(listing[place][len(name) :]):
                found.add(listing[place])
        return found


def describe_compressed(descriptor: int, source: str, path: str, now_ns: int) -> Position:
    """Return the position of a gzip file that is read from its beginning; `path` is what the plain file was called."""
    head = next(decompressed(descriptor, 0), b"")[:HEAD_LIMIT_BYTES]
    return Position(source, path, 0, head_bytes=len(head), head_hash=digest(head), tail_hash=digest(b""), updated_ns=now_ns, met_ns=now_ns)


def decompressed(descriptor: int, offset: int) -> Iterator[bytes]:
    """Yield the content of a gzip file from a byte of the plain text on, in blocks; the descriptor stays open."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    with open(descriptor, "rb", closefd=False) as raw, gzip.open(raw, "rb") as stream:
        stream.seek(offset)
        while block := stream.read(1 << 18):
            yield block


def _goes_on_in(candidate: Successor, known: Position) -> bool:
    """Tell whether a rotated file is, or is a copy of, what a position was taken of."""
    if candidate.compressed:
        return known.head_bytes > 0 and _compressed_matches(candidate.descriptor, known)
    return is_same_file(candidate.descriptor, known) or (known.head_bytes > 0 and has_same_content(candidate.descriptor, known))


def _is_any_of(candidate: Successor, known: Sequence[Position]) -> bool:
    """Tell whether a rotated file is what one of these positions was taken of, or begins as that did; its head is read once."""
    if not candidate.compressed and any(is_same_file(candidate.descriptor, position) for position in known):
        return True
    head = b""
    with suppress(OSError, EOFError, zlib.error):
        if candidate.compressed:
            head = next(decompressed(candidate.descriptor, 0), b"")[:HEAD_LIMIT_BYTES]
        else:
            head = os.pread(candidate.descriptor, HEAD_LIMIT_BYTES, 0)
    return any(position.head_bytes and digest(head[: position.head_bytes]) == position.head_hash for position in known)


def _compressed_matches(descriptor: int, known: Position) -> bool:
    head = tail = b""
    with suppress(OSError, EOFError, zlib.error):
        head = next(decompressed(descriptor, 0), b"")[: known.head_bytes]
        if digest(head) == known.head_hash:
            tail = next(decompressed(descriptor, known.offset - known.tail_bytes), b"")[: known.tail_bytes]
            return digest(tail) == known.tail_hash
    return False
