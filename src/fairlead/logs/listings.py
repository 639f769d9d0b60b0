"""What stands in folders, remembered: a folder is listed again only when its time of modification says that names came or went.

A change of names sets a directory's mtime (POSIX; inode(7)). One that was modified less than SETTLE_NS before it was listed may change
again within the same tick of its file system's clock, so it is listed again at the next look.
"""

import os
import time

import msgspec

Identity = tuple[int, int]
"""Device and inode."""
SETTLE_NS = 2_000_000_000
"""The coarsest clock of a file system that is in use: FAT's."""


class Listing(msgspec.Struct):
    """A folder's names. Those of folders are taken through symlinks; `files` has the inode of each name that is neither."""

    identity: Identity
    mtime_ns: int
    settled: bool
    folders: list[str]
    links: list[str]
    """Symlinks that lead to no folder."""
    linked_folders: frozenset[str]
    files: dict[str, int] | None
    """None where nothing has changed since the last look."""


class Listings:
    """The folders that one look after the other goes through; `begin` one, `get` each folder, and `end` it."""

    def __init__(self) -> None:
        self._before: dict[str, Listing] = {}
        self._now: dict[str, Listing | None] = {}
        self._afresh = False

    def begin(self, *, afresh: bool = False) -> None:
        """Begin a look; `afresh` believes nothing that was remembered."""
        self._now, self._afresh = {}, afresh

    def get(self, folder: str) -> Listing | None:
        """Return what stands in a folder, None where it is none or cannot be read."""
        if folder not in self._now:
            self._now[folder] = self._look(folder)
        return self._now[folder]

    def get_files(self, folder: str, listing: Listing) -> dict[str, int]:
        """Return the inode of each name, also where nothing has changed."""
        if listing.files is None:
            afresh = _read(folder)
            listing.files = afresh.files if afresh else {}
        return listing.files or {}

    def end(self) -> None:
        """End a look: what was not gone through is forgotten, and so are the names of files."""
        self._before = {folder: listing for folder, listing in self._now.items() if listing}
        for listing in self._before.values():
            listing.files = None

    def _look(self, folder: str) -> Listing | None:
        before = None if self._afresh else self._before.get(folder)
        if before and before.settled:
            try:
                facts = os.stat(folder)
            except OSError:
                return None
            if (facts.st_dev, facts.st_ino) == before.identity and facts.st_mtime_ns == before.mtime_ns:
                return before
        return _read(folder)


def _read(folder: str) -> Listing | None:
    now_ns = time.time_ns()
    files: dict[str, int] = {}
    folders: list[str] = []
    links: list[str] = []
    linked_folders: set[str] = set()
    try:
        facts = os.stat(folder or ".")
        with os.scandir(folder or ".") as entries:
            for entry in entries:
                name = entry.name
                if entry.is_file(follow_symlinks=False):
                    files[name] = entry.inode()
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(name)
                elif not entry.is_symlink():
                    files[name] = entry.inode()
                elif os.path.isdir(entry.path):
                    folders.append(name)
                    linked_folders.add(name)
                else:
                    links.append(name)
    except OSError:
        return None
    identity, mtime_ns = (facts.st_dev, facts.st_ino), facts.st_mtime_ns
    settled = now_ns - mtime_ns > SETTLE_NS
    return Listing(identity, mtime_ns, settled, sorted(folders), sorted(links), frozenset(linked_folders), files)
