"""Rotated files: in which of them a source goes on, and which came and went before anybody looked.

logrotate's names: `NAME.N`, `NAME-DATE`, each also `.gz`. They are sought beside the path, and beside the file that it leads to.
"""

import gzip
import os
import re
import stat
import zlib
from bisect import bisect_left
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Protocol

import msgspec

from fairlead.core.record import Position
from fairlead.logs.identity import HEAD_LIMIT_BYTES, TAIL_LIMIT_BYTES, digest, has_same_content, head_start, is_same_file
from fairlead.logs.listings import Identity

FINISHED = "done"
"""Position.kind of a source that was read to its end and will not grow."""
_SUFFIX = re.compile(r"[.-][0-9][0-9T_.:-]*(\.gz)?")
_LEAST_GZIP_BYTES = 18
_ROTATED = re.compile(rf"(.*?[^/]){_SUFFIX.pattern}", re.DOTALL)


class Successor(msgspec.Struct, frozen=True):
    """A rotated file, open: its name may be another file's in the next moment. Whoever is given it closes the descriptor."""

    path: str
    compressed: bool
    descriptor: int
    identity: Identity


class Original(Protocol):
    """A file that is followed, open."""

    identity: Identity

    @property
    def descriptor(self) -> int:
        """The open file."""
        ...

    @property
    def head(self) -> tuple[int, str]:
        """How many of its first bytes were read, up to a limit, and their hash."""
        ...

    def stands(self) -> bool:
        """Tell whether the file is as it was read."""
        ...


class Judged:
    """Rotated files that were found to be of known sources, as they were then: not written since, they are judged once."""

    _MOST = 100_000

    def __init__(self) -> None:
        self._files: set[tuple[int, int, int, int]] = set()

    def has(self, facts: os.stat_result) -> bool:
        """Tell whether a file was judged as it is."""
        return (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns) in self._files

    def add(self, facts: os.stat_result) -> None:
        """Remember a file as it is."""
        if len(self._files) >= self._MOST:
            self._files.clear()
        self._files.add((facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns))


class Known:
    """The sources of a path, by what a rotated file may have in common with them.

    What was last written before `since_ns` is older than all of them. `doubt` is called with a file of which only its head tells that it
    is a copy, `by_inode` returns the sources of all paths that were in a file of that device and inode.
    """

    def __init__(
        self, since_ns: int, judged: Judged, doubt: Callable[[Successor], None], by_inode: Callable[[Identity], Iterable[Position]]
    ) -> None:
        self.since_ns, self.judged, self._doubt, self._by_inode = since_ns, judged, doubt, by_inode
        self._by_head: dict[int, dict[str, list[Position]]] = {}
        self._originals: dict[str, Original] = {}
        self.open: set[Identity] = set()

    def add(self, position: Position, original: Original | None = None) -> None:
        """Add a source, and its file where that is open: of it more may have been read than is acknowledged."""
        size, head = position.head_bytes, position.head_hash
        if original is not None:
            size, head = original.head
            self._originals[position.source] = original
            self.open.add(original.identity)
        if size:
            self._by_head.setdefault(size, {}).setdefault(head, []).append(position)

    def has(self, candidate: Successor) -> bool:
        """Tell whether a rotated file is one of these sources, or a copy of one, as far as that was read."""
        if candidate.identity in self.open:
            return True
        facts = os.fstat(candidate.descriptor)
        if not self.judged.has(facts):
            if not self._is_any(candidate):
                return False
            self.judged.add(facts)
        return True

    def _is_any(self, candidate: Successor) -> bool:
        if any(is_same_file(candidate.descriptor, position) for position in self._by_inode(candidate.identity)):
            return True
        head = _head(candidate)
        alike = (
            position for size, hashes in self._by_head.items() if size <= len(head) for position in hashes.get(digest(head[:size]), ())
        )
        return any(self._is_copy(candidate, position) for position in alike)

    def _is_copy(self, candidate: Successor, position: Position) -> bool:
        """Tell whether a file that begins as a source's goes on as that did; where nothing can tell any more, it counts as a copy."""
        original = self._originals.get(position.source)
        if original is not None and original.stands():
            return _is_copy_of(candidate, original)
        if candidate.compressed and plain_size(candidate.descriptor) == position.offset % (1 << 32):
            return True
        length, before = _tail(candidate, position.offset)
        if length < position.offset or not position.tail_bytes:
            self._doubt(candidate)
            return True
        done = position.kind == FINISHED and length > position.offset
        return not done and digest(before[-position.tail_bytes :]) == position.tail_hash


class Rotations:
    """The rotated files as they stand now; each directory is listed once, so make a new one for each look."""

    def __init__(self) -> None:
        self._listings: dict[str, tuple[list[str], dict[str, int]]] = {}
        self._real_folders: dict[str, str] = {}

    def find_successor(self, known: Position) -> Successor | None:
        """Return the rotated file in which a position's source goes on; None where there is none."""
        return self._find(self._open_same(known), known) or self._find(self._open_each(known.path), known)

    def find_unseen(self, path: str, known: Known, held: Mapping[Identity, Successor]) -> list[Successor]:
        """Return the rotated files of a path, oldest first, that came and went between two looks, and are not `held` already.

        Such a file is none of the path's known sources, nor a copy of one. What is older than these is left alone.
        """
        found: dict[Identity, Successor] = {}
        for candidate in self._open_each(path, known, held.keys()):
            # While names are shifted the same file may be opened by two of them.
            if candidate.identity in found or known.has(candidate):
                os.close(candidate.descriptor)
            else:
                found[candidate.identity] = candidate
        return list(found.values())[::-1]

    def _find(self, candidates: Iterator[Successor], known: Position) -> Successor | None:
        for candidate in candidates:
            if _goes_on_in(candidate, known):
                return candidate
            os.close(candidate.descriptor)
        return None

    def _open_same(self, known: Position) -> Iterator[Successor]:
        """Open the files beside a path that have the position's inode, whatever they are called."""
        for folder, _ in self._places(known.path):
            for name, inode in self._list(folder)[1].items():
                if inode == known.inode and (candidate := _open(os.path.join(folder, name))):
                    yield candidate

    def _open_each(self, path: str, known: Known | None = None, held: Container[Identity] = ()) -> Iterator[Successor]:
        """Open the rotated files of a path, newest first, but those that are `held`, or `known` by their names already.

        A `.gz` beside its plain file is passed over: it is just being written. Where the plain one is gone when it is opened, it was.
        """
        dated: list[tuple[int, str, bool]] = []
        for folder, name in self._places(path):
            names = self._names(folder, name)
            for one in names:
                if one.endswith(".gz") and one[:-3] in names:
                    continue
                with suppress(OSError):
                    facts = os.stat(os.path.join(folder, one))
                    if stat.S_ISREG(facts.st_mode) and not (known and _is_settled(facts, known, held)):
                        dated.append((facts.st_mtime_ns, os.path.join(folder, one), f"{one}.gz" in names))
        for _, one, compressed_too in sorted(dated, reverse=True):
            candidate = _open(one) or (_open(f"{one}.gz") if compressed_too else None)
            if candidate:
                yield candidate

    def _names(self, folder: str, name: str) -> set[str]:
        listing, _ = self._list(folder)
        found = set()
        for place in range(bisect_left(listing, name), len(listing)):
            if not listing[place].startswith(name):
                break
            if _SUFFIX.fullmatch(listing[place], len(name)):
                found.add(listing[place])
        return found

    def _list(self, folder: str) -> tuple[list[str], dict[str, int]]:
        """Return the names of a folder, sorted, and the inode of each."""
        listing = self._listings.get(folder)
        if listing is None:
            inodes: dict[str, int] = {}
            with suppress(OSError), os.scandir(folder) as entries:
                inodes = {entry.name: entry.inode() for entry in entries}
            listing = self._listings[folder] = sorted(inodes), inodes
        return listing

    def _places(self, path: str) -> list[tuple[str, str]]:
        """Return folder and name of a path, and those of the file that it leads to through symlinks."""
        folder, name = os.path.split(path)
        real = self._real_folders.get(folder)
        if real is None:
            real = self._real_folders[folder] = os.path.realpath(folder or ".")
        places = [(folder or ".", name)]
        target = os.path.realpath(path) if os.path.islink(path) else os.path.join(real, name)
        if target != path:
            places.append((os.path.dirname(target), os.path.basename(target)))
        return places


def base_name(path: str) -> str:
    """Return what a rotated file was called before, by its name; any other path as it is."""
    match = _ROTATED.fullmatch(path)
    return match[1] if match else path


def describe_compressed(descriptor: int, source: str, path: str, now_ns: int) -> Position:
    """Return the position of a gzip file that is read from its beginning; `path` is what the plain file was called."""
    zeros, head = _compressed_head(descriptor)
    hashes = digest(head), digest(b"")
    return Position(
        source, path, zeros, head_bytes=len(head), head_hash=hashes[0], tail_hash=hashes[1], skipped=zeros, updated_ns=now_ns, met_ns=now_ns
    )


def plain_size(descriptor: int) -> int | None:
    """Return how long the plain text of a gzip file is, modulo 2^32, as its last four bytes say (RFC 1952); None where there are none."""
    size = os.fstat(descriptor).st_size
    return int.from_bytes(os.pread(descriptor, 4, size - 4), "little") if size >= _LEAST_GZIP_BYTES else None


def decompressed(descriptor: int, offset: int) -> Iterator[bytes]:
    """Yield the content of a gzip file from a byte of the plain text on, in blocks; the descriptor stays open."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    with open(descriptor, "rb", closefd=False) as raw, gzip.open(raw, "rb") as stream:
        stream.seek(offset)
        while block := stream.read(1 << 18):
            yield block


def _open(path: str) -> Successor | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return None
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode):
        os.close(descriptor)
        return None
    return Successor(path, path.endswith(".gz"), descriptor, (facts.st_dev, facts.st_ino))


def _is_settled(facts: os.stat_result, known: Known, held: Container[Identity]) -> bool:
    """Tell whether nothing is to be found out about a rotated file."""
    inode = facts.st_dev, facts.st_ino
    return facts.st_mtime_ns < known.since_ns or inode in known.open or inode in held or known.judged.has(facts)


def _is_copy_of(candidate: Successor, original: Original) -> bool:
    """Tell whether a file has the same text as another before the end of the first of both; a copy is not the longer one."""
    size = os.fstat(original.descriptor).st_size
    if candidate.compressed and plain_size(candidate.descriptor) == size % (1 << 32):
        return True
    length, before = _tail(candidate, size)
    same = before == os.pread(original.descriptor, len(before), min(length, size) - len(before))
    return same and length <= os.fstat(original.descriptor).st_size


def _goes_on_in(candidate: Successor, known: Position) -> bool:
    """Tell whether a rotated file is, or is a copy of, what a position was taken of."""
    if candidate.compressed:
        return known.head_bytes > 0 and _compressed_matches(candidate.descriptor, known)
    return is_same_file(candidate.descriptor, known) or (known.head_bytes > 0 and has_same_content(candidate.descriptor, known))


def _head(candidate: Successor) -> bytes:
    if not candidate.compressed:
        return os.pread(candidate.descriptor, HEAD_LIMIT_BYTES, head_start(candidate.descriptor))
    with suppress(OSError, EOFError, zlib.error):
        return _compressed_head(candidate.descriptor)[1]
    return b""


def _compressed_head(descriptor: int) -> tuple[int, bytes]:
    """Return how many zeros the plain text begins with, and the first bytes behind them."""
    zeros, head = 0, b""
    for block in decompressed(descriptor, 0):
        data = block if head else block.lstrip(b"\0")
        zeros += len(block) - len(data)
        head += data
        if len(head) >= HEAD_LIMIT_BYTES:
            break
    return zeros, head[:HEAD_LIMIT_BYTES]


def _tail(candidate: Successor, reach: int) -> tuple[int, bytes]:
    """Return the length of a file's plain text, and what stands in it before `reach`, or before its end where that comes first."""
    if not candidate.compressed:
        length = os.fstat(candidate.descriptor).st_size
        size = min(TAIL_LIMIT_BYTES, length, reach)
        return length, os.pread(candidate.descriptor, size, min(length, reach) - size)
    length, before = 0, b""
    with suppress(OSError, EOFError, zlib.error):
        for block in decompressed(candidate.descriptor, 0):
            if length < reach:
                before = (before + block[: reach - length])[-TAIL_LIMIT_BYTES:]
            length += len(block)
    return length, before


def _compressed_matches(descriptor: int, known: Position) -> bool:
    with suppress(OSError, EOFError, zlib.error):
        head = _compressed_head(descriptor)[1][: known.head_bytes]
        if digest(head) == known.head_hash:
            tail = next(decompressed(descriptor, known.offset - known.tail_bytes), b"")[: known.tail_bytes]
            return digest(tail) == known.tail_hash
    return False
