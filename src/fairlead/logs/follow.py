"""Which sources are followed: files as they come, the rest of what was rotated, and what was rotated before it was seen.

No coroutine in here: the pipeline calls it in its thread. Whatever is followed is a tail; what is known of it, and of all that was
followed before, is a position.
"""

import os
import resource
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import tzinfo

import msgspec

from fairlead.core.context import RunContext
from fairlead.core.logsetup import Log
from fairlead.core.record import Batch, Position
from fairlead.logs.beginning import Beginning
from fairlead.logs.births import NOTHING, Births, Names
from fairlead.logs.discover import Discovery, Found, is_text
from fairlead.logs.gaps import Gaps
from fairlead.logs.listings import Identity
from fairlead.logs.looks import Looks
from fairlead.logs.missed import Missed
from fairlead.logs.newcomers import Newcomers
from fairlead.logs.orphans import Orphan, Orphans
from fairlead.logs.redact import Redactor
from fairlead.logs.rotation import Rotations, base_name
from fairlead.logs.settings import LogInput
from fairlead.logs.sources import Sources
from fairlead.logs.tail import DONE, Encoding, FileTail, Tail
from fairlead.logs.tails import Tails
from fairlead.logs.waking import Waking

log = Log("logs")
LINGER_S = 5.0
"""How long a renamed file is still watched after its end: its writer may not have reopened its log yet."""
SETTLE_NS = 1_000_000_000
"""A rotated file that nobody has seen is looked at when it was not written for so long: until then it may be a copy in the making."""
RESERVED_DESCRIPTORS = 256
"""Of the open files that this user may have, so many are left for rotated files, the checkpoint, the spool and connections."""


class SourceStatus(msgspec.Struct, frozen=True):
    """Where a source stands; `problem` says why it is not read."""

    path: str
    offset: int = 0
    size: int = 0
    problem: str = ""


class FollowedFiles:
    """The tails of all sources; `look` finds what has come. `own` tells which files are our own, by (device, inode).

    At most `most_files` are open at a time, by default what this user may open but for a reserve. Below that every file is held open,
    so that one which is deleted is still read; beyond, those without anything to read are parked, as told in resting.py.
    """

    def __init__(
        self,
        inputs: Sequence[LogInput],
        positions: Iterable[Position],
        context: RunContext,
        *,
        redactor: Redactor,
        backfill_bytes: int | None,
        own: Callable[[], frozenset[Identity]],
        zone: tzinfo | None,
        encoding: Encoding | None = None,
        is_watched: Callable[[str], bool] = lambda folder: False,
        most_files: int | None = None,
    ) -> None:
        self._clock, self._own = context.clock, own
        self._sources = sources = Sources(positions)
        backfill_bytes = None if len(sources) else backfill_bytes
        self._beginning = beginning = Beginning(inputs, redactor, context, backfill_bytes=backfill_bytes, zone=zone, encoding=encoding)
        self.looks = looks = Looks(context.clock, LINGER_S, SETTLE_NS)
        self._tails = tails = Tails(sources)
        self._gaps = gaps = Gaps(sources, context, self._move)
        self._births = Births(self._base_of, is_watched, self._has_vanished)
        self._truncated: set[str] = set()
        """Paths whose files are copied and truncated: what is found of their rotated ones are copies."""
        self._waking = waking = Waking(sources, tails, beginning, most_files or _most_files(), self._lost)
        self._orphans = Orphans(sources, tails, gaps, beginning, looks, context.clock, self._truncated, waking)
        self._missed = Missed(sources, tails, self._births, gaps, beginning, looks, context.clock, self._truncated, waking)
        self._newcomers = Newcomers(sources, tails, self._births, beginning, self._missed, waking, self._base_of)
        self._first_look, self._orphans_due = True, False
        self._reloaded = False
        telemetry = context.telemetry
        telemetry.gauge("fairlead_log_lag_bytes", "Bytes of followed files that were not acknowledged yet.", self._lag_bytes)
        telemetry.gauge("fairlead_log_sources", "Files that are followed.", lambda: float(len(self)))
        telemetry.gauge("fairlead_log_unreadable", "Files that match and cannot be followed.", lambda: float(len(self._newcomers.problems)))

    def __len__(self) -> int:
        return len(self._tails)

    @property
    def tails(self) -> dict[str, Tail]:
        """The tails of the sources that were read last, or have something to read; the others rest."""
        return self._tails.open

    @property
    def moved_s(self) -> dict[str, float]:
        """When a source's file was found to be renamed, in monotonic seconds."""
        return self._tails.moved_s

    @property
    def discovery(self) -> Discovery:
        """What looks for files."""
        return self._beginning.discovery

    def reload(self, inputs: Sequence[LogInput], redactor: Redactor) -> None:
        """Follow other inputs from the next look on; sources that no input matches any more are let go where they stand."""
        before = self.discovery
        self._beginning.reload(inputs, redactor)
        for tail in self.tails.values():
            self._beginning.change(tail, before, redactor)
        self._newcomers.problems.clear()
        self._births.forget()
        self._reloaded = True
        self.looks.now()

    def take_told(self) -> list[Batch]:
        """Return empty batches that tell what has become of sources; only while no batch is under way."""
        return self._gaps.take_told()

    def take_fresh(self) -> set[str]:
        """Return the sources that are followed since the last call: each has something to read."""
        return self._tails.take_fresh()

    def wake(self, source: str) -> Tail | None:
        """Return the tail of a source that has something to read; None where it is followed no more, or cannot be opened now."""
        return self._waking.wake(source)

    @property
    def untidy(self) -> bool:
        """Whether `tidy` has something to do."""
        return self._waking.untidy

    def tidy(self) -> None:
        """Have those rest that were not read for longest, as far as they are too many; no batch may be under way."""
        self._waking.tidy()

    def note_held(self, tail: Tail) -> None:
        """Take note of what a tail holds of an unfinished line."""
        self._waking.note_held(tail)

    def behind(self, source: str) -> tuple[int, int]:
        """Return how many bytes of a source are known to be there and were not acknowledged, and when it was read last."""
        tail, rest = self.tails.get(source), self._tails.rest.get(source)
        if tail:
            return tail.size() - tail.position.offset, tail.position.updated_ns
        if rest is None:
            return 0, 0
        position = self._sources[source]
        return rest.size - position.offset, position.updated_ns

    def modified_at(self, path: str) -> None:
        """Take note that a file was written; what is parked there may not be as it was. Called while a look may be at work."""
        rest = self._tails.rest
        rest.doubted.update(source for source in self._tails.sources_at(path) if source in rest.parked)

    def written_at(self, path: str) -> list[str]:
        """Return the sources that a write at a path may be of; called while a look may be at work in its thread."""
        return self._tails.written_at(path)

    def grown(self, share: float = 1.0) -> list[str]:
        """Return the sources whose files changed since they were read, where nothing told of it: of a share of those at rest."""
        changed = [tail.position.source for tail in self._tails.files() if tail.has_changed()]
        return changed + self._waking.changed(share)

    def look(self, names: Names = NOTHING, *, polling: bool = False) -> None:
        """Follow what is new and what is left of rotated files; `names` is what events told before, which is not all when `polling`."""
        self._births.begin_look(names, self._clock.wall_ns())
        self._missed.unsettled.clear()
        for path in names.stirred:
            # A listing does not show that there is another file with the same inode, whose number was free again.
            if log_input := self.discovery.input_of(path):
                self.discovery.retry(Found(path, log_input))
        everywhere = polling or names.overflowed
        self._check_resting(names, everywhere=everywhere)
        self._newcomers.look(self._own(), self._clock.monotonic())
        if self._reloaded:
            self._let_go()
        self._find_moved(names, everywhere=everywhere)
        if self._first_look:
            # Rotated files are sought when what becomes of them meanwhile is told: once their folders are watched.
            self._first_look, self._orphans_due, self._beginning.backfill_bytes = False, True, None
            self.looks.now()
            return
        if self._orphans_due:
            self._orphans_due = False
            self._orphans.add_unfollowed()
            # Their paths may have rotated since.
            self._missed.rotated.update(position.path for position in self._sources)
        rotations = Rotations()
        self._orphans.seek(rotations)
        self._missed.rotated.update(self._births.owing())
        self._missed.seek(rotations)

    def reckon(self, names: Names) -> None:
        """Find out whether something has come and gone unseen; `names` is what events told during the look."""
        self._gaps.found(self._births.end_look(names, self._missed.paths()))

    def moved(self, tail: Tail) -> None:
        """Take note that a source's file was renamed: what came after it may have been, too."""
        self.moved_s[tail.position.source] = self._clock.monotonic()
        self._missed.rotated.add(tail.position.path)
        self._truncated.discard(tail.position.path)
        self.looks.now()

    def truncated(self, tail: Tail, *, torn: bool = False) -> None:
        """Go on in the copy that copytruncate made, and begin the file anew as another source.

        `torn` tells that this was seen when it had been read again: what was read since its position is not to be trusted.
        """
        position = tail.position
        assert isinstance(tail, FileTail)
        anew = self._beginning.describe(descriptor := tail.begin_anew(), position.path)
        moved_s = self.moved_s.get(position.source)
        self.drop(tail)
        self._tails.follow(FileTail(descriptor, anew, self._beginning.builder(anew, self._beginning.input_of(position.path))))
        if moved_s is not None:
            self.moved_s[anew.source] = moved_s
        self._missed.rotated.add(position.path)
        self._truncated.add(position.path)
        self._orphans.add(Orphan(position, tail.seen, None if torn else tail))
        self._orphans.seek(Rotations())
        self.looks.now()

    def skip_hole(self, tail: Tail) -> bool:
        """Pass over the zeros that a file begins with; return whether there is something behind them."""
        if not isinstance(tail, FileTail):
            return True
        there = self._beginning.skip_hole(tail)
        if isinstance(there, Position):
            self._sources.know(there)
        elif not there:
            tail.blank_bytes = tail.size()
        return bool(there)

    def acknowledged(self, tail: Tail, position: Position) -> None:
        """Move a source's position."""
        tail.position = position
        self._sources.know(position)
        self._waking.acknowledged()
        if position.kind == DONE:
            self.drop(tail)

    def failed(self, tail: Tail, error: Exception) -> None:
        """Give up a source that cannot be read any more."""
        position = tail.position
        log.warning("file cannot be read any more", path=position.path, offset=position.offset, error=error)
        self.drop(tail)
        self._gaps.lose(position)

    def drop(self, tail: Tail) -> None:
        """Let go of a source where it stands."""
        if self._tails.drop(tail) and isinstance(tail, FileTail):
            self.discovery.forget(tail.identity)

    def statuses(self) -> list[SourceStatus]:
        """Return every followed file and every one that cannot be."""
        followed = [SourceStatus(tail.position.path, tail.position.offset, tail.size()) for tail in list(self.tails.values())]
        for source in self._tails.rest:
            if rest := self._tails.rest.get(source):
                position = self._sources[source]
                followed.append(SourceStatus(position.path, position.offset, rest.size))
        return followed + [SourceStatus(path, problem=problem) for path, problem in list(self._newcomers.problems.items())]

    def close(self) -> None:
        """Close every file."""
        self._tails.close()
        self._missed.close()

    def _check_resting(self, names: Names, *, everywhere: bool) -> None:
        """Wake the sources at rest whose files changed, or lost their names."""
        sources = [source for path in names.touched() for source in self._tails.sources_at(path)]
        changed = self._waking.check(sources, stirred=True, doubt=names.overflowed)
        if everywhere:
            changed += self._waking.check(list(self._tails.rest), doubt=names.overflowed)
        for source in changed:
            self._tails.refresh(source)

    def _find_moved(self, names: Names, *, everywhere: bool) -> None:
        """Take note of the files that lost their names: also of those that are not read now, because the sink is away."""
        sources = list(self.tails) if everywhere else [source for path in names.touched() for source in self._tails.sources_at(path)]
        for source in sources:
            tail = self.tails.get(source)
            if source not in self.moved_s and isinstance(tail, FileTail) and not tail.has_its_name():
                self.moved(tail)

    def _lost(self, position: Position, finished: bool) -> None:
        """Seek a source whose file was parked and does not stand at its path: renamed, it is found by its identity."""
        self.discovery.forget((position.device, position.inode))
        self._missed.rotated.add(position.path)
        self._truncated.discard(position.path)
        self._orphans.add(Orphan(position, finished=finished))
        self.looks.now()

    def _let_go(self) -> None:
        self._reloaded = False
        for source, tail in list(self.tails.items()):
            if source not in self.moved_s and self.discovery.input_of(tail.position.path) is None:
                self.drop(tail)
        for source in self._tails.rest:
            if self.discovery.input_of(self._sources[source].path) is None and (position := self._waking.drop(source)):
                self.discovery.forget((position.device, position.inode))

    def _move(self, position: Position) -> None:
        """Give a new position to what follows a source, or seeks its file."""
        if tail := self.tails.get(position.source):
            tail.position = position
        self._orphans.moved(position)

    def _lag_bytes(self) -> float:
        awake = sum(max(0, tail.size() - tail.position.offset) for tail in list(self.tails.values()))
        return float(awake + self._waking.unread_bytes())

    def _base_of(self, path: str) -> str:
        """Return the path to which a file of this name belongs: of a rotated one its log's; "" where it is no log."""
        base = base_name(path)
        if base != path and (self._tails.has_any_at(base) or self.discovery.input_of(base)):
            return base
        return path if self.discovery.input_of(path) and is_text(path) else ""

    def _has_vanished(self, path: str, since_ns: int) -> bool:
        """Tell whether the file that was followed at a path before a time is deleted."""
        self._waking.check(self._tails.sources_at(path))
        found = [(tail.position, tail.is_deleted()) for tail in self._tails.files_at(path)]
        found += [(self._sources[source], False) for source in self._tails.sources_at(path) if source in self._tails.rest]
        found += [(position, True) for position in self._orphans.parked_at(path)]
        before = [one for one in found if one[0].met_ns < since_ns]
        newest, deleted = max(before, key=lambda one: one[0].met_ns, default=(None, False))
        if newest is None or not deleted:
            return False
        compressed = Rotations().find_successor(newest)
        if compressed:
            os.close(compressed.descriptor)
        return compressed is None


def _most_files() -> int:
    """Return how many files may be open at a time."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return sys.maxsize if limit == resource.RLIM_INFINITY else max(limit - RESERVED_DESCRIPTORS, limit // 4)
