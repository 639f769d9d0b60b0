"""Wires the agent's side of logs: discover -> tail -> batches -> deliver -> positions.

One loop: look for files when names changed (or every RESCAN_S), read a round of blocks from the files that have something,
deliver them, and only then move the positions and read on. So a sink that waits stops the reading: the log files are the
queue. Reading and parsing run in a thread; between the rounds of a backlog the loop rests so long that all of the program,
the store's writing included, costs CPU_SHARE of a core.
"""

import asyncio
import os
import time
import zlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from datetime import tzinfo
from typing import TypeVar

import msgspec

from fairlead.core.clock import Clock
from fairlead.core.logsetup import Log
from fairlead.core.readiness import Readiness
from fairlead.core.record import Batch, Position
from fairlead.core.telemetry import Telemetry
from fairlead.logs import identity
from fairlead.logs.discover import discover, watched_directories
from fairlead.logs.lines import LineBuilder
from fairlead.logs.redact import Redactor
from fairlead.logs.rotation import Rotations, describe_compressed
from fairlead.logs.settings import LogInput
from fairlead.logs.tail import BLOCK_BYTES, DONE, GONE, CompressedTail, FileTail, State, Tail, to_batch
from fairlead.logs.timestamps import TimestampParser
from fairlead.logs.watch import Watcher

log = Log("logs")
RESCAN_S = 10.0
ROUND_BYTES = 1 << 20
LINGER_S = 5.0
"""How long a renamed file is still watched after its end: its writer may not have reopened its log yet."""
SETTLE_NS = 1_000_000_000
"""A rotated file that nobody has seen is looked at when it was not written for so long: until then it may be a copy in the making."""
CPU_SHARE = 0.5
_ORPHAN_LOOKS = 2
_QUICK_ROUND_S = 0.002

Deliver = Callable[[Sequence[Batch]], Awaitable[None]]
T = TypeVar("T")


class SourceStatus(msgspec.Struct, frozen=True):
    """Where a source stands; `problem` says why it is not read."""

    path: str
    offset: int = 0
    size: int = 0
    problem: str = ""


class Pipeline:
    """Follows files until cancelled. `own` tells which files are our own, by (device, inode)."""

    def __init__(
        self,
        inputs: Sequence[LogInput],
        deliver: Deliver,
        positions: Iterable[Position],
        *,
        redactor: Redactor,
        host: str,
        agent_id: str,
        clock: Clock,
        telemetry: Telemetry,
        readiness: Readiness,
        backfill_bytes: int | None = None,
        own: Callable[[], frozenset[tuple[int, int]]] = frozenset,
        zone: tzinfo | None = None,
    ) -> None:
        self._inputs, self._deliver, self._redactor = list(inputs), deliver, redactor
        self._host, self._agent_id, self._clock, self._own, self._zone = host, agent_id, clock, own, zone
        self._known = {position.source: position for position in positions if position.kind != "journal"}
        self._backfill_bytes = None if self._known else backfill_bytes
        self._tails: dict[str, Tail] = {}
        self._moved_s: dict[str, float] = {}
        self._rotated: set[str] = set()
        self._input_at: dict[str, LogInput] = {}
        self._busy: set[str] = set()
        self._problems: dict[str, str] = {}
        self._wake = asyncio.Event()
        self._rescan_due_s = 0.0
        self._first_scan = True
        self._reloaded = False
        self._orphan_looks = _ORPHAN_LOOKS
        self._watcher: Watcher | None = None
        self._count(telemetry)
        readiness.add("logs", lambda: self._watcher.problem if self._watcher else "")

    def _count(self, telemetry: Telemetry) -> None:
        self._lines = telemetry.counter("fairlead_log_lines_total", "Log lines read and acknowledged.")
        self._bytes = telemetry.counter("fairlead_log_bytes_total", "Bytes of logs read and acknowledged.")
        self._skipped = telemetry.counter("fairlead_log_skipped_bytes_total", "Bytes passed over by policy.")
        self._gaps = telemetry.counter("fairlead_log_unknown_gaps_total", "Files truncated or deleted before all was known to be read.")
        telemetry.gauge("fairlead_log_lag_bytes", "Bytes of followed files that were not acknowledged yet.", self._lag_bytes)
        telemetry.gauge("fairlead_log_sources", "Files that are followed.", lambda: float(len(self._tails)))
        telemetry.gauge("fairlead_log_unreadable", "Files that match and cannot be followed.", lambda: float(len(self._problems)))

    async def run(self) -> None:
        """Follow the files until cancelled."""
        self._watcher = Watcher(self._on_write, self._on_structure)
        try:
            while True:
                if self._clock.monotonic() >= self._rescan_due_s:
                    await self._rescan()
                begin_s, begin_cpu_s = self._clock.monotonic(), time.process_time()
                batches = await _in_thread(self._read_round) if self._busy else []
                if batches:
                    await self._deliver([batch for _, batch in batches])
                    self._acknowledge(batches)
                took_s, cpu_s = self._clock.monotonic() - begin_s, time.process_time() - begin_cpu_s
                if not self._busy:
                    await self._sleep()
                elif cpu_s > _QUICK_ROUND_S:
                    await self._clock.sleep(max(0.0, cpu_s / CPU_SHARE - took_s))
        finally:
            self._watcher.close()
            for tail in self._tails.values():
                tail.close()
            self._tails.clear()

    async def reload(self, inputs: Sequence[LogInput], redactor: Redactor) -> None:
        """Follow other inputs from now on; sources that no input matches any more are let go where they stand."""
        self._inputs, self._redactor = list(inputs), redactor
        for tail in self._tails.values():
            tail.builder.redactor = redactor
        self._problems.clear()
        self._reloaded = True
        self._rescan_due_s = 0.0
        self._wake.set()

    def sources(self) -> list[SourceStatus]:
        """Return every followed file and every one that cannot be."""
        followed = [SourceStatus(tail.position.path, tail.position.offset, tail.size()) for tail in list(self._tails.values())]
        return followed + [SourceStatus(path, problem=problem) for path, problem in list(self._problems.items())]

    def _lag_bytes(self) -> float:
        return float(sum(max(0, tail.size() - tail.position.offset) for tail in list(self._tails.values())))

    def _on_write(self, path: str) -> None:
        """Mark the files of this name (all of them for an empty one) as having something to read."""
        self._busy.update(source for source, tail in list(self._tails.items()) if not path or tail.position.path == path)
        self._wake.set()

    def _on_structure(self) -> None:
        self._rescan_due_s = 0.0
        self._wake.set()

    async def _sleep(self) -> None:
        """Wait for something to happen, at most until the next rescan."""
        wait_s = min(max(0.0, self._rescan_due_s - self._clock.monotonic()), LINGER_S if self._moved_s else RESCAN_S)
        sleep = asyncio.ensure_future(self._clock.sleep(wait_s))
        wake = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait((sleep, wake), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()
            wake.cancel()
        self._wake.clear()
        self._busy.update(self._moved_s)

    async def _rescan(self) -> None:
        self._rescan_due_s = self._clock.monotonic() + RESCAN_S
        folders = await asyncio.to_thread(watched_directories, self._inputs)
        assert self._watcher is not None
        self._watcher.watch(folders)
        lost = await _in_thread(self._scan)
        if lost:
            await self._deliver(lost)
        self._busy.update(self._tails)

    def _scan(self) -> list[Batch]:
        """Open what is new; at the first scan also what is left of sources whose file was rotated while nobody looked."""
        open_files = {tail.identity for tail in self._tails.values() if isinstance(tail, FileTail)}
        problems: dict[str, str] = {}
        own = self._own()
        self._input_at.clear()
        for log_input in self._inputs:
            for found in discover(log_input, own):
                self._input_at.setdefault(found.path, log_input)
                problem = found.problem or self._open(found.path, log_input, open_files)
                if problem:
                    problems[found.path] = problem
                    if self._problems.get(found.path) != problem:
                        log.warning("file is not followed", path=found.path, problem=problem)
        self._problems = problems
        if self._reloaded:
            self._reloaded = False
            for tail in [tail for source, tail in self._tails.items() if source not in self._moved_s]:
                if tail.position.path not in self._input_at:
                    self._drop(tail)
        rotations = Rotations()
        lost = self._seek_orphans(rotations) if self._orphan_looks else []
        self._first_scan = False
        rotated, self._rotated = self._rotated, set()
        for path in rotated:
            self._follow_unseen(path, rotations)
        return lost

    def _open(self, path: str, log_input: LogInput, open_files: set[tuple[int, int]]) -> str:
        """Follow a file unless it is followed already; return what keeps it from being followed."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        except OSError as error:
            return error.strerror or str(error)
        facts = os.fstat(descriptor)
        if (facts.st_dev, facts.st_ino) in open_files:
            os.close(descriptor)
            return ""
        open_files.add((facts.st_dev, facts.st_ino))
        known = next((p for p in self._known.values() if p.source not in self._tails and identity.is_same_file(descriptor, p)), None)
        if known is None:
            if any(position.path == path for position in self._known.values()):
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
        elif self._backfill_bytes is not None and self._first_scan and size > self._backfill_bytes:
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
        self._tails[tail.position.source] = tail
        self._known[tail.position.source] = tail.position
        self._busy.add(tail.position.source)

    def _seek_orphans(self, rotations: Rotations) -> list[Batch]:
        """Follow the rotated files of known sources; return what states that a source is gone.

        It is gone when it was sought twice: at the first look a rotation may just be renaming the files.
        """
        gone: list[Batch] = []
        if self._orphan_looks == _ORPHAN_LOOKS:
            self._rotated |= {position.path for position in self._known.values()}
        self._orphan_looks -= 1
        for position in list(self._known.values()):
            if position.source in self._tails or position.kind in (DONE, GONE):
                continue
            if self._follow_successor(position, self._input_of(position.path), rotations):
                continue
            if self._orphan_looks:
                self._rescan_due_s = min(self._rescan_due_s, self._clock.monotonic() + SETTLE_NS / 1e9)
            else:
                self._gaps.add()
                log.warning(
                    "file vanished while nobody read it, what it held behind the offset is unknown",
                    path=position.path,
                    offset=position.offset,
                )
                last = msgspec.structs.replace(position, kind=GONE, updated_ns=self._clock.wall_ns())
                self._known[last.source] = last
                gone.append(Batch(last.source, last.path, last.offset, last.offset, last.updated_ns, [], last, self._host, self._agent_id))
        return gone

    def _follow_successor(self, position: Position, log_input: LogInput, rotations: Rotations) -> bool:
        """Follow the rotated file in which a source goes on, to its end; return whether there is one."""
        successor = rotations.find_successor(position)
        if successor is None:
            return False
        builder = self._builder(position, log_input)
        self._follow((CompressedTail if successor.compressed else FileTail)(successor.descriptor, position, builder))
        self._moved_s[position.source] = self._clock.monotonic() - LINGER_S
        return True

    def _follow_unseen(self, path: str, rotations: Rotations) -> None:
        """Follow what was begun and rotated away at a path between two looks."""
        now_ns = self._clock.wall_ns()
        known = [position for position in self._known.values() if position.path == path]
        # What is followed has grown since it was met: its head says more now.
        known = [tail.describe(now_ns) if (tail := self._tails.get(position.source)) else position for position in known]
        found, unsettled = rotations.find_unseen(path, known, now_ns - SETTLE_NS)
        if unsettled:
            self._rotated.add(path)
            self._rescan_due_s = min(self._rescan_due_s, self._clock.monotonic() + SETTLE_NS / 1e9)
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
            self._moved_s[position.source] = self._clock.monotonic()

    def _read_round(self) -> list[tuple[Tail, Batch]]:
        """Read a block of each busy file in turn until a round's worth of bytes is together; runs in a thread."""
        batches: list[tuple[Tail, Batch]] = []
        budget = max(1, ROUND_BYTES // max(1, len(self._busy)) // BLOCK_BYTES)
        for source in list(self._busy)[: max(1, ROUND_BYTES // BLOCK_BYTES)]:
            # Taken out and put back at the end, so that busy files take turns.
            self._busy.discard(source)
            tail = self._tails.get(source)
            if tail is None:
                continue
            try:
                batch = self._read(tail, budget)
            except (OSError, EOFError, zlib.error) as error:
                self._gaps.add()
                log.warning("file cannot be read any more", path=tail.position.path, offset=tail.position.offset, error=error)
                self._known[source] = msgspec.structs.replace(tail.position, kind=GONE)
                self._drop(tail)
                continue
            if batch:
                batches.append((tail, batch))
        return batches

    def _read(self, tail: Tail, blocks: int) -> Batch | None:
        now_ns = self._clock.wall_ns()
        source = tail.position.source
        state = tail.look()
        if state is State.TRUNCATED:
            self._truncated(tail)
            return None
        if state is State.MOVED and source not in self._moved_s:
            self._moved_s[source] = self._clock.monotonic()
            self._rotated.add(tail.position.path)
            self._rescan_due_s = 0.0
        elif state is State.SAME:
            self._moved_s.pop(source, None)
        records = []
        for _ in range(blocks):
            records += tail.read(now_ns)
            if tail.at_end():
                break
        ended = tail.at_end() and source in self._moved_s and self._clock.monotonic() - self._moved_s[source] >= LINGER_S
        if ended:
            records += tail.builder.flush(now_ns)
        elif not tail.at_end():
            self._busy.add(source)
        if not records and not ended:
            return None
        position = tail.describe(now_ns)
        if ended:
            position = msgspec.structs.replace(position, kind=DONE)
        return to_batch(tail, records, position, self._host, self._agent_id)

    def _truncated(self, tail: Tail) -> None:
        """Go on in the copy that copytruncate made, and begin the file anew as another source."""
        position = tail.position
        assert isinstance(tail, FileTail)
        anew = self._describe_new(descriptor := tail.begin_anew(), position.path)
        moved_s = self._moved_s.get(position.source)
        self._drop(tail)
        self._follow(FileTail(descriptor, anew, self._builder(anew, self._input_of(position.path))))
        if moved_s is not None:
            self._moved_s[anew.source] = moved_s
        self._rotated.add(position.path)
        self._rescan_due_s = 0.0
        if not self._follow_successor(position, self._input_of(position.path), Rotations()):
            self._gaps.add()
            log.warning("file was truncated, what was written since the last read is unknown", path=position.path, offset=position.offset)
            self._known[position.source] = msgspec.structs.replace(position, kind=GONE)

    def _input_of(self, path: str) -> LogInput:
        """Return the input that a path was found by; one that is not there now is taken as the first input's."""
        return self._input_at.get(path) or next(iter(self._inputs), LogInput(paths=[path]))

    def _drop(self, tail: Tail) -> None:
        tail.close()
        self._tails.pop(tail.position.source, None)
        self._moved_s.pop(tail.position.source, None)

    def _acknowledge(self, batches: Sequence[tuple[Tail, Batch]]) -> None:
        for tail, batch in batches:
            self._lines.add(len(batch.records))
            self._bytes.add(batch.end - batch.start)
            tail.position = self._known[batch.source] = batch.position
            if batch.position.kind == DONE:
                self._drop(tail)


async def _in_thread(call: Callable[[], list[T]]) -> list[T]:
    """Run a call in a thread. Cancelled, its end is waited for: it is at work on the files that are closed next."""
    running = asyncio.ensure_future(asyncio.to_thread(call))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.gather(running, return_exceptions=True)
        raise


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
