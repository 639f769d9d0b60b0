"""Checks every line of an input file before anything of it runs."""

import os

from fairlead.core.errors import FairleadError
from fairlead.jobs.journal import Journal
from fairlead.jobs.lines import MAX_LINE_BYTES, split_lines
from fairlead.jobs.model import InputError, parse

_MOST_TOLD = 20


class WrongInput(FairleadError):
    """Lines of an input file are no jobs."""

    def __init__(self, told: list[str]) -> None:
        super().__init__("; ".join(told))
        self._told = told

    def lines(self) -> list[str]:
        """Return one line a problem, each beginning with FILE:LINE."""
        return self._told


def check(descriptor: int, source: str, journal: Journal | None) -> int:
    """Return how many jobs a file holds, and go back to its begin; WrongInput with the first of its faults."""
    told: list[str] = []
    lines_of: dict[str, int] = {}
    for lines in split_lines(descriptor):
        for number, line in lines:
            try:
                if line is None:
                    raise InputError(f"is longer than {MAX_LINE_BYTES >> 20} MiB")
                command = parse(line, number)
                if (other := lines_of.setdefault(command.key, number)) != number:
                    raise InputError(f"id: {command.key} is that of line {other}, too; each job has an id of its own")
                if journal is not None and journal.is_changed(command):
                    raise InputError(f"id: {command.key} is another command in the journal; give it another id, or begin another journal")
            except InputError as error:
                told.append(f"{source}:{number}: {error}")
        if len(told) >= _MOST_TOLD:
            break
    if told:
        raise WrongInput(told[:_MOST_TOLD])
    os.lseek(descriptor, 0, os.SEEK_SET)
    return len(lines_of)
