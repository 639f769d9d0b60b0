"""Files that are found and not followed yet: each goes on where its source stands, or is begun as a new one, or told as unreadable."""

import os
from collections.abc import Callable, Collection, Mapping

import msgspec

from fairlead.core.logsetup import Log
from fairlead.core.record import Position
from fairlead.logs import identity
from fairlead.logs.beginning import Beginning
from fairlead.logs.births import Births
from fairlead.logs.discover import Found
from fairlead.logs.listings import Identity
from fairlead.logs.missed import Missed
from fairlead.logs.rotation import Successor
from fairlead.logs.sources import Sources
from fairlead.logs.tails import Identities, Tails
from fairlead.logs.waking import Waking

log = Log("logs")


class Newcomers:
    """Opens what discovery finds. `base_of` returns the path to which a file of this name belongs."""

    def __init__(
        self,
        sources: Sources,
        tails: Tails,
        births: Births,
        beginning: Beginning,
        missed: Missed,
        waking: Waking,
        base_of: Callable[[str], str],
    ) -> None:
        self._sources, self._tails, self._births, self._beginning, self._missed = sources, tails, births, beginning, missed
        self._waking, self._base_of = waking, base_of
        self.problems: dict[str, str] = {}
        """Why a path is not followed."""

    def look(self, own: Collection[Identity], now_s: float) -> None:
        """Follow the files that are new, but those that are our `own`; log which cannot be. `now_s` is monotonic."""
        problems: dict[str, str] = {}
        opened = self._tails.identities()
        for found in self._beginning.discovery.look(own, opened, now_s):
            problem = found.problem
            if not problem:
                problem = self._open(found, opened)
                if problem:
                    self._beginning.discovery.retry(found)
            if problem:
                problems[found.path] = problem
        self._tell(problems)
        self.problems = problems

    def _open(self, found: Found, opened: Identities) -> str:
        """Follow a file unless it is followed already; return what keeps it from being followed."""
        path = found.path
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        except OSError as error:
            return error.strerror or str(error)
        facts = os.fstat(descriptor)
        inode = facts.st_dev, facts.st_ino
        if inode != found.identity:
            # Exchanged since it was found: the next listing may show the same inode again.
            self._beginning.discovery.retry(found)
        if inode in opened:
            os.close(descriptor)
            return ""
        known = self._recognise(descriptor, inode)
        position = known or self._begin(descriptor, inode, found)
        if position is None:
            os.close(descriptor)
            return ""
        opened.add(inode)
        if (position.path, position.kind) != (path, "file"):
            position = msgspec.structs.replace(position, path=path, kind="file")
        self._waking.begin(position, descriptor, known=bool(known))
        return ""

    def _recognise(self, descriptor: int, inode: Identity) -> Position | None:
        """Return where the source stands that goes on in an open file; None where it is a new one."""
        candidates = (position for position in self._sources.of(inode) if position.source not in self._tails)
        return next((position for position in candidates if identity.is_same_file(descriptor, position)), None)

    def _begin(self, descriptor: int, inode: Identity, found: Found) -> Position | None:
        """Return where a file is begun that is met for the first time; None where it is, or may become, a copy of another."""
        base = self._base_of(found.path)
        if base != found.path and self._missed.may_be_copy(Successor(found.path, False, descriptor, inode), base):
            if base in self._missed.unsettled:
                self._beginning.discovery.retry(found)
            return None
        if self._sources.met(found.path):
            self._missed.rotated.add(found.path)
        self._births.found(base, inode)
        return self._beginning.begin(descriptor, found.path, found.log_input)

    def _tell(self, problems: Mapping[str, str]) -> None:
        """Log what keeps files from being followed, as far as it is new: each kind of problem once, however many files have it."""
        fresh: dict[str, list[str]] = {}
        for path, problem in problems.items():
            if self.problems.get(path) != problem:
                fresh.setdefault(problem, []).append(path)
        for problem, paths in fresh.items():
            more = {"more_files": len(paths) - 1} if len(paths) > 1 else {}
            log.warning("file is not followed", path=paths[0], **more, problem=problem)
