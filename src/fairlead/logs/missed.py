"""Rotated files that nobody has seen under their first names: which of them are read, and which are copies of what was."""

import os
import zlib

from fairlead.core.clock import Clock
from fairlead.core.logsetup import Log
from fairlead.logs import identity
from fairlead.logs.beginning import Beginning
from fairlead.logs.births import Births
from fairlead.logs.gaps import Gaps
from fairlead.logs.listings import Identity
from fairlead.logs.looks import Looks
from fairlead.logs.resting import RestOriginal
from fairlead.logs.rotation import Judged, Known, Rotations, Successor, describe_compressed
from fairlead.logs.sources import Sources
from fairlead.logs.tail import CompressedTail, FileTail, Tail
from fairlead.logs.tails import Tails
from fairlead.logs.unseen import Unseen
from fairlead.logs.waking import Waking

log = Log("logs")


class Missed:
    """Looks through the rotated files of the paths that saw a rotation.

    `truncated` are the paths whose files are copied and truncated: what is found of their rotated ones are copies.
    """

    def __init__(
        self,
        sources: Sources,
        tails: Tails,
        births: Births,
        gaps: Gaps,
        beginning: Beginning,
        looks: Looks,
        clock: Clock,
        truncated: set[str],
        waking: Waking,
    ) -> None:
        self._sources, self._tails, self._births, self._gaps, self._beginning = sources, tails, births, gaps, beginning
        self._looks, self._clock, self._truncated, self._waking = looks, clock, truncated, waking
        self._unseen, self._judged, self._doubted = Unseen(), Judged(), set[Identity]()
        self.rotated: set[str] = set()
        """Paths that saw a rotation since the last look."""
        self.unsettled: set[str] = set()
        """Paths of which a rotated file is still to be judged."""
        self._borrowed: list[RestOriginal] = []

    def paths(self) -> set[str]:
        """Return the paths of which files may still come to light."""
        return self._unseen.paths() | self._unseen.left_out | self.rotated | self.unsettled

    def seek(self, rotations: Rotations) -> None:
        """Follow what was begun and rotated away, at the paths that saw a rotation, between two looks."""
        rotated, self.rotated = self.rotated | self._unseen.paths() | self._unseen.left_out, set()
        opened = self._tails.identities()
        for path in rotated:
            now_s, settled_ns, still_s = self._clock.monotonic(), 0, 0.0
            if not self._await_truncation(path):
                settled_ns, still_s = self._clock.wall_ns() - self._looks.settle_ns, now_s - self._looks.settle_ns / 1e9
            known = self._known_at(path)
            for unseen in self._unseen.find(path, known, rotations, settled_ns, still_s, now_s, self._waking.free()):
                # One may be another's copy, or what came of it when it was compressed; or be followed at another path.
                if unseen.identity in opened or known.has(unseen) or not (tail := self._follow(path, unseen)):
                    os.close(unseen.descriptor)
                else:
                    known.add(tail.position, tail if isinstance(tail, FileTail) else None)
                    opened.add(unseen.identity)
            self._give_back()
        if self._unseen.paths() or self._unseen.left_out:
            self._looks.soon()

    def may_be_copy(self, candidate: Successor, base: str) -> bool:
        """Tell whether a file with a rotated name is a copy of what was followed under its first name, or may become one."""
        try:
            if self._known_at(base).has(candidate):
                return True
        finally:
            self._give_back()
        if os.fstat(candidate.descriptor).st_mtime_ns <= self._clock.wall_ns() - self._looks.settle_ns:
            return False
        self.unsettled.add(base)
        self._looks.soon()
        return True

    def close(self) -> None:
        """Close what is held."""
        self._unseen.close()

    def _await_truncation(self, path: str) -> bool:
        """Tell whether a path has a truncated file that was not read since: what it holds now may be in a rotated file, too."""
        self._waking.check(self._tails.sources_at(path))
        truncated = [tail.position.source for tail in self._tails.files_at(path) if tail.may_be_truncated()]
        for source in truncated:
            self._tails.refresh(source)
        if truncated:
            self.rotated.add(path)
            self._looks.soon()
        return bool(truncated)

    def _known_at(self, path: str) -> Known:
        """Return what is known of a path's sources: as it was acknowledged, and as it stands in the files that are open."""
        now_ns, positions = self._clock.wall_ns(), self._sources.at(path)
        since_ns = [position.met_ns for position in positions if position.met_ns]
        if born_ns := self._births.born_ns(path):
            since_ns.append(born_ns)
        # By a clock that was set back nothing can be told: all is looked at then.
        set_back = any(met_ns > now_ns for met_ns in since_ns)
        first_ns = 0 if set_back else min(since_ns, default=now_ns - self._looks.settle_ns)
        known = Known(first_ns, self._judged, self._doubt, self._sources.of)
        for position in positions:
            tail = self._tails.open.get(position.source)
            if rest := self._tails.rest.get(position.source):
                self._borrowed.append(original := RestOriginal(position, rest))
                known.add(position, original)
            else:
                known.add(position, tail if isinstance(tail, FileTail) else None)
        return known

    def _give_back(self) -> None:
        for original in self._borrowed:
            original.close()
        self._borrowed.clear()

    def _doubt(self, candidate: Successor) -> None:
        """Tell once that a file is taken for a copy."""
        if candidate.identity not in self._doubted:
            self._doubted.add(candidate.identity)
            log.warning("rotated file begins as one that was read, and is taken for its copy", path=candidate.path)

    def _follow(self, path: str, unseen: Successor) -> Tail | None:
        try:
            if unseen.compressed:
                position = describe_compressed(unseen.descriptor, identity.mint_source(), path, self._clock.wall_ns())
            else:
                position = self._beginning.describe(unseen.descriptor, path)
        except (OSError, EOFError, zlib.error) as error:
            log.warning("rotated file cannot be read", path=unseen.path, error=error)
            return None
        log.info("file was rotated before it was seen, reading it", path=path, rotated_to=unseen.path)
        if path in self._truncated:
            log.warning("file was truncated before it was seen, what came after its copy is unknown", path=path, copied_to=unseen.path)
            position = self._gaps.mark(position)
        else:
            self._births.found(path, unseen.identity)
        builder = self._beginning.builder(position, self._beginning.input_of(path))
        tail = (CompressedTail if unseen.compressed else FileTail)(unseen.descriptor, position, builder)
        self._tails.follow(tail)
        self._tails.moved_s[position.source] = self._clock.monotonic()
        return tail
