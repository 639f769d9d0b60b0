"""What reads logs in one program: the pipeline of files, and the journal where logs live only there."""

from collections.abc import Coroutine, Sequence
from typing import Any

from fairlead.core.context import RunContext
from fairlead.core.record import Position
from fairlead.logs.follow import own_files
from fairlead.logs.journal import JournalFollower, journal_wanted
from fairlead.logs.pipeline import Deliver, Pipeline
from fairlead.logs.redact import Redactor
from fairlead.logs.settings import LogInput


class LogReaders:
    """Both readers behind one `deliver`; `own` are files and folders of ours that are never followed."""

    def __init__(
        self,
        inputs: Sequence[LogInput],
        journal: str,
        redact: Sequence[str],
        deliver: Deliver,
        positions: Sequence[Position],
        context: RunContext,
        *,
        own: Sequence[str],
        backfill_bytes: int | None = None,
    ) -> None:
        redactor = Redactor(redact)
        self._pipeline = Pipeline(
            inputs, deliver, positions, context, redactor=redactor, backfill_bytes=backfill_bytes, own=lambda: own_files(*own)
        )
        self._journal: JournalFollower | None = None
        if journal_wanted(journal):
            known = next((position for position in positions if position.kind == "journal"), None)
            self._journal = JournalFollower(deliver, known, redactor, context)

    def parts(self) -> list[Coroutine[Any, Any, None]]:
        """Return what is to run side by side."""
        return [self._pipeline.run(), *([self._journal.run()] if self._journal else [])]

    async def reload(self, inputs: Sequence[LogInput], redactor: Redactor) -> None:
        """Take other files and patterns from now on."""
        await self._pipeline.reload(inputs, redactor)
        if self._journal is not None:
            self._journal.redactor = redactor
