"""Wakes the pipeline when a file of the watched directories changes: inotify, one watch a directory.

Where inotify has nothing more to give (limits, file systems that do not tell), the pipeline's own slow poll remains.
"""

import asyncio
import os
from collections.abc import Callable, Iterable

from fairlead._native import oscalls
from fairlead.core.logsetup import Log

log = Log("watch")
_STRUCTURE = oscalls.IN_CREATE | oscalls.IN_MOVED_TO | oscalls.IN_MOVED_FROM | oscalls.IN_DELETE
_GONE = oscalls.IN_DELETE_SELF | oscalls.IN_MOVE_SELF | oscalls.IN_IGNORED | oscalls.IN_UNMOUNT
_MASK = oscalls.IN_MODIFY | _STRUCTURE | oscalls.IN_DELETE_SELF | oscalls.IN_MOVE_SELF | oscalls.IN_ONLYDIR
_BUFFER_BYTES = 1 << 16


class Watcher:
    """`on_write(path)` when a file grew, `on_structure()` when names came or went; both are called on the loop."""

    def __init__(self, on_write: Callable[[str], None], on_structure: Callable[[], None]) -> None:
        self._on_write, self._on_structure = on_write, on_structure
        self._folders: dict[int, str] = {}
        self.problem = ""
        try:
            self._descriptor = oscalls.inotify_init()
        except OSError as error:
            self._descriptor = -1
            self._degrade(error)
        else:
            asyncio.get_running_loop().add_reader(self._descriptor, self._read)

    def watch(self, folders: Iterable[str]) -> None:
        """Watch these directories too; one that cannot be watched is told, and left to the poll.

        One that may not be read (such as /var/log/private, for all but root) is no fault: no file of it can be found either.
        """
        if self._descriptor < 0:
            return
        known = set(self._folders.values())
        problem = ""
        for folder in folders:
            if folder in known:
                continue
            try:
                self._folders[oscalls.inotify_watch(self._descriptor, folder, _MASK)] = folder
            except OSError as error:
                if not isinstance(error, FileNotFoundError | NotADirectoryError | PermissionError):
                    problem = f"{folder}: {error.strerror}"
        if problem and problem != self.problem:
            log.warning("directory not watched, polled instead; see fs.inotify.max_user_watches", problem=problem)
        self.problem = problem

    def close(self) -> None:
        """Stop watching."""
        if self._descriptor >= 0:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def _degrade(self, error: OSError) -> None:
        self.problem = error.strerror or str(error)
        log.warning("no inotify, files are polled; see fs.inotify.max_user_instances", error=error)

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, _BUFFER_BYTES)
        except BlockingIOError:
            return
        structure = False
        for watch, mask, _, name in oscalls.inotify_parse(data):
            if mask & oscalls.IN_Q_OVERFLOW:
                structure = True
                self._on_write("")
                continue
            if mask & _GONE:
                structure = True
                if mask & oscalls.IN_IGNORED:
                    self._folders.pop(watch, None)
                continue
            structure = structure or bool(mask & _STRUCTURE)
            if mask & (oscalls.IN_MODIFY | oscalls.IN_CREATE | oscalls.IN_MOVED_TO | oscalls.IN_MOVED_FROM):
                self._on_write(os.path.join(self._folders.get(watch, ""), os.fsdecode(name)))
        if structure:
            self._on_structure()
