"""Which sources are followed: files as they come, the rest of what was rotated, and what was rotated before it was seen.

No coroutine in here: the pipeline calls it in its thread. Whatever is followed is a tail; what is known of it, and of all that was
followed before, is a position.
"""

import os
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import tzinfo

import msgspec

from fairlead.core.context import RunContext
from fairlead.core.logsetup import Log
from fairlead.core.record import Batch, Position
from fairlead.logs import identity
from fairlead.logs.discover import discover
from fairlead.logs.lines import LineBuilder
from fairlead.logs.redact import Redactor
from fairlead.logs.rotation import Rotations, describe_compressed
from fairlead.logs.settings import LogInput
from fairlead.logs.tail import BLOCK_BYTES, DONE, GONE, CompressedTail, FileTail, Tail
from fairlead.logs.timestamps import TimestampParser

log = Log("logs")
LINGER_S = 5.0
"""How long a renamed file is still watched after its end: its writer may not have reopened its log yet."""
SETTLE_NS = 1_000_000_000
"""A rotated file that nobody has seen is looked at when it was not written for so long: until then it may be a copy in the making."""
_ORPHAN_LOOKS = 2


class SourceStatus(msgspec.Struct, frozen=True):
    """Where a source stands; `problem` says why it is not read."""

    path: str
    offset: int = 0
    size: int = 0
    problem: str = ""


class _Names(msgspec.Struct):
    """What one look has to find quickly: the inodes that are open, known positions by inode, the paths of all of them."""

    open: set[tuple[int, int]]
    by_inode: dict[tuple[int, int], list[Position]]
    paths: set[str]


class FollowedFiles:
    """The tails of all sources; `look` finds what has come. `own` tells which files are our own, by (device, inode)."""

    def __init__(
        self,
        inputs: Sequence[LogInput],
        positions: Iterable[Position],
        context: RunContext,
        *,
        redactor: Redactor,
        backfill_bytes: int | None,
        own: Callable[[], frozenset[tuple[int, int]]],
        zone: tzinfo | None,
    ) -> None:
        self.inputs, self._redactor = list(inputs), redactor
        self._context, self._clock, self._own, self._zone = context, context.clock, own, zone
        self._known = {position.source: position for position in positions if position.kind != "journal"}
        self._backfill_bytes = None if self._known else backfill_bytes
        self.tails: dict[str, Tail] = {}
        self.moved_s: dict[str, float] = {}
        """When a source's file was found to be renamed, in monotonic seconds."""
        self.look_due_s = 0.0
        """When to look again, in monotonic seconds."""
        self._rotated: set[str] = set()
        self._input_at: dict[str, LogInput] = {}
        self._problems: dict[str, str] = {}
        self._first_look = True
        self._orphan_looks = _ORPHAN_LOOKS
        self._reloaded = False
        telemetry = context.telemetry
        self._skipped = telemetry.counter("fairlead_log_skipped_bytes_total", "Bytes passed over by policy.")
        self._gaps = telemetry.counter("fairlead_log_unknown_gaps_total", "Files truncated or deleted before all was known to be read.")
        telemetry.gauge("fairlead_log_lag_bytes", "Bytes of followed files that were not acknowledged yet.", self._lag_bytes)
        telemetry.gauge("fairlead_log_sources", "Files that are followed.", lambda: float(len(self.tails)))
        telemetry.gauge("fairlead_log_unreadable", "Files that match and cannot be followed.", lambda: float(len(self._problems)))

    def reload(self, inputs: Sequence[LogInput], redactor: Redactor) -> None:
        """Follow other inputs from the next look on; sources that no input matches any more are let go where they stand."""
        self.inputs, self._redactor = list(inputs), redactor
        for tail in self.tails.values():
            tail.builder.redactor = redactor
        self._problems.clear()
        self._reloaded = True
        self.look_due_s = 0.0

    def look(self) -> list[Batch]:
        """Follow what is new and what is left of rotated files; return empty batches that state that a source is gone."""
        names = self._names()
        problems: dict[str, str] = {}
        own = self._own()
        self._input_at.clear()
        for log_input in self.inputs:
            for found in discover(log_input, own):
                self._input_at.setdefault(found.path, log_input)
                problem = found.problem or self._open(found.path, log_input, names)
                if problem:
                    problems[found.path] = problem
                    if self._problems.get(found.path) != problem:
                        log.warning("file is not followed", path=found.path, problem=problem)
        self._problems = problems
        if self._reloaded:
            self._let_go()
        rotations = Rotations()
        gone = self._seek_orphans(rotations) if self._orphan_looks else []
        self._first_look = False
        self._seek_unseen(rotations)
        return gone

    def moved(self, tail: Tail) -> None:
        """Take note that a source's file was renamed: what came after it may have been, too."""
        self.moved_s[tail.position.source] = self._clock.monotonic()
        self._rotated.add(tail.position.path)
        self.look_due_s = 0.0

    def truncated(self, tail: Tail) -> None:
        """Go on in the copy that copytruncate made, and begin the file anew as another source."""
        position = tail.position
        assert isinstance(tail, FileTail)
        anew = self._describe_new(descriptor := tail.begin_anew(), position.path)
        moved_s = self.moved_s.get(position.source)
        self.drop(tail)
        self._follow(FileTail(descriptor, anew, self._builder(anew, self._input_of(position.path))))
        if moved_s is not None:
            self.moved_s[anew.source] = moved_s
        self._rotated.add(position.path)
        self.look_due_s = 0.0
        if not self._follow_successor(position, self._input_of(position.path), Rotations()):
            self._gaps.add()
            log.warning("file was truncated, what was written since the last read is unknown", path=position.path, offset=position.offset)
            self._known[position.source] = msgspec.structs.replace(position, kind=GONE)

    def acknowledged(self, tail: Tail, position: Position) -> None:
        """Move a source's position."""
        tail.position = self._known[position.source] = position
        if position.kind == DONE:
            self.drop(tail)

    def failed(self, tail: Tail, error: Exception) -> None:
        """Give up a source that cannot be read any more."""
        position = tail.position
        self._gaps.add()
        log.warning("file cannot be read any more", path=position.path, offset=position.offset, error=error)
        self._known[position.source] = msgspec.structs.replace(position, kind=GONE)
        self.drop(tail)

    def drop(self, tail: Tail) -> None:
        """Let go of a source where it stands."""
        tail.close()
        self.tails.pop(tail.position.source, None)
        self.moved_s.pop(tail.position.source, None)

    def statuses(self) -> list[SourceStatus]:
        """Return every followed file and every one that cannot be."""
        followed = [SourceStatus(tail.position.path, tail.position.offset, tail.size()) for tail in list(self.tails.values())]
        return followed + [SourceStatus(path, problem=problem) for path, problem in list(self._problems.items())]

    def close(self) -> None:
        """Close every file."""
        for tail in self.tails.values():
            tail.close()
        self.tails.clear()

    def _names(self) -> _Names:
        by_inode: dict[tuple[int, int], list[Position]] = {}
        for position in self._known.values():
            by_inode.setdefault((position.device, position.inode), []).append(position)
        opened = {tail.identity for tail in self.tails.values() if isinstance(tail, FileTail)}
        return _Names(opened, by_inode, {position.path for position in self._known.values()})

    def _let_go(self) -> None:
        self._reloaded = False
        for source, tail in list(self.tails.items()):
            if source not in self.moved_s and tail.position.path not in self._input_at:
                self.drop(tail)

    def _lag_bytes(self) -> float:
        return float(sum(max(0, tail.size() - tail.position.offset) for tail in list(self.tails.values())))

    def _open(self, path: str, log_input: LogInput, names: "_Names") -> str:
        """Follow a file unless it is followed already; return what keeps it from being followed."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        except OSError as error:
            return error.strerror or str(error)
        facts = os.fstat(descriptor)
        inode = facts.st_dev, facts.st_ino
        if inode in names.open:
            os.close(descriptor)
            return ""
        names.open.add(inode)
        candidates = (position for position in names.by_inode.get(inode, ()) if position.source not in self.tails)
        known = next((position for position in candidates if identity.is_same_file(descriptor, position)), None)
        if known is None:
            if path in names.paths:
                self._rotated.add(path)
            known = self._begin(descriptor, path, log_input)
        position = msgspec.structs.replace(known, path=path, kind="file")
        self._follow(FileTail(descriptor, position, self._builder(position, log_input)))
        return ""

    def _begin(self, descriptor: int, path: str, log_input: LogInput) -> Position:
        """Return the position at which a file is begun that is met for the first time."""
        size = os.fstat(descriptor).st_size
        offset = 0
        if log_input.read_from == "end":
            offset = size
        elif self._backfill_bytes is not None and self._first_look and size > self._backfill_bytes:
            offset = _line_start(descriptor, size - self._backfill_bytes, size)
        if offset:
            self._skipped.add(offset)
            log.info("older part of a file skipped", path=path, skipped_bytes=offset)
        return self._describe_new(descriptor, path, offset)

    def _describe_new(self, descriptor: int, path: str, offset: int = 0) -> Position:
        now_ns = self._clock.wall_ns()
        return identity.describe(descriptor, identity.mint_source(), path, offset, offset, now_ns, now_ns)

    def _builder(self, position: Position, log_input: LogInput) -> LineBuilder:
        parser = TimestampParser(self._zone)
        return LineBuilder(position.offset, log_input.max_line_bytes, parser, self._redactor, log_input.fields)

    def _follow(self, tail: Tail) -> None:
        self.tails[tail.position.source] = tail
        self._known[tail.position.source] = tail.position

    def _seek_orphans(self, rotations: Rotations) -> list[Batch]:
        """Follow the rotated files of known sources; return what states that a source is gone.

        It is gone when it was sought twice: at the first look a rotation may just be renaming the files.
        """
        gone: list[Batch] = []
        if self._orphan_looks == _ORPHAN_LOOKS:
            self._rotated |= {position.path for position in self._known.values()}
        self._orphan_looks -= 1
        for position in list(self._known.values()):
            if position.source in self.tails or position.kind in (DONE, GONE):
                continue
            if self._follow_successor(position, self._input_of(position.path), rotations):
                continue
            if self._orphan_looks:
                self.look_due_s = min(self.look_due_s, self._clock.monotonic() + SETTLE_NS / 1e9)
            else:
                self._gaps.add()
                log.warning(
                    "file vanished while nobody read it, what it held behind the offset is unknown",
                    path=position.path,
                    offset=position.offset,
                )
                last = msgspec.structs.replace(position, kind=GONE, updated_ns=self._clock.wall_ns())
                self._known[last.source] = last
                place = last.source, last.path, last.offset, last.offset, last.updated_ns
                gone.append(Batch(*place, [], last, self._context.host, self._context.agent_id))
        return gone

    def _follow_successor(self, position: Position, log_input: LogInput, rotations: Rotations) -> bool:
        """Follow the rotated file in which a source goes on, to its end; return whether there is one."""
        successor = rotations.find_successor(position)
        if successor is None:
            return False
        builder = self._builder(position, log_input)
        self._follow((CompressedTail if successor.compressed else FileTail)(successor.descriptor, position, builder))
        self.moved_s[position.source] = self._clock.monotonic() - LINGER_S
        return True

    def _seek_unseen(self, rotations: Rotations) -> None:
        """Follow what was begun and rotated away, at the paths that saw a rotation, between two looks."""
        rotated, self._rotated = self._rotated, set()
        known: dict[str, list[Position]] = {path: [] for path in rotated}
        for position in self._known.values():
            if position.path in known:
                known[position.path].append(position)
        for path, positions in known.items():
            self._follow_unseen(path, positions, rotations)

    def _follow_unseen(self, path: str, known: Sequence[Position], rotations: Rotations) -> None:
        now_ns = self._clock.wall_ns()
        # What is followed has grown since it was met: its head says more now.
        known = [tail.describe(now_ns) if (tail := self.tails.get(position.source)) else position for position in known]
        found, unsettled = rotations.find_unseen(path, known, now_ns - SETTLE_NS)
        if unsettled:
            self._rotated.add(path)
            self.look_due_s = min(self.look_due_s, self._clock.monotonic() + SETTLE_NS / 1e9)
        for unseen in found:
            try:
                if unseen.compressed:
                    position = describe_compressed(unseen.descriptor, identity.mint_source(), path, now_ns)
                else:
                    position = self._describe_new(unseen.descriptor, path)
            except (OSError, EOFError, zlib.error) as error:
                os.close(unseen.descriptor)
                log.warning("rotated file cannot be read", path=unseen.path, error=error)
                continue
            log.info("file was rotated before it was seen, reading it", path=path, rotated_to=unseen.path)
            builder = self._builder(position, self._input_of(path))
            self._follow((CompressedTail if unseen.compressed else FileTail)(unseen.descriptor, position, builder))
            self.moved_s[position.source] = self._clock.monotonic()

    def _input_of(self, path: str) -> LogInput:
        """Return the input that a path was found by; one that is not there now is taken as the first input's."""
        return self._input_at.get(path) or next(iter(self.inputs), LogInput(paths=[path]))


def own_files(*paths: str) -> frozenset[tuple[int, int]]:
    """Return what is never followed, by (device, inode): what standard output and error go to, these files, and all in these folders."""
    inside = [entry.path for path in paths if os.path.isdir(path) for entry in os.scandir(path)]
    places: tuple[int | str, ...] = (1, 2, *paths, *inside)
    found = set()
    for place in places:
        with suppress(OSError):
            facts = os.stat(place)
            found.add((facts.st_dev, facts.st_ino))
    return frozenset(found)


def _line_start(descriptor: int, offset: int, size: int) -> int:
    """Return where the first line begins at or behind an offset."""
    while offset < size:
        block = os.pread(descriptor, BLOCK_BYTES, offset)
        newline = block.find(b"\n")
        if newline >= 0:
            return offset + newline + 1
        if not block:
            break
        offset += len(block)
    return size
