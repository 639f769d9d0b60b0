"""From the records that agents send to what the store takes: batches of lines, samples, heartbeats and statements.

Lines as agents write them are decoded natively, by runs; whatever else is an ECS object of a line is taken apart one by one. What is no
record of an agent's is poison: it is returned with its reason, and nothing of the others is lost for it.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec
import orjson

from fairlead._native.decode import LineDecoder
from fairlead.core.clock import Clock
from fairlead.core.record import FLAG_INVALID_UTF8, FOREIGN, LEVELS, REMOTE, Batch, Position, Record, parse_time
from fairlead.core.sample import LayoutCache
from fairlead.store.interface import AgentReport, Intake, Statement
from fairlead.store.rows import LineRows

_OFFSET_LIMIT = 1 << 62
_LINE_KEYS = frozenset(
    ("@timestamp", "event.created", "message", "log.file.path", "log.offset", "fairlead.source", "fairlead.end", "host.name", "agent.id",
     "log.level")
)  # fmt: skip


class Poison(msgspec.Struct, frozen=True):
    """A record that is none of an agent's."""

    reason: str
    value: bytes
    place: str = ""


class Decoder:
    """Decodes the records of one kind that came together."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._layouts = LayoutCache()
        self._lines = LineDecoder(LEVELS, _origin, _flags_and_fields)

    def decode(self, kind: str, values: list[bytes], intake: Intake, bare: Callable[[int], None] | None = None) -> list[Poison]:
        """Add records to an intake and return those that are none. `bare`, if given, is told the places of a log's bare lines instead."""
        if kind == "log":
            return self._decode_lines(values, intake, bare)
        take = {"metric": self._take_sample, "heartbeat": self._take_heartbeat}.get(kind)
        if take is None:
            reason = f"ValueError: {kind[:32]!r} is not a kind of record; allowed are log, heartbeat and metric"
            return [Poison(reason, value) for value in values]
        return [poison for value in values if (poison := _attempt(take, value, intake))]

    def _decode_lines(self, values: list[bytes], intake: Intake, bare: Callable[[int], None] | None) -> list[Poison]:
        poison: list[Poison] = []
        at = 0
        while at < len(values):
            run = self._lines.run(values, at)
            if run is None:
                if bare is not None and not _is_ecs(values[at]):
                    bare(at)
                elif refused := _attempt(self._take_line, values[at], intake):
                    poison.append(refused)
                at += 1
                continue
            count, (source, path, host, agent), created_ns, tiles, found = run
            rows = LineRows(found, tiles=tiles)
            position = Position(source, path, rows.end, kind=REMOTE)
            intake.batches.append(Batch(source, path, rows.start, rows.end, created_ns, rows, position, host, agent))
            at += count
        return poison

    def _take_line(self, ecs: dict[str, Any], intake: Intake) -> None:
        take = ecs.pop
        source, path, host, agent = take("fairlead.source"), take("log.file.path"), take("host.name"), take("agent.id")
        created_ns = parse_time(take("event.created"))
        offset, end = take("log.offset"), take("fairlead.end")
        flags = take("fairlead.flags", None) or ()
        time_ns, message, level = parse_time(take("@timestamp")), take("message"), take("log.level", None)
        if not (type(offset) is int is type(end) and 0 <= offset < end < _OFFSET_LIMIT and type(message) is str):
            raise ValueError(f"log.offset {offset!r} and fairlead.end {end!r} are no range of bytes, or message is no text")
        if not all(type(text) is str for text in (source, path, host, agent, level or "", *flags)) or isinstance(flags, str):
            raise ValueError("source, path, host, agent, level or a flag is no text")
        if ecs:
            orjson.dumps(ecs)  # deeper than can be written again?
        record = Record(time_ns, message, offset, end, level, tuple(flags), ecs or None)
        last = intake.batches[-1] if intake.batches else None
        origin = source, path, agent, host, created_ns
        if last and isinstance(last.records, list) and (last.source, last.path, last.agent, last.host, last.created_ns) == origin:
            last.records.append(record)
            last.end = end
            return
        position = Position(source, path, end, kind=REMOTE)
        intake.batches.append(Batch(source, path, offset, end, created_ns, [record], position, host, agent))

    def _take_sample(self, sample: dict[str, Any], intake: Intake) -> None:
        host = sample["host"]["name"]
        if not isinstance(host, str):
            raise ValueError("host.name is no text")
        intake.ticks.append((host, self._layouts.from_json(sample, parse_time(sample["@timestamp"]))))

    def _take_heartbeat(self, body: dict[str, Any], intake: Intake) -> None:
        agent, told_ns = body["agent.id"], parse_time(body["@timestamp"])
        if statement := body.get("fairlead.statement"):
            fields = {"agent": agent, "source": body["fairlead.source"], "path": body["log.file.path"], **statement}
            intake.statements.append(msgspec.convert(fields, Statement))
            return
        report = {"agent": agent, "host": body["host.name"], "version": body["agent.version"], "numbers": body["fairlead.heartbeat"]}
        intake.reports.append(msgspec.convert({**report, "told_ns": told_ns, "received_ns": self._clock.wall_ns()}, AgentReport))


def _is_ecs(value: bytes) -> bool:
    """Tell whether a record of a log is an agent's object, or a bare line."""
    return value.startswith(b"{") and b'"fairlead.source"' in value


def _attempt(take: Callable[[Any, Intake], None], value: bytes, intake: Intake) -> Poison | None:
    try:
        take(orjson.loads(value), intake)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return Poison(f"{type(error).__name__}: {error}"[:300], value)
    return None


@lru_cache(4096)
def _origin(found: bytes) -> tuple[str, str, str, str] | None:
    """Return source, path, host and agent of their JSON list; None where it is none."""
    try:
        source, path, host, agent = orjson.loads(found)
    except ValueError:
        return None
    return source, path, host, agent


@lru_cache(1024)
def _flags_and_fields(found: bytes) -> tuple[str | None, str | None] | None:
    """Return flags and fields, as a row has them, of what a line's object has behind the rest; None where it needs a closer look."""
    try:
        fields = orjson.loads(b"{%b}" % found)
        flags = fields.pop("fairlead.flags", [])
        text = " ".join(flags)
        if text.split() != flags or not fields.keys().isdisjoint(_LINE_KEYS):
            return None
        return text or None, orjson.dumps(fields).decode() if fields else None
    except (ValueError, TypeError):
        return None


def add_bare_line(intake: Intake, value: bytes, source: str, path: str, offset: int, time_ns: int) -> None:
    """Add a record that is a bare line (`format: raw`, or any other producer's) as a line of its partition, counted by Kafka's offsets."""
    flags: tuple[str, ...] = ()
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text, flags = value.decode(errors="backslashreplace"), (FLAG_INVALID_UTF8,)
    record = Record(time_ns, text.replace("\0", r"\x00"), offset, offset + 1, flags=flags)
    last = intake.batches[-1] if intake.batches else None
    if last and isinstance(last.records, list) and (last.source, last.position.kind, last.created_ns) == (source, FOREIGN, time_ns):
        last.records.append(record)
        last.end = offset + 1
        return
    position = Position(source, path, offset + 1, kind=FOREIGN)
    intake.batches.append(Batch(source, path, offset, offset + 1, time_ns, [record], position, "", "kafka"))
