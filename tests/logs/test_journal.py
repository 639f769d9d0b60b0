"""The journal, in files that Debian's systemd-journal-remote made, read by Debian's journalctl."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from fairlead.core.clock import SystemClock
from fairlead.core.context import RunContext
from fairlead.core.readiness import Readiness
from fairlead.core.record import Batch, Position, Record
from fairlead.core.telemetry import Telemetry
from fairlead.logs.journal import JournalFollower, journal_wanted
from fairlead.logs.redact import Redactor
from tests.rig.journal import BEGIN_US, JournalWriter
from tests.support.waiting import until

pytestmark = pytest.mark.real


class Reader:
    """Follows a folder of journal files and keeps what comes."""

    def __init__(self, folder: Path, position: Position | None = None) -> None:
        self.batches: list[Batch] = []
        self.readiness = Readiness()
        redactor = Redactor([r"token=\S+"])
        context = RunContext("host", "agent", SystemClock(), Telemetry(), self.readiness)
        self.follower = JournalFollower(self._deliver, position, redactor, context, str(folder))

    async def _deliver(self, batches: Sequence[Batch]) -> None:
        self.batches += batches

    @property
    def records(self) -> list[Record]:
        return [record for batch in self.batches for record in batch.records]

    async def read(self, count: int) -> None:
        """Follow until so many entries came."""
        task = asyncio.create_task(self.follower.run())
        try:
            await until(lambda: len(self.records) >= count or task.done(), f"{count} entries")
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_entries_become_records_and_a_restart_goes_on_behind_them(tmp_path: Path) -> None:
    journal = JournalWriter(tmp_path)
    await asyncio.to_thread(
        journal.write,
        {"MESSAGE": "started", "PRIORITY": "6", "SYSLOG_IDENTIFIER": "shop", "_PID": "77", "_SYSTEMD_UNIT": "shop.service"},
        {"MESSAGE": "broke: token=s3cret", "PRIORITY": "3"},
        {"MESSAGE": b"two\nlines"},
        {"MESSAGE": b"\xff\x00not text"},
        {"PRIORITY": "5"},
    )
    reader = Reader(tmp_path)
    await reader.read(5)
    first, broken, lines, binary, silent = reader.records
    assert first.fields is not None
    assert (first.message, first.level, first.timestamp_ns) == ("started", "info", (BEGIN_US + 1_000_000) * 1000)
    assert {
        "process.name": "shop",
        "process.pid": 77,
        "systemd.unit": "shop.service",
        "host.hostname": "web-3",
    }.items() <= first.fields.items()
    assert (broken.message, broken.level) == ("broke: [REDACTED]", "error")
    assert lines.message == "two\nlines"
    assert ("invalid_utf8" in binary.flags, "not text" in binary.message) == (True, True)
    assert silent.message == ""
    assert [(record.offset, record.end) for record in reader.records] == [(i, i + 1) for i in range(5)]

    position = reader.batches[-1].position
    await asyncio.to_thread(journal.write, {"MESSAGE": "later"}, {"MESSAGE": "last"})
    again = Reader(tmp_path, position)
    await again.read(2)
    assert [(record.message, record.offset) for record in again.records] == [("later", 5), ("last", 6)]
    assert again.batches[0].source == reader.batches[0].source


async def test_new_entries_are_followed(tmp_path: Path) -> None:
    journal = JournalWriter(tmp_path)
    await asyncio.to_thread(journal.write, {"MESSAGE": "one"})
    reader = Reader(tmp_path)
    following = asyncio.create_task(reader.read(2))
    await until(lambda: reader.records, "the first entry")
    await asyncio.to_thread(journal.write, {"MESSAGE": "two"})
    await following
    assert [record.message for record in reader.records] == ["one", "two"]


async def test_a_missing_journal_is_told_as_not_ready(tmp_path: Path) -> None:
    reader = Reader(tmp_path / "nothing")
    task = asyncio.create_task(reader.follower.run())
    try:
        await until(lambda: reader.readiness.problems()["journal"], "the problem")
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert "journal" in reader.readiness.report()[1]


def test_the_journal_is_wanted_where_logs_live_only_there(tmp_path: Path) -> None:
    logs, journals = tmp_path / "log", tmp_path / "journal"
    logs.mkdir()
    assert not journal_wanted("auto", str(logs), [str(journals)])
    journals.mkdir()
    assert journal_wanted("auto", str(logs), [str(journals)])
    (logs / "syslog").write_text("")
    assert not journal_wanted("auto", str(logs), [str(journals)])
    assert journal_wanted("on", str(logs), [])
    assert not journal_wanted("off", "/nonexistent", [str(journals)])
