"""Wires the agent's side of logs: discover -> tail -> batches -> deliver -> positions.

One loop: look for files when names changed (and now and then), read a round of blocks from the files that have something,
deliver them, and only then move the positions and read on. So a sink that waits stops the reading: the log files are the
queue. Reading and parsing run in a thread; between the rounds of a backlog the loop rests so long that all of the program,
the store's writing included, costs CPU_SHARE of a core.
"""

import asyncio
import time
import zlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import tzinfo
from typing import TypedDict, TypeVar

import msgspec

from fairlead.core.context import RunContext
from fairlead.core.record import Batch, Lines, Position, Record
from fairlead.logs import discover, follow
from fairlead.logs.cutting import BLOCK_BYTES
from fairlead.logs.follow import FollowedFiles, SourceStatus
from fairlead.logs.redact import Redactor
from fairlead.logs.settings import LogInput
from fairlead.logs.tail import DONE, Encoding, State, Tail, to_batch
from fairlead.logs.watch import Watcher

POLL_S = 1.0
"""How often all files are looked at while inotify does not tell of all of them."""
SWEEP_S = 60.0
"""How often each file is where it does: some file systems do not tell of every write."""
ROUND_BYTES = 1 << 20
ROUND_SOURCES = 512
CPU_SHARE = 0.5
GATHER_S = 0.02
AWAY_POLL_S = 1.0
"""How soon it is seen that the sink is back."""
_QUICK_ROUND_S = 0.002
_LINE_BLOCKS = 8
_LEAST_SHARE = 0.05
"""Of all files: fewer are not swept at a time."""

Deliver = Callable[[Sequence[Batch]], Awaitable[object]]
T = TypeVar("T")


class Options(TypedDict, total=False):
    """What a pipeline may be told beside what it needs."""

    backfill_bytes: int | None
    zone: tzinfo | None
    encoding: Encoding | None
    away: Callable[[], bool]
    cpu_share: float
    most_files: int | None


class Pipeline:
    """Follows files until cancelled. `own` tells which files are our own, by (device, inode).

    While the sink is `away`, only files that were rotated away are read. With an `encoding` lines are encoded as they are read.
    """

    def __init__(
        self,
        inputs: Sequence[LogInput],
        deliver: Deliver,
        positions: Iterable[Position],
        context: RunContext,
        *,
        redactor: Redactor,
        backfill_bytes: int | None = None,
        own: Callable[[], frozenset[tuple[int, int]]] = frozenset,
        zone: tzinfo | None = None,
        encoding: Encoding | None = None,
        away: Callable[[], bool] = lambda: False,
        cpu_share: float = CPU_SHARE,
        most_files: int | None = None,
    ) -> None:
        self._deliver, self._context, self._clock = deliver, context, context.clock
        self._away, self._cpu_share = away, cpu_share
        self._files = FollowedFiles(
            inputs,
            positions,
            context,
            redactor=redactor,
            backfill_bytes=backfill_bytes,
            own=own,
            zone=zone,
            encoding=encoding,
            is_watched=lambda folder: self._watcher is not None and self._watcher.is_watched(folder),
            most_files=most_files,
        )
        self._busy: set[str] = set()
        self._due: dict[str, tuple[int, float]] = {}
        """When lines of a source will have waited long enough for others that belong to them: as told, and in monotonic seconds."""
        self._wake = asyncio.Event()
        self._watcher: Watcher | None = None
        self._swept_s = -SWEEP_S
        self._lines = context.telemetry.counter("fairlead_log_lines_total", "Log lines read and acknowledged.")
        self._bytes = context.telemetry.counter("fairlead_log_bytes_total", "Bytes of logs read and acknowledged.")
        context.readiness.add("logs", lambda: self._watcher.problem if self._watcher else "")

    async def run(self) -> None:
        """Follow the files until cancelled."""
        self._watcher = Watcher(self._on_write, self._on_structure, self._files.modified_at)
        try:
            while True:
                if self._look_in_s() <= 0:
                    await self._look(self._watcher)
                begin_s, begin_cpu_s = self._clock.monotonic(), time.process_time()
                batches = await _in_thread(self._read_round) if self._busy else []
                if batches:
                    await self._hand_over([batch for _, batch in batches], self._watcher)
                    self._acknowledge(batches)
                if self._files.untidy:
                    await _in_thread(self._files.tidy)
                    self._busy |= self._files.take_fresh()
                if told := self._files.take_told():
                    await self._deliver(told)
                took_s, cpu_s = self._clock.monotonic() - begin_s, time.process_time() - begin_cpu_s
                if not self._readable():
                    await self._sleep()
                    # What is written in the next moment goes along: a round costs much the same for a line as for a thousand.
                    await self._clock.sleep(GATHER_S)
                elif cpu_s > _QUICK_ROUND_S:
                    await self._clock.sleep(max(0.0, cpu_s / self._cpu_share - took_s))
        finally:
            self._watcher.close()
            self._files.close()

    async def reload(self, inputs: Sequence[LogInput], redactor: Redactor) -> None:
        """Follow other inputs from now on; sources that no input matches any more are let go where they stand."""
        self._files.reload(inputs, redactor)
        self._wake.set()

    def sources(self) -> list[SourceStatus]:
        """Return every followed file and every one that cannot be."""
        return self._files.statuses()

    def lag(self) -> tuple[int, float]:
        """Return the bytes of files that are known to have grown and were not acknowledged, and how long the oldest of them waits."""
        behind = [self._files.behind(source) for source in list(self._busy)]
        waiting_ns = [self._clock.wall_ns() - updated_ns for size, updated_ns in behind if size > 0]
        return sum(size for size, _ in behind if size > 0), max(waiting_ns, default=0) / 1e9

    def followed(self) -> int:
        """Return how many files are followed."""
        return len(self._files)

    def _on_write(self, path: str) -> None:
        """Mark the files of this name (all of them for an empty one) as having something to read."""
        self._busy.update(self._files.written_at(path) if path else list(self._files.tails))
        self._wake.set()

    def _on_structure(self) -> None:
        self._files.looks.now()
        self._wake.set()

    def _look_in_s(self) -> float:
        """Return in how many seconds the next look is due; not more than 0: now."""
        return max(self._files.looks.due_s, self._files.discovery.earliest_s) - self._clock.monotonic()

    async def _hand_over(self, batches: Sequence[Batch], watcher: Watcher) -> None:
        """Deliver batches. Looks go on meanwhile: a file that is open can be read when its names are gone."""
        sending = asyncio.ensure_future(self._deliver(batches))
        try:
            while not sending.done():
                wake = asyncio.ensure_future(self._wake.wait())
                try:
                    await asyncio.wait((sending, wake), timeout=max(0.0, self._look_in_s()), return_when=asyncio.FIRST_COMPLETED)
                finally:
                    wake.cancel()
                self._wake.clear()
                if not sending.done() and self._look_in_s() <= 0:
                    await self._look(watcher)
            sending.result()
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _sleep(self) -> None:
        """Wait for something to happen, at most until the next look."""
        longest_s = AWAY_POLL_S if self._away() else follow.LINGER_S if self._files.moved_s else discover.LOOK_S
        wait_s = min(max(0.0, self._look_in_s()), longest_s)
        if self._due:
            wait_s = min(wait_s, max(0.0, min(due_s for _, due_s in self._due.values()) - self._clock.monotonic()))
        sleep = asyncio.ensure_future(self._clock.sleep(wait_s))
        wake = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait((sleep, wake), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()
            wake.cancel()
        self._wake.clear()
        self._busy.update(self._files.moved_s)
        now_s = self._clock.monotonic()
        self._busy.update(source for source, (_, due_s) in self._due.items() if due_s <= now_s)

    async def _look(self, watcher: Watcher) -> None:
        names = watcher.take_names()
        self._files.looks.due_s = float("inf")
        await _in_thread(lambda: self._files.look(names, polling=watcher.polling))
        names = watcher.take_names()
        await _in_thread(lambda: self._files.reckon(names))
        discovery = self._files.discovery
        if watcher.watch(discovery.places):
            # What came there, or was written, before it was watched is to be looked for now.
            self._files.looks.now()
            self._swept_s = -SWEEP_S
        now_s = self._clock.monotonic()
        latest_s = min(discovery.latest_s, now_s + POLL_S) if watcher.polling else discovery.latest_s
        self._files.looks.due_s = min(self._files.looks.due_s, latest_s)
        self._busy |= self._files.take_fresh()
        share = 1.0 if watcher.polling else (now_s - self._swept_s) / SWEEP_S
        if share >= _LEAST_SHARE:
            self._swept_s = now_s
            self._busy.update(await _in_thread(lambda: self._files.grown(min(1.0, share))))

    def _readable(self) -> list[str]:
        """Return the sources that have something to read and may be read now."""
        busy = list(self._busy)
        return [source for source in busy if source in self._files.moved_s] if self._away() else busy

    def _read_round(self) -> list[tuple[Tail, Batch]]:
        """Read a block of each busy file in turn until a round's worth of bytes is together; runs in a thread."""
        batches: list[tuple[Tail, Batch]] = []
        # Also without a pause files that were moved are let go in time.
        now_s = self._clock.monotonic()
        self._busy.update(source for source, moved_s in self._files.moved_s.items() if now_s - moved_s >= follow.LINGER_S)
        readable = self._readable()
        budget = max(1, ROUND_BYTES // max(1, len(readable)) // BLOCK_BYTES)
        room = ROUND_BYTES
        for source in readable[:ROUND_SOURCES]:
            if room <= 0:
                break
            # Taken out and put back at the end, so that busy files take turns.
            self._busy.discard(source)
            tail = self._files.wake(source)
            if tail is None:
                self._due.pop(source, None)
                continue
            try:
                batch = self._read(tail, budget)
            except (OSError, EOFError, zlib.error) as error:
                self._files.failed(tail, error)
                continue
            # What is held of an unfinished line takes as much memory as what goes on.
            room -= tail.builder.scanned - tail.builder.offset
            if batch is not None:
                room -= batch.end - batch.start
                batches.append((tail, batch))
        return batches

    def _read(self, tail: Tail, blocks: int) -> Batch | None:
        now_ns, source = self._clock.wall_ns(), tail.position.source
        moved_s = self._files.moved_s
        state = tail.look()
        if state is State.TRUNCATED:
            self._files.truncated(tail)
            self._busy.update(self._files.tails)
            return None
        if state is State.MOVED and source not in moved_s:
            self._files.moved(tail)
        elif state is State.SAME:
            moved_s.pop(source, None)
        records: list[Record | Lines] = []
        if not self._files.skip_hole(tail):
            return None
        # A line that is begun is read to its end, if that is near: else each of many files would hold the beginning of one.
        for block in range(max(blocks, _LINE_BLOCKS)):
            records += tail.read(now_ns)
            if tail.at_end() or (records and block + 1 >= blocks):
                break
        self._files.note_held(tail)
        self._wait_for_more(tail, records, now_ns)
        ended = tail.at_end() and source in moved_s and self._clock.monotonic() - moved_s[source] >= follow.LINGER_S
        if ended:
            records += tail.builder.flush(now_ns)
        elif not tail.at_end():
            self._busy.add(source)
        if not records and not ended:
            return None
        position = tail.describe(now_ns)
        if not tail.stands():
            self._files.truncated(tail, torn=True)
            self._busy.update(self._files.tails)
            return None
        if ended:
            position = msgspec.structs.replace(position, kind=DONE)
        return to_batch(tail, records, position, self._context.host, self._context.agent_id)

    def _wait_for_more(self, tail: Tail, records: list[Record | Lines], now_ns: int) -> None:
        """Take the lines that have waited long enough for others that belong to them; remember when the next ones will have."""
        builder, source = tail.builder, tail.position.source
        if builder.due_ns is not None and tail.at_end():
            records += builder.flush_due(now_ns)
        due_ns = builder.due_ns
        if due_ns is None:
            self._due.pop(source, None)
        elif source not in self._due or self._due[source][0] != due_ns:
            # Waited for by the monotonic clock: the other one may be set meanwhile.
            self._due[source] = (due_ns, self._clock.monotonic() + max(0, due_ns - now_ns) / 1e9)

    def _acknowledge(self, batches: Sequence[tuple[Tail, Batch]]) -> None:
        for tail, batch in batches:
            self._lines.add(len(batch))
            self._bytes.add(batch.end - batch.start)
            self._files.acknowledged(tail, batch.position)


async def _in_thread(call: Callable[[], T]) -> T:
    """Run a call in a thread. Cancelled, its end is waited for: it is at work on the files that are closed next."""
    running = asyncio.ensure_future(asyncio.to_thread(call))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.gather(running, return_exceptions=True)
        raise
