"""Wires the agent's side of logs: discover -> tail -> batches -> deliver -> positions.

One loop: look for files when names changed (or every RESCAN_S), read a round of blocks from the files that have something,
deliver them, and only then move the positions and read on. So a sink that waits stops the reading: the log files are the
queue. Reading and parsing run in a thread; between the rounds of a backlog the loop rests so long that all of the program,
the store's writing included, costs CPU_SHARE of a core.
"""

import asyncio
import time
import zlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import tzinfo
from typing import TypeVar

import msgspec

from fairlead.core.context import RunContext
from fairlead.core.record import Batch, Position
from fairlead.logs import follow
from fairlead.logs.discover import watched_directories
from fairlead.logs.follow import FollowedFiles, SourceStatus
from fairlead.logs.redact import Redactor
from fairlead.logs.settings import LogInput
from fairlead.logs.tail import BLOCK_BYTES, DONE, State, Tail, to_batch
from fairlead.logs.watch import Watcher

RESCAN_S = 10.0
ROUND_BYTES = 1 << 20
CPU_SHARE = 0.5
_QUICK_ROUND_S = 0.002

Deliver = Callable[[Sequence[Batch]], Awaitable[None]]
T = TypeVar("T")


class Pipeline:
    """Follows files until cancelled. `own` tells which files are our own, by (device, inode)."""

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
    ) -> None:
        self._deliver, self._context, self._clock = deliver, context, context.clock
        self._files = FollowedFiles(inputs, positions, context, redactor=redactor, backfill_bytes=backfill_bytes, own=own, zone=zone)
        self._busy: set[str] = set()
        self._wake = asyncio.Event()
        self._watcher: Watcher | None = None
        self._lines = context.telemetry.counter("fairlead_log_lines_total", "Log lines read and acknowledged.")
        self._bytes = context.telemetry.counter("fairlead_log_bytes_total", "Bytes of logs read and acknowledged.")
        context.readiness.add("logs", lambda: self._watcher.problem if self._watcher else "")

    async def run(self) -> None:
        """Follow the files until cancelled."""
        self._watcher = Watcher(self._on_write, self._on_structure)
        try:
            while True:
                if self._clock.monotonic() >= self._files.look_due_s:
                    await self._look(self._watcher)
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
            self._files.close()

    async def reload(self, inputs: Sequence[LogInput], redactor: Redactor) -> None:
        """Follow other inputs from now on; sources that no input matches any more are let go where they stand."""
        self._files.reload(inputs, redactor)
        self._wake.set()

    def sources(self) -> list[SourceStatus]:
        """Return every followed file and every one that cannot be."""
        return self._files.statuses()

    def _on_write(self, path: str) -> None:
        """Mark the files of this name (all of them for an empty one) as having something to read."""
        self._busy.update(source for source, tail in list(self._files.tails.items()) if not path or tail.position.path == path)
        self._wake.set()

    def _on_structure(self) -> None:
        self._files.look_due_s = 0.0
        self._wake.set()

    async def _sleep(self) -> None:
        """Wait for something to happen, at most until the next look."""
        longest_s = follow.LINGER_S if self._files.moved_s else RESCAN_S
        wait_s = min(max(0.0, self._files.look_due_s - self._clock.monotonic()), longest_s)
        sleep = asyncio.ensure_future(self._clock.sleep(wait_s))
        wake = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait((sleep, wake), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()
            wake.cancel()
        self._wake.clear()
        self._busy.update(self._files.moved_s)

    async def _look(self, watcher: Watcher) -> None:
        self._files.look_due_s = self._clock.monotonic() + RESCAN_S
        watcher.watch(await asyncio.to_thread(watched_directories, self._files.inputs))
        gone = await _in_thread(self._files.look)
        if gone:
            await self._deliver(gone)
        self._busy.update(self._files.tails)

    def _read_round(self) -> list[tuple[Tail, Batch]]:
        """Read a block of each busy file in turn until a round's worth of bytes is together; runs in a thread."""
        batches: list[tuple[Tail, Batch]] = []
        budget = max(1, ROUND_BYTES // max(1, len(self._busy)) // BLOCK_BYTES)
        for source in list(self._busy)[: max(1, ROUND_BYTES // BLOCK_BYTES)]:
            # Taken out and put back at the end, so that busy files take turns.
            self._busy.discard(source)
            tail = self._files.tails.get(source)
            if tail is None:
                continue
            try:
                batch = self._read(tail, budget)
            except (OSError, EOFError, zlib.error) as error:
                self._files.failed(tail, error)
                continue
            if batch:
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
        records = []
        for _ in range(blocks):
            records += tail.read(now_ns)
            if tail.at_end():
                break
        ended = tail.at_end() and source in moved_s and self._clock.monotonic() - moved_s[source] >= follow.LINGER_S
        if ended:
            records += tail.builder.flush(now_ns)
        elif not tail.at_end():
            self._busy.add(source)
        if not records and not ended:
            return None
        position = tail.describe(now_ns)
        if ended:
            position = msgspec.structs.replace(position, kind=DONE)
        return to_batch(tail, records, position, self._context.host, self._context.agent_id)

    def _acknowledge(self, batches: Sequence[tuple[Tail, Batch]]) -> None:
        for tail, batch in batches:
            self._lines.add(len(batch.records))
            self._bytes.add(batch.end - batch.start)
            self._files.acknowledged(tail, batch.position)


async def _in_thread(call: Callable[[], list[T]]) -> list[T]:
    """Run a call in a thread. Cancelled, its end is waited for: it is at work on the files that are closed next."""
    running = asyncio.ensure_future(asyncio.to_thread(call))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.gather(running, return_exceptions=True)
        raise
