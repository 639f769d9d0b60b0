"""Which files are logs to follow: globs, and what is passed over with its reason."""

import glob
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatch

import msgspec

from fairlead.logs.settings import LogInput

_KINDS = {
    stat.S_IFDIR: "is a directory", stat.S_IFIFO: "is a FIFO", stat.S_IFSOCK: "is a socket",
    stat.S_IFCHR: "is a device", stat.S_IFBLK: "is a device",
}  # fmt: skip


class Found(msgspec.Struct, frozen=True):
    """A file to follow, or a `problem` that keeps it from being one."""

    path: str
    problem: str = ""


def find_files(paths: Iterable[str], exclude: Sequence[str]) -> list[str]:
    """Return the paths that globs match, sorted, each once; a symlink loop ends where the kernel ends it (ELOOP)."""
    found = {path for pattern in paths for path in glob.iglob(pattern, recursive=True)}
    return sorted(path for path in found if not any(fnmatch(path, pattern) for pattern in exclude))


def discover(log_input: LogInput, own: "frozenset[tuple[int, int]]") -> Iterator[Found]:
    """Yield what an input's globs match; a file that is ours (by device and inode) or a directory is silently none.

    A file that stands under several names (links) is told by its first name only.
    """
    seen: set[tuple[int, int]] = set()
    for path in find_files(log_input.paths, log_input.exclude):
        try:
            facts = os.stat(path)
        except OSError as error:
            yield Found(path, error.strerror or str(error))
            continue
        kind = stat.S_IFMT(facts.st_mode)
        identity = (facts.st_dev, facts.st_ino)
        if identity in own or identity in seen:
            continue
        seen.add(identity)
        if kind != stat.S_IFREG:
            if kind != stat.S_IFDIR or path.endswith(".log"):
                yield Found(path, _KINDS.get(kind, "is no regular file"))
        elif not os.access(path, os.R_OK):
            yield Found(path, "cannot be read by this user; run as root or in the group adm")
        else:
            yield Found(path)


def watched_directories(log_inputs: Iterable[LogInput]) -> list[str]:
    """Return the directories in which matching files may come: those of the globs, every level of a `**` included."""
    folders: set[str] = set()
    for log_input in log_inputs:
        for pattern in log_input.paths:
            parent = os.path.dirname(pattern)
            if glob.has_magic(parent):
                base = parent[: next(i for i, c in enumerate(parent) if c in "*?[")].rpartition("/")[0]
                folders.add(base or "/")
                folders.update(path for path in glob.iglob(parent, recursive=True) if os.path.isdir(path))
            elif os.path.isdir(parent):
                folders.add(parent)
    return sorted(os.path.normpath(folder) for folder in folders)
