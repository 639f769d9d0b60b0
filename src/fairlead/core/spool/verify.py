"""Reads a spool from end to end without changing it, also while an agent works on it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fairlead.core.errors import StateError
from fairlead.core.spool.cursor import MISSING, Cursor, Problem
from fairlead.core.spool.format import HEADER_BYTES, Head, segment_number
from fairlead.core.spool.head import Found, read_head
from fairlead.core.spool.recovery import Survey, survey
from fairlead.core.spool.spool import Frame, Place

_ATTEMPTS = 10
"""A segment may be acknowledged and unlinked between the look at the folder and the look into it."""


class Verification:
    """One reading of a spool: first `frames` to its end, then what was found. Raises StateError where there is no spool to read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._found: list[Problem] = []
        self._began: Head | None = None
        self._survey = self._look()
        self.acknowledged = self._survey.head.number
        """The number of the first frame that waits."""
        self.segments, self.size_bytes = len(self._survey.sizes), sum(self._survey.sizes.values())
        self.waiting = self.done = 0
        """Frames read so far: those that wait, and those acknowledged whose segment is still there."""

    def frames(self) -> Iterator[Frame]:
        """Yield every frame that can be read, oldest first, the acknowledged ones too; raises StateError."""
        head, sizes = self._survey.head, self._survey.sizes
        cursor = Cursor(self._folder, head.key, sizes, self._note)
        oldest = next(iter(sizes), head.segment)
        cursor.seek(min(oldest, head.segment), HEADER_BYTES, -1 if oldest <= head.segment else head.number)
        try:
            while (record := cursor.peek()) is not None:
                cursor.advance()
                self.waiting += record.number >= self.acknowledged
                self.done += record.number < self.acknowledged
                yield Frame(Place(cursor.segment, record.end, record.number), record.payload)
        except OSError as error:
            raise StateError(f"{self._folder}: {error.strerror}; give a spool that can be read") from None
        finally:
            cursor.close()

    def problems(self) -> list[Problem]:
        """Return what was found, but for what an agent changed under the reading; raises StateError."""
        now = read_head(self._folder)
        return [problem for problem in self._found if self._stands(problem, now)]

    def _note(self, problem: Problem) -> None:
        """Take note of a problem; what is acknowledged is not lost."""
        head, segment = self._survey.head, segment_number(problem.file)
        if problem.length and segment is not None and (segment, problem.offset + problem.length) <= (head.segment, head.offset):
            problem = replace(problem, frames=0, what=f"{problem.what}, in what is acknowledged")
        self._found.append(problem)

    def _look(self) -> Survey:
        for _ in range(_ATTEMPTS):
            self._found.clear()
            try:
                self._began = read_head(self._folder).head
                return survey(self._folder, self._found.append)
            except FileNotFoundError:
                if not self._folder.is_dir():
                    raise StateError(f"{self._folder}: there is no spool yet; give the --state-dir of an agent") from None
            except OSError as error:
                raise StateError(f"{self._folder}: {error.strerror}; give a spool that can be read") from None
        raise StateError(f"{self._folder}: its files come and go; try again, or stop the agent")

    def _stands(self, problem: Problem, now: Found) -> bool:
        segment = segment_number(problem.file)
        if segment is None:  # the head: a slot may have been read while it was written
            return now.head is None or problem.offset in now.damaged
        if problem.what != MISSING:
            return True
        if now.head is None or segment > now.head.segment:
            return not (self._folder / problem.file).exists()
        return segment not in self._survey.sizes and now.head == self._began
