"""What is told of a process under measurement."""

from typing import NamedTuple

from fairlead.core.errors import FairleadError


class ContenderError(FairleadError):
    """A process under measurement could not be run, ended badly or answered wrongly."""


class Measured(NamedTuple):
    """What a process took: seconds from its start to its end, of user and of system time; peak resident bytes; and its output."""

    wall_s: float
    user_s: float
    system_s: float
    peak_bytes: int
    output: str

    @property
    def cpu_percent(self) -> float:
        """CPU time as percent of the wall clock; more than 100 with more than one thread."""
        return 100.0 * (self.user_s + self.system_s) / self.wall_s
