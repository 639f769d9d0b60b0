"""What is compared: a case is one piece of work; its contenders do it and must all give the same answer."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

Kind = Literal["fairlead", "python", "go", "peer"]
Figure = Literal["kernel_s", "wall_s"]


class Answer(NamedTuple):
    """What a contender printed: its answer, and the seconds of the work alone (None: it does not tell them)."""

    text: str
    kernel_s: float | None


def parse_answer(output: str) -> Answer:
    """Read what a contender printed: a JSON object with `answer` and `seconds`; or the answer, then perhaps a line `kernel_s=SECONDS`.

    ValueError (KeyError for a JSON object without these) where it is neither.
    """
    first, *rest = output.split("\n")
    if first.startswith("{"):
        told = json.loads(first)
        return Answer(str(told["answer"]), float(told["seconds"]))
    if not first:
        raise ValueError("no answer")
    kernel_s = next((float(line.partition("=")[2]) for line in rest if line.startswith("kernel_s=")), None)
    return Answer(first.strip(), kernel_s)


@dataclass(frozen=True, slots=True)
class Contender:
    """A command that does the work once; `missing` says why it cannot run here. `most_runs` bounds what takes minutes."""

    name: str
    kind: Kind
    argv: Sequence[str] = ()
    missing: str = ""
    most_runs: int = 1000
    parse: Callable[[str], Answer] = parse_answer


@dataclass(frozen=True, slots=True)
class Goal:
    """A contender is to take at most 1 / `times` of what another takes, by the work alone (kernel_s) or the whole process (wall_s)."""

    contender: str
    against: str
    figure: Figure
    times: float


class Programs(Protocol):
    """What finds programs for a case."""

    def ours(self, *words: str) -> list[str]:
        """Return the command line of this program with these words."""
        ...

    def serve(self, *words: str) -> str:
        """Start this program with these words, for as long as the case lasts, and return the first line that it prints."""
        ...

    def go(self, name: str, program: str, *words: str) -> Contender:
        """Return the contender `name` that is a program of the Go reference; its `missing` is set where it cannot be had."""
        ...


@dataclass(frozen=True, slots=True)
class Case:
    """One piece of work; `contenders` is asked when the case is run. Ratios are to `reference`, a contender's name."""

    name: str
    title: str
    unit: str
    units: int
    contenders: Callable[[Programs], Sequence[Contender]]
    reference: str
    goals: Sequence[Goal] = ()
    timeout_s: float = 600.0
