"""What reads logs in one program: the pipeline of files, and the journal where logs live only there."""

from collections.abc import Coroutine, Sequence
from typing import Any, Unpack

from fairlead.core.context import RunContext
from fairlead.core.record import Position
from fairlead.logs.journal import JournalFollower, journal_wanted
from fairlead.logs.own import own_files
from fairlead.logs.pipeline import Deliver, Options, Pipeline
from fairlead.logs.redact import Redactor
from fairlead.logs.settings import LogInput


class LogReaders:
    """Both readers behind one `deliver`; `own` are files and folders of ours that are never followed.

    journald keeps its entries for long, so they may have another way out (`deliver_journal`) that waits for the sink.
    """

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
        deliver_journal: Deliver | None = None,
        **options: Unpack[Options],
    ) -> None:
        redactor = Redactor(redact)
        self._pipeline = Pipeline(inputs, deliver, positions, context, redactor=redactor, own=lambda: own_files(*own), **options)
        self._journal: JournalFollower | None = None
        if journal_wanted(journal):
            known = next((position for position in positions if position.kind == "journal"), None)
            self._journal = JournalFollower(deliver_journal or deliver, known, redactor, context)

    def parts(self) -> list[Coroutine[Any, Any, None]]:
        """Return what is to run side by side."""
        return [self._pipeline.run(), *([self._journal.run()] if self._journal else [])]

    def lag(self) -> tuple[int, float]:
        """Return how far reading is behind, in bytes and in seconds."""
        return self._pipeline.lag()

    def followed(self) -> int:
        """Return how many files are followed."""
        return self._pipeline.followed()

    async def reload(self, inputs: Sequence[LogInput], redactor: Redactor) -> None:
        """Take other files and patterns from now on."""
        await self._pipeline.reload(inputs, redactor)
        if self._journal is not None:
            self._journal.redactor = redactor
