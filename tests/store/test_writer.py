"""The one thread that writes: who waits for it is told what became of the write."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fairlead.core.errors import FairleadError, SinkUnavailable, StateError
from fairlead.core.readiness import Readiness
from fairlead.core.telemetry import Telemetry
from fairlead.store.interface import Intake
from fairlead.store.query import parse_query
from fairlead.store.settings import StoreSettings
from fairlead.store.sqlite import SqliteStore
from fairlead.store.sqlite.opening import open_store
from fairlead.store.writer import StoreWriter
from tests.support.samples import ManualClock, batch


@asynccontextmanager
async def writing(folder: Path, spoil: Callable[[], FairleadError | None]) -> AsyncIterator[tuple[StoreWriter, SqliteStore, Readiness]]:
    """Run a writer whose store fails as `spoil` says."""

    class Spoiled(SqliteStore):
        def write(self, intake: Intake) -> None:
            if error := spoil():
                raise error
            super().write(intake)

    await asyncio.to_thread(lambda: open_store(folder, StoreSettings(), ManualClock()).close())
    store = await asyncio.to_thread(Spoiled, folder / "store.db", StoreSettings(), ManualClock())
    readiness = Readiness()
    writer = StoreWriter(store, "host", ManualClock(), Telemetry(), readiness)
    await writer.start()
    try:
        yield writer, store, readiness
    finally:
        await writer.close()
        await asyncio.to_thread(store.close)


@pytest.mark.parametrize("error", [SinkUnavailable("full", 7.0), StateError("refused")])
async def test_what_a_store_refuses_is_for_later_and_told_meanwhile(tmp_path: Path, error: FairleadError) -> None:
    errors: list[FairleadError] = [error]
    async with writing(tmp_path, lambda: errors.pop() if errors else None) as (writer, store, readiness):
        with pytest.raises(SinkUnavailable, match=str(error)) as caught:
            await writer.send([batch("s", 0, ["one"])])
        assert caught.value.retry_after_s == getattr(error, "retry_after_s", None)
        assert readiness.problems()["store"] == f"takes no writes: {error}"
        await writer.send([batch("s", 0, ["one"])])
        assert not readiness.problems()["store"]
        assert len(await asyncio.to_thread(store.search, parse_query("one"), 5)) == 1


async def test_an_end_waits_for_one_failure_only(tmp_path: Path) -> None:
    tried, goes_on = threading.Semaphore(0), threading.Event()

    def fail() -> FairleadError:
        tried.release()
        goes_on.wait()
        return SinkUnavailable("no answer in time")

    async with writing(tmp_path, fail) as (writer, _, _):
        first = asyncio.ensure_future(writer.send([batch("s", 0, ["one"])]))
        await asyncio.to_thread(tried.acquire)
        second = asyncio.ensure_future(writer.send([batch("s", 4, ["two"])]))
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(writer.close())
        await asyncio.sleep(0)
        goes_on.set()
        await closing
        for sent in (first, second):
            with pytest.raises(SinkUnavailable, match="no answer in time"):
                await sent
    assert not tried.acquire(blocking=False), "the second was not tried"
