"""The error tree, split by what the caller can do about it.

FairleadError            one line on stderr, exit code 2
+-- UsageError           the command line or the environment asks for what cannot be
|   +-- UnsupportedSystem  this operating system has not what the command needs
+-- SettingsError        a configuration file is wrong: its findings, each with file:line:col
+-- StateError           the state directory or what lies in it cannot be used
+-- SinkError            a sink did not take a batch
    +-- SinkUnavailable  not now: keep it and try again
    +-- SinkRejected     never: to the dead-letter file with its reason
        +-- SinkTooLarge at least not in one piece
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fairlead.core.record import Batch


class FairleadError(Exception):
    """What the user can be told in a line: what, where, what to do."""

    def lines(self) -> list[str]:
        """Return the lines for stderr."""
        return [f"fairlead: {self}"]


class UsageError(FairleadError):
    """The command line or the environment asks for what cannot be."""


class UnsupportedSystem(UsageError):
    """`what` was asked for on an operating system that does not have what it needs."""

    def __init__(self, what: str, needs: str) -> None:
        super().__init__(f"{what} needs {needs}, and this is {sys.platform}; run it on Linux")


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One place of a configuration file that is wrong (`error`) or doubtful (`warning`)."""

    file: str
    line: int
    column: int
    key: str
    problem: str
    allowed: str = ""
    severity: str = "error"

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}: "
        key = f"{self.key}: " if self.key else ""
        mark = "warning: " if self.severity == "warning" else ""
        return f"{where}{mark}{key}{self.problem}" + (f"; {self.allowed}" if self.allowed else "")


class SettingsError(FairleadError):
    """A configuration file is wrong; `findings` says where."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("; ".join(str(finding) for finding in findings))
        self.findings = findings

    def lines(self) -> list[str]:
        """Return one line a finding, each beginning with FILE:LINE:COL."""
        return [str(finding) for finding in self.findings]


class StateError(FairleadError):
    """The state directory or what lies in it cannot be used."""


class SinkError(FairleadError):
    """A sink did not take a batch."""


class SinkUnavailable(SinkError):
    """The sink cannot take anything now; `retry_after_s` is its own wish, if it told one."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class SinkRejected(SinkError):
    """The sink will never take `batches`; called again with what it was given, it goes on behind them."""

    def __init__(self, message: str, batches: "Sequence[Batch]" = ()) -> None:
        super().__init__(message)
        self.batches = batches


class SinkTooLarge(SinkRejected):
    """The sink does not take so much at once."""
