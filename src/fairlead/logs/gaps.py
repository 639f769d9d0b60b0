"""What is unknown for ever: files that vanished, or were truncated, before all of them was read. Each is told behind what was read."""

from collections.abc import Callable

import msgspec

from fairlead.core.context import RunContext
from fairlead.core.logsetup import Log
from fairlead.core.record import Batch, Lines, Position, Record
from fairlead.logs import identity
from fairlead.logs.births import Gap
from fairlead.logs.sources import Sources
from fairlead.logs.tail import GONE, Tail

log = Log("logs")


class Gaps:
    """Keeps what is to be told. `moved(position)` is called when what follows a source, if something does, is to know its new position."""

    def __init__(self, sources: Sources, context: RunContext, moved: Callable[[Position], None]) -> None:
        self._sources, self._context, self._clock, self._moved = sources, context, context.clock, moved
        self._told: list[Batch] = []
        self._found: list[Gap] = []
        self._counter = context.telemetry.counter(
            "fairlead_log_unknown_gaps_total", "Files truncated or deleted before all was known to be read."
        )

    def take_told(self) -> list[Batch]:
        """Return empty batches that tell what has become of sources: where they end, and that bytes of them are unknown.

        Only while no batch is under way: what they tell is behind what was acknowledged.
        """
        for gap in self._found:
            self._note(gap)
        self._found.clear()
        told, self._told = self._told, []
        return told

    def found(self, gaps: list[Gap]) -> None:
        """Tell with the next batches of what came and went unseen."""
        self._found += gaps

    def mark(self, position: Position) -> Position:
        """Return a position behind which there is a gap; its next batch tells of it."""
        self._counter.add()
        return msgspec.structs.replace(position, unknown=position.unknown + 1)

    def lose(self, position: Position, tail: Tail | None = None) -> None:
        """Take note that a source ends here, behind what `tail` holds of it, and that what came then is unknown."""
        self.end(self.mark(position), tail, GONE)

    def end(self, position: Position, tail: Tail | None, kind: str) -> None:
        """Take note that a source ends here, behind what `tail` holds of it: `kind` tells how."""
        now_ns = self._clock.wall_ns()
        taken = tail.builder.flush(now_ns) if tail else []
        end = tail.builder.offset if tail else position.offset
        last = msgspec.structs.replace(position, offset=end, kind=kind, updated_ns=now_ns)
        self._sources.know(last)
        records = [one for one in taken if isinstance(one, Record)]
        lines = [one for one in taken if isinstance(one, Lines)]
        context = self._context
        self._told.append(Batch(last.source, last.path, position.offset, end, now_ns, records, last, context.host, context.agent_id, lines))

    def _note(self, gap: Gap) -> None:
        """Take note that what came and went unseen at a path is unknown: behind what was followed there before."""
        log.warning("files came and went before they could be read, what they held is unknown", path=gap.path)
        now_ns = self._clock.wall_ns()
        before = [position for position in self._sources.at(gap.path) if position.met_ns < gap.since_ns]
        if before:
            position = max(before, key=lambda one: one.met_ns)
        else:
            nothing = identity.digest(b"")
            position = Position(identity.mint_source(), gap.path, 0, GONE, head_hash=nothing, tail_hash=nothing, met_ns=now_ns)
        position = msgspec.structs.replace(self.mark(position), updated_ns=now_ns)
        self._sources.know(position)
        self._moved(position)
        place = position.source, position.path, position.offset, position.offset, now_ns
        self._told.append(Batch(*place, [], position, self._context.host, self._context.agent_id))
