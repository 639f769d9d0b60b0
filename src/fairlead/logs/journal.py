"""Follows systemd's journal where logs live only there: `journalctl -o json --after-cursor`, a child process.

The journal has no byte offsets: `log.offset` counts entries, `log.file.path` is `journal`, and the position is journald's own
cursor. Fields: systemd.journal-fields(7); format: https://systemd.io/JOURNAL_EXPORT_FORMATS/ (JSON).
"""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import orjson

from fairlead.core.context import RunContext
from fairlead.core.logsetup import Log
from fairlead.core.record import FLAG_INVALID_UTF8, FLAG_TRUNCATED, Batch, Position, Record
from fairlead.logs.identity import mint_source
from fairlead.logs.redact import Redactor
from fairlead.logs.settings import MAX_LINE_BYTES

log = Log("journal")
PATH = "journal"
FIRST_ENTRIES = 10_000
"""How far back the first start looks, in entries; what is older is skipped by policy."""
_BATCH_ENTRIES = 500
_STREAM_LIMIT_BYTES = 64 << 20
_RESTART_S = 5.0
_LEVELS = ("emergency", "alert", "critical", "error", "warning", "notice", "info", "debug")
_FIELDS = {
    "SYSLOG_IDENTIFIER": "process.name",
    "_SYSTEMD_UNIT": "systemd.unit",
    "_HOSTNAME": "host.hostname",
    "_TRANSPORT": "systemd.transport",
}
_NUMBERS = {"_PID": "process.pid", "_UID": "user.id", "SYSLOG_FACILITY": "log.syslog.facility.code", "PRIORITY": "log.syslog.severity.code"}
_DIRECTORIES = ("/var/log/journal", "/run/log/journal")
_TEXT_LOGS = ("syslog", "messages")

Deliver = Callable[[Sequence[Batch]], Awaitable[object]]


def journal_wanted(setting: str, log_root: str = "/var/log", directories: Sequence[str] = _DIRECTORIES) -> bool:
    """Tell whether the journal is followed: `auto` does where there is one, journalctl too, and no syslog in text beside it."""
    if setting != "auto":
        return setting == "on"
    if any(Path(log_root, name).exists() for name in _TEXT_LOGS):
        return False
    return shutil.which("journalctl") is not None and any(Path(folder).is_dir() for folder in directories)


class JournalFollower:
    """Follows the journal until cancelled; `directory` names journal files elsewhere than the system's."""

    def __init__(
        self,
        deliver: Deliver,
        position: Position | None,
        redactor: Redactor,
        context: RunContext,
        directory: str | None = None,
    ) -> None:
        self._deliver, self.redactor, self._context, self._clock = deliver, redactor, context, context.clock
        self._position = position or Position(mint_source(), PATH, 0, kind="journal")
        self._directory = directory
        self._problem = ""
        self._entries = context.telemetry.counter("fairlead_journal_entries_total", "Journal entries read and acknowledged.")
        self._restarts = context.telemetry.counter("fairlead_journal_restarts_total", "Times that journalctl ended and was started again.")
        context.readiness.add("journal", lambda: self._problem)

    async def run(self) -> None:
        """Follow until cancelled; journalctl is started again when it ends."""
        while True:
            try:
                await self._follow()
            except OSError as error:
                self._state(f"journalctl: {error.strerror}; install systemd's journalctl or set journal: off")
            self._restarts.add()
            await self._clock.sleep(_RESTART_S)

    def argv(self) -> list[str]:
        """Return the command line of journalctl."""
        where = [f"--directory={self._directory}"] if self._directory else []
        start = [f"--after-cursor={self._position.cursor}"] if self._position.cursor else [f"--lines={FIRST_ENTRIES}"]
        fields = ",".join(("MESSAGE", "_SOURCE_REALTIME_TIMESTAMP", *_FIELDS, *_NUMBERS))
        return ["journalctl", "--output=json", f"--output-fields={fields}", "--follow", "--no-pager", "--all", *where, *start]

    async def _follow(self) -> None:
        child = await asyncio.create_subprocess_exec(
            *self.argv(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_STREAM_LIMIT_BYTES,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
        assert child.stdout is not None
        assert child.stderr is not None
        complaints = asyncio.create_task(self._read_complaints(child.stderr))
        try:
            await self._read(child.stdout)
            await child.wait()
        finally:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()
            complaints.cancel()
            await asyncio.gather(complaints, return_exceptions=True)
        if child.returncode:
            self._state(self._problem or f"journalctl ended with {child.returncode}")

    async def _read(self, stream: asyncio.StreamReader) -> None:
        """Read entries and deliver them in batches; nothing more is read while the sink waits, and journalctl waits with it."""
        while line := await _entry(stream):
            lines = [line]
            # Whatever came meanwhile goes along.
            while len(lines) < _BATCH_ENTRIES:
                try:
                    more = await asyncio.wait_for(_entry(stream), 0.02)
                except TimeoutError:
                    break
                if not more:
                    break
                lines.append(more)
            await self._send(lines)

    async def _send(self, lines: Sequence[bytes]) -> None:
        now_ns = self._clock.wall_ns()
        offset, cursor = self._position.offset, self._position.cursor
        records = []
        for line in lines:
            try:
                entry = orjson.loads(line)
            except orjson.JSONDecodeError:
                log.warning("journal entry not readable, left out", bytes=len(line))
                continue
            records.append(to_record(entry, offset, now_ns, self.redactor))
            cursor = entry.get("__CURSOR", cursor)
            offset += 1
        position = msgspec.structs.replace(self._position, offset=offset, cursor=cursor, updated_ns=now_ns)
        begin, context = self._position.offset, self._context
        batch = Batch(position.source, PATH, begin, offset, now_ns, records, position, context.host, context.agent_id)
        await self._deliver([batch])
        self._position = position
        self._problem = ""
        self._entries.add(len(records))

    async def _read_complaints(self, stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            text = line.decode(errors="replace").strip()
            if "not seeing messages" in text or "Permission" in text or "Failed" in text:
                self._state(text)

    def _state(self, problem: str) -> None:
        if problem != self._problem:
            log.warning("journal", problem=problem)
        self._problem = problem


async def _entry(stream: asyncio.StreamReader) -> bytes:
    """Return the next line; one beyond the limit is passed over, and what is left of it is no JSON."""
    while True:
        try:
            return await stream.readline()
        except ValueError:
            log.warning("journal entry too large, left out", limit_bytes=_STREAM_LIMIT_BYTES)


def to_record(entry: dict[str, Any], offset: int, read_ns: int, redactor: Redactor) -> Record:
    """Return a journal entry as a record; a message that is not UTF-8 comes as a list of bytes, one that is absent as null."""
    message, flags = _text(entry.get("MESSAGE"))
    if len(message) > MAX_LINE_BYTES:
        message, flags = message[:MAX_LINE_BYTES], (*flags, FLAG_TRUNCATED)
    fields: dict[str, Any] = {ecs: _text(entry[name])[0] for name, ecs in _FIELDS.items() if name in entry}
    fields |= {ecs: int(entry[name]) for name, ecs in _NUMBERS.items() if str(entry.get(name, "")).isdigit()}
    severity = fields.get("log.syslog.severity.code")
    time_us = str(entry.get("_SOURCE_REALTIME_TIMESTAMP") or entry.get("__REALTIME_TIMESTAMP") or "")
    return Record(
        timestamp_ns=int(time_us) * 1000 if time_us.isdigit() else read_ns,
        message=redactor.redact(message),
        offset=offset,
        end=offset + 1,
        level=_LEVELS[severity] if isinstance(severity, int) and severity < len(_LEVELS) else None,
        flags=flags,
        fields=fields or None,
    )


def _text(value: object) -> tuple[str, tuple[str, ...]]:
    if isinstance(value, str):
        return value, ()
    if isinstance(value, list) and all(isinstance(byte, int) and 0 <= byte < 256 for byte in value):
        data = bytes(value)
        try:
            return data.decode(), ()
        except UnicodeDecodeError:
            return data.decode(errors="backslashreplace"), (FLAG_INVALID_UTF8,)
    if isinstance(value, list):  # a field that an entry bears several times
        return " ".join(_text(one)[0] for one in value), ()
    return "", ()
