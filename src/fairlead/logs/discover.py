"""Which files are logs to follow: what the globs match, and what is passed over with its reason.

A look costs what has changed: of a folder in which no name came or went only its time is read, whatever number of files it holds.
What such a look cannot see (a file mounted over another, a file system that keeps no such times) a thorough one sees.
"""

import os
import stat
import time
from collections.abc import Collection, Container, Iterable

import msgspec

from fairlead.logs.listings import Identity, Listings
from fairlead.logs.places import Places, resolve
from fairlead.logs.settings import LogInput
from fairlead.logs.walk import Walk

LOOK_S = 10.0
"""The shortest time between two looks for which there is no reason."""
THOROUGH_S = 60.0
"""The shortest time between two looks at each and every file."""
_IDLE_SHARE = 0.003
_BUSY_SHARE = 0.05
"""How much of a core looks may take: those without a reason, and those while names come and go all the time."""
_KINDS = {
    stat.S_IFDIR: "is a directory", stat.S_IFIFO: "is a FIFO", stat.S_IFSOCK: "is a socket",
    stat.S_IFCHR: "is a device", stat.S_IFBLK: "is a device",
}  # fmt: skip

_NO_TEXT = "its name is not UTF-8; rename it"


class Found(msgspec.Struct, frozen=True):
    """A file to follow, or a `problem` that keeps it from being one."""

    path: str
    log_input: LogInput
    problem: str = ""
    identity: Identity | None = None


class _Look(msgspec.Struct):
    """One look: which files are of no interest, and what was met so far."""

    own: Collection[Identity]
    followed: Container[Identity]
    seen: set[Identity] = set()
    inode: int = 0
    """Of the path that is examined: as it was listed, then as it is; 0 where it may be a symlink, or is gone."""
    places: Places = msgspec.field(default_factory=Places)


class Discovery:
    """Looks for the files of some inputs, again and again. After each look `places` is what is to be watched.

    The next look is due when names came or went, but not before `earliest_s`, and at the latest at `latest_s`, both monotonic.
    """

    def __init__(self, inputs: Iterable[LogInput]) -> None:
        self._listings = Listings()
        self._inputs = [(log_input, Walk(log_input, self._listings), set[str]()) for log_input in inputs]
        """Each with the paths that are examined each time: what is there cannot be followed."""
        self._again: set[int] = set()
        self._hard_links: dict[str, Identity] = {}
        self._resolved: dict[str, tuple[Identity, str, list[str]]] = {}
        self._thorough_due_s: float | None = None
        self._cost_s = 0.0
        self.places = Places()
        self.earliest_s = self.latest_s = 0.0

    def look(self, own: Collection[Identity], followed: Container[Identity], now_s: float) -> list[Found]:
        """Return the files that are not `followed`, and what matches and cannot be, in the order of the inputs, then of the paths.

        A file that was returned is not again, unless its path leads to another file, or it is asked for by `forget` or `retry`, or
        the look is a thorough one; a problem is returned each time. A file that is `own`, or a directory, is silently none; one
        that stands under several names is told by the first. `now_s` is monotonic.
        """
        begin_s, first = time.thread_time(), self._thorough_due_s is None
        thorough = self._thorough_due_s is not None and now_s >= self._thorough_due_s
        if thorough:
            self._resolved.clear()
            self._hard_links.clear()
        again, self._again = self._again, set()
        look, found = _Look(own, followed), list[Found]()
        self._listings.begin(afresh=thorough)
        for log_input, walk, unfollowed in self._inputs:
            paths = dict.fromkeys(unfollowed, 0) | walk.find(look.places, again, everything=thorough)
            unfollowed.clear()
            for path in sorted(paths):
                look.inode = paths[path]
                one = self._examine(path, log_input, look)
                if look.inode != paths[path]:
                    # Exchanged since it was listed: the next listing may show the same inode again.
                    unfollowed.add(path)
                if one:
                    if one.problem:
                        unfollowed.add(path)
                        one = msgspec.structs.replace(one, path=to_text(path))
                    found.append(one)
        self._listings.end()
        look.places.files = dict(self._hard_links)
        self.places = look.places
        self._plan(now_s, time.thread_time() - begin_s, usual=not first and not thorough)
        return found

    def forget(self, identity: Identity) -> None:
        """Return a file at the next look, under the first name that it has: it is not followed any more."""
        self._again.add(identity[1])

    def retry(self, found: Found) -> None:
        """Return a file at the next look: it could not be opened, or may be another one."""
        for log_input, _, unfollowed in self._inputs:
            if log_input is found.log_input:
                unfollowed.add(found.path)

    def input_of(self, path: str) -> LogInput | None:
        """Return the input that a path belongs to, whether it is there or not."""
        return next((log_input for log_input, walk, _ in self._inputs if walk.matches(path)), None)

    def _plan(self, now_s: float, cost_s: float, *, usual: bool) -> None:
        if usual:
            self._cost_s = cost_s
        else:
            self._thorough_due_s = now_s + max(THOROUGH_S, cost_s / _IDLE_SHARE)
        self.earliest_s = now_s + self._cost_s / _BUSY_SHARE
        self.latest_s = now_s + max(LOOK_S, self._cost_s / _IDLE_SHARE)

    def _examine(self, path: str, log_input: LogInput, look: _Look) -> Found | None:
        """Return what a path is; None where that is nothing to tell."""
        linked = not look.inode
        try:
            facts = os.stat(path)
        except OSError as error:
            look.inode = 0
            self._hard_links.pop(path, None)
            gone = isinstance(error, FileNotFoundError | NotADirectoryError) and not os.path.islink(path)
            return None if gone else Found(path, log_input, error.strerror or str(error))
        identity, kind = (facts.st_dev, facts.st_ino), stat.S_IFMT(facts.st_mode)
        if not linked:
            look.inode = facts.st_ino
        if identity in look.own:
            return None
        if kind == stat.S_IFREG:
            self._add_places(path, identity, facts.st_nlink, linked, look.places)
        if identity in look.followed or identity in look.seen:
            return None
        if kind == stat.S_IFREG and not is_text(path):
            # Positions and records name it in JSON.
            return Found(path, log_input, _NO_TEXT, identity)
        look.seen.add(identity)
        if kind == stat.S_IFREG:
            unreadable = "" if os.access(path, os.R_OK) else "cannot be read by this user; run as root or in the group adm"
            return Found(path, log_input, unreadable, identity)
        if kind == stat.S_IFDIR and not path.endswith(".log"):
            return None
        return Found(path, log_input, _KINDS.get(kind, "is no regular file"), identity)

    def _add_places(self, path: str, identity: Identity, names: int, linked: bool, places: Places) -> None:
        """Have a file watched that is written under other names; the way of a symlink is remembered while it leads to the same file."""
        if names > 1:
            self._hard_links[path] = identity
        else:
            self._hard_links.pop(path, None)
        if not linked:
            return
        known = self._resolved.get(path)
        if known is None or known[0] != identity:
            known = self._resolved[path] = (identity, *resolve(path))
        if known[1] != path:
            places.add_alias(path, known[1], known[2])


def is_text(path: str) -> bool:
    """Tell whether a path is UTF-8: one that is not holds surrogates (PEP 383)."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def to_text(path: str) -> str:
    """Return a path as it can be told: with its bytes where it is not UTF-8."""
    return os.fsencode(path).decode(errors="backslashreplace")


def discover(log_input: LogInput, own: Collection[Identity]) -> list[Found]:
    """Return what an input's globs match now."""
    return Discovery([log_input]).look(own, (), 0.0)


def watched_directories(log_inputs: Iterable[LogInput]) -> Places:
    """Return what is to be watched for some inputs now."""
    discovery = Discovery(log_inputs)
    discovery.look((), (), 0.0)
    return discovery.places
