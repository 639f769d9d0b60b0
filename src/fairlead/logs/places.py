"""What tells of changes to the files that are found: the folders of the globs, and where symlinks and hard links lead."""

import os

import msgspec

from fairlead.logs.listings import Identity

_MAX_LINKS = 40
"""What the kernel follows before it says ELOOP; path_resolution(7)."""


class Places(msgspec.Struct):
    """What is to be watched, by path with device and inode, so that another one at the same path is noticed."""

    folders: dict[str, Identity] = {}
    files: dict[str, Identity] = {}
    """Files that have further names (hard links): of what is written under one of those the file alone tells."""
    aliases: dict[str, list[str]] = {}
    """Of files that are found through symlinks: the path of the file itself -> the paths that were found."""

    def add_folder(self, folder: str) -> None:
        """Add a folder, if it is there; a relative path is of no use to a watcher."""
        if folder.startswith("/") and folder not in self.folders:
            try:
                facts = os.stat(folder)
            except OSError:
                return
            self.folders[folder] = (facts.st_dev, facts.st_ino)

    def add_base(self, folder: str) -> None:
        """Add what tells that a glob's folder comes, or that a symlink on the way to it is exchanged."""
        if folder:
            self.add_links(folder)
            if not os.path.isdir(folder):
                self.add_folder(nearest_folder(folder))

    def add_links(self, path: str) -> None:
        """Add the folders of the symlinks on the way to a path."""
        for folder in resolve(path)[1]:
            self.add_folder(folder)

    def add_alias(self, path: str, real: str, holders: list[str]) -> None:
        """Add a file that was found through symlinks, as `resolve` tells of it."""
        self.aliases.setdefault(real, []).append(path)
        for folder in (os.path.dirname(real), *holders):
            self.add_folder(folder)


def resolve(path: str) -> tuple[str, list[str]]:
    """Return a path without symlinks, as far as it exists, and the folders that hold those: an exchange is seen there only."""
    steps = os.path.abspath(path).split("/")[::-1]
    done, holders = "", list[str]()
    while steps:
        step = steps.pop()
        if step in ("", "."):
            continue
        if step == "..":
            done = done.rpartition("/")[0]
            continue
        try:
            target = os.readlink(f"{done}/{step}") if len(holders) < _MAX_LINKS else ""
        except OSError:
            target = ""
        if not target:
            done = f"{done}/{step}"
            continue
        holders.append(done or "/")
        if target.startswith("/"):
            done = ""
        steps += target.split("/")[::-1]
    return done or "/", holders


def nearest_folder(path: str) -> str:
    """Return a path, or the nearest folder above it, that is there."""
    while not os.path.isdir(path):
        above = os.path.dirname(path)
        if above == path:
            break
        path = above
    return path
