"""Group commit: what many coroutines write while one write is under way goes together with the next."""

import asyncio
from collections.abc import Callable


class GroupCommit:
    """`write` runs in a thread, one call at a time, and is given all that waits."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, data: bytes) -> None:
        """Return when the data is written; raises what `write` does. Data is written in the order of calls."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((data, done))
        if self._task is None:
            self._task = asyncio.create_task(self._serve())
        await done

    async def close(self) -> None:
        """Wait until all is written."""
        if self._task is not None:
            await self._task

    async def _serve(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            error: Exception | None = None
            try:
                await asyncio.to_thread(self._write, b"".join([data for data, _ in batch]))
            except Exception as raised:
                error = raised
            for _, done in batch:
                if done.done():
                    continue
                if error is None:
                    done.set_result(None)
                else:
                    done.set_exception(error)
        self._task = None
