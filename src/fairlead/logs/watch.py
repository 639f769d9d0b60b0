"""Wakes the pipeline when a watched file changes: inotify, one watch a directory, and one for each file that has several names.

Where inotify has nothing more to give, `polling` says so, and the pipeline looks at all files itself; each call of `watch` tries again.
On file systems that do not tell (what another host writes on NFS) the pipeline's slow poll remains.
"""

import asyncio
import errno
import os
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress

from fairlead._native import oscalls
from fairlead.core.logsetup import Log
from fairlead.logs import inotify_limits
from fairlead.logs.births import Names
from fairlead.logs.listings import Identity
from fairlead.logs.places import Places

log = Log("watch")
HOLD_S = 0.02
"""How long events are left together after some were read: a busy writer makes one for each write."""
_STRUCTURE = oscalls.IN_CREATE | oscalls.IN_MOVED_TO | oscalls.IN_MOVED_FROM | oscalls.IN_DELETE
_GONE = oscalls.IN_DELETE_SELF | oscalls.IN_MOVE_SELF | oscalls.IN_IGNORED | oscalls.IN_UNMOUNT
_FOLDER_MASK = oscalls.IN_MODIFY | _STRUCTURE | oscalls.IN_DELETE_SELF | oscalls.IN_MOVE_SELF | oscalls.IN_ONLYDIR
_WRITTEN = oscalls.IN_MODIFY | oscalls.IN_CREATE | oscalls.IN_MOVED_TO | oscalls.IN_MOVED_FROM
_BUFFER_BYTES = 1 << 16
_READS = 16
_MOST_REMEMBERED = 10_000
_MOST_READS = 128
"""So many hold what the kernel keeps at most, by its default, with names of any length."""
_OVERFLOW_TOLD_S = 60.0


class Watcher:
    """`on_write(path)` when a file grew, or a name came or went, `on_structure()` when names did; before, `on_modify(path)` when it grew.

    All are called on the loop.

    `polling` tells that not everything is watched, and `problem` why, in a line.
    """

    def __init__(
        self, on_write: Callable[[str], None], on_structure: Callable[[], None], on_modify: Callable[[str], None] = lambda path: None
    ) -> None:
        self._on_write, self._on_structure, self._on_modify = on_write, on_structure, on_modify
        self._paths: dict[int, set[str]] = {}
        """By watch, which is of an inode: one folder may stand at several paths."""
        self._known: dict[str, tuple[Identity, int]] = {}
        self._aliases: dict[str, list[str]] = {}
        self._held: asyncio.TimerHandle | None = None
        self._overflow_told_s = -_OVERFLOW_TOLD_S
        self._births: Counter[tuple[str, str]] = Counter()
        self._stirred: set[str] = set()
        self._unwritten: set[str] = set()
        """Paths that were made and not written: when one is deleted, nothing was lost."""
        self._moving: dict[int, str] = {}
        """By cookie: from where a file was moved."""
        self._overflowed = False
        self._cause = self.problem = ""
        self._descriptor = -1
        self._open()

    @property
    def polling(self) -> bool:
        """Tell whether there is something that inotify does not watch."""
        return bool(self.problem)

    def watch(self, places: Places) -> bool:
        """Watch these places and no others; return whether one is new: what came there before is to be looked for now.

        One that is gone, or may not be read (such as /var/log/private, for all but root), is no fault: no file of it can be found.
        """
        if self._descriptor < 0 and not self._open():
            return False
        self._aliases = places.aliases
        wanted = places.folders | places.files
        for path in [path for path, (identity, _) in self._known.items() if wanted.get(path) != identity]:
            self._release(path)
        added, unwatched = 0, list[str]()
        cause: OSError | None = None
        for path, identity in wanted.items():
            if path in self._known:
                continue
            if cause and cause.errno == errno.ENOSPC:
                unwatched.append(path)
                continue
            try:
                self._add(path, identity, oscalls.IN_MODIFY if path in places.files else _FOLDER_MASK)
                added += 1
            except OSError as error:
                if not isinstance(error, FileNotFoundError | NotADirectoryError | PermissionError):
                    cause = error
                    unwatched.append(path)
        self._tell(cause, unwatched, len(wanted))
        return added > 0

    def is_watched(self, folder: str) -> bool:
        """Tell whether all that becomes of names in a folder is told."""
        return folder in self._known

    def take_names(self) -> Names:
        """Return what became of names since the last call; what waits to be read is read now."""
        if self._descriptor >= 0:
            self._take_all(_MOST_READS)
        names = Names(self._births, self._stirred, self._overflowed)
        self._births, self._stirred, self._overflowed = Counter(), set(), False
        return names

    def close(self) -> None:
        """Stop watching."""
        if self._held:
            self._held.cancel()
        if self._descriptor >= 0:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> bool:
        try:
            self._descriptor = oscalls.inotify_init()
        except OSError as error:
            self._tell(error, [], 0)
            return False
        asyncio.get_running_loop().add_reader(self._descriptor, self._read)
        return True

    def _add(self, path: str, identity: Identity, mask: int) -> None:
        watch = oscalls.inotify_watch(self._descriptor, path, mask)
        self._known[path] = (identity, watch)
        self._paths.setdefault(watch, set()).add(path)

    def _release(self, path: str) -> None:
        _, watch = self._known.pop(path)
        paths = self._paths[watch]
        paths.discard(path)
        if not paths:
            del self._paths[watch]
            with suppress(OSError):
                oscalls.inotify_unwatch(self._descriptor, watch)

    def _tell(self, error: OSError | None, unwatched: Sequence[str], wanted: int) -> None:
        """Take note of what is not watched and why; log it when the reason is another than before."""
        cause = ""
        if error is None:
            self.problem = ""
        else:
            cause, self.problem = _explain(error, unwatched, wanted)
        if cause != self._cause:
            self._cause = cause
            if cause:
                log.warning("not all is watched, files are polled", problem=self.problem)
            else:
                log.info("all is watched again")

    def _read(self) -> None:
        """Take all events that wait, tell of them, and let the next ones gather for a moment."""
        self._take_all(_READS)
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._descriptor)
        self._held = loop.call_later(HOLD_S, loop.add_reader, self._descriptor, self._read)

    def _take_all(self, reads: int) -> None:
        """Take the events that wait, as many as so many reads give, and tell of them."""
        written: set[str] = set()
        structure = False
        with suppress(BlockingIOError):
            for _ in range(reads):
                structure |= self._take(os.read(self._descriptor, _BUFFER_BYTES), written)
        for path in written:
            self._on_write(path)
            for alias in self._aliases.get(path, ()):
                self._on_write(alias)
        if structure:
            self._on_structure()

    def _take(self, data: bytes, written: set[str]) -> bool:
        """Add the paths that events tell to be written, "" for all; return whether names came or went."""
        structure = False
        for watch, mask, cookie, name in oscalls.inotify_parse(data):
            if mask & oscalls.IN_Q_OVERFLOW:
                written.add("")
                structure = self._overflowed = True
                self._tell_overflow()
                continue
            paths = self._paths.get(watch)
            if paths is None:
                continue
            if mask & _GONE:
                structure = True
                if mask & oscalls.IN_IGNORED:
                    del self._paths[watch]
                    for path in paths:
                        del self._known[path]
                continue
            file = os.fsdecode(name)
            told = [os.path.join(path, file) if file else path for path in paths]
            if mask & _WRITTEN:
                written.update(told)
            if mask & oscalls.IN_MODIFY:
                self._note_modified(told)
            if mask & _STRUCTURE:
                structure = True
                for path in told:
                    self._note_name(mask, cookie, path)
                    for alias in self._aliases.get(path, ()):
                        self._note_name(mask, cookie, alias)
            elif self._unwritten:
                self._unwritten.difference_update(told)
        return structure

    def _note_modified(self, paths: Sequence[str]) -> None:
        for path in paths:
            self._on_modify(path)
            for alias in self._aliases.get(path, ()):
                self._on_modify(alias)

    def _note_name(self, mask: int, cookie: int, path: str) -> None:
        """Take note of what has become of a name."""
        self._stirred.add(path)
        if mask & oscalls.IN_ISDIR:
            return
        if mask & oscalls.IN_CREATE:
            self._births[path, ""] += 1
            if len(self._unwritten) < _MOST_REMEMBERED:
                self._unwritten.add(path)
            return
        if mask & oscalls.IN_MOVED_TO:
            self._births[path, self._moving.get(cookie, "")] += 1
        elif mask & oscalls.IN_MOVED_FROM:
            if len(self._moving) >= _MOST_REMEMBERED:
                self._moving.clear()
            self._moving[cookie] = path
        elif path in self._unwritten and self._births[path, ""] > 0:
            self._births[path, ""] -= 1
        self._unwritten.discard(path)

    def _tell_overflow(self) -> None:
        now_s = asyncio.get_running_loop().time()
        if now_s - self._overflow_told_s >= _OVERFLOW_TOLD_S:
            self._overflow_told_s = now_s
            log.warning("events of files were lost, all files are looked at", limit=inotify_limits.queued_events().told())


def _explain(error: OSError, unwatched: Sequence[str], wanted: int) -> tuple[str, str]:
    """Return the reason of an error, and in a line what it means and what to do."""
    polled = f"{len(unwatched)} of {wanted} places are polled" if unwatched else "all files are polled"
    if error.errno == errno.ENOSPC and unwatched:
        limit = inotify_limits.watches()
        return limit.name, f"{limit.told()} and all are taken, {polled}; raise it: {limit.remedy(wanted)}"
    if error.errno == errno.EMFILE and not unwatched:
        if not _can_open():
            return "RLIMIT_NOFILE", f"all descriptors of this process are taken, {polled}; raise LimitNOFILE= or ulimit -n"
        limit = inotify_limits.instances()
        return limit.name, f"{limit.told()} and all are taken, {polled}; raise it: {limit.remedy()}"
    reason = error.strerror or str(error)
    return reason, f"inotify: {unwatched[0] if unwatched else 'no descriptor'}: {reason}, {polled}"


def _can_open() -> bool:
    """Tell whether another descriptor can be had: EMFILE of inotify_init1 is said of two limits."""
    try:
        os.close(os.dup(2))
    except OSError as error:
        return error.errno != errno.EMFILE
    return True
