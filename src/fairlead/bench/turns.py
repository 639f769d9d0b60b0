"""Contenders in turn, A B C A B C, after a warm-up, and what is read from their runs: ratios pair by pair."""

import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fairlead.bench.case import Answer, Case, Contender, Figure, Goal
from fairlead.bench.measured import ContenderError, Measured
from fairlead.core.errors import UnsupportedSystem


class Run(NamedTuple):
    """One process."""

    measured: Measured
    answer: Answer

    def figure(self, name: Figure) -> float:
        """Return seconds of the work alone, or of the whole process; the latter also where the former are not told."""
        return self.answer.kernel_s if name == "kernel_s" and self.answer.kernel_s is not None else self.measured.wall_s


class Spread(NamedTuple):
    """The least, the median and the greatest of some figures."""

    least: float
    median: float
    greatest: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> "Spread":
        """Return it; ValueError of none."""
        return cls(min(figures), statistics.median(figures), max(figures))


class Judged(NamedTuple):
    """A goal and how many times faster it was, pair by pair; None where one of both did not run."""

    goal: Goal
    times: Spread | None

    @property
    def met(self) -> bool | None:
        """Whether the median reaches it."""
        return self.times.median >= self.goal.times if self.times else None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a case gave: runs of each contender (none of one that is missing), in the order of the case."""

    case: Case
    contenders: Sequence[Contender]
    runs: dict[str, list[Run]]

    @property
    def answer(self) -> str:
        """The answer that all gave."""
        return next((runs[0].answer.text for runs in self.runs.values() if runs), "")

    def times(self, name: str, against: str, figure: Figure) -> Spread | None:
        """Return how many times longer `name` took than `against`, pair by pair; None where one of both did not run."""
        pairs = list(zip(self.runs.get(name, ()), self.runs.get(against, ()), strict=False))
        return Spread.of([a.figure(figure) / b.figure(figure) for a, b in pairs]) if pairs else None

    def goals(self) -> list[Judged]:
        """Return each goal between contenders of this run with what was reached."""
        goals = [goal for goal in self.case.goals if {goal.contender, goal.against} <= self.runs.keys()]
        return [Judged(goal, self.times(goal.against, goal.contender, goal.figure)) for goal in goals]


def run_case(case: Case, contenders: Sequence[Contender], runs: int, progress: Callable[[str], None]) -> Outcome:
    """Run each contender once unmeasured, then `runs` times in turn; ContenderError where one ends badly or answers otherwise.

    A contender whose `most_runs` is 1 gets no warm-up; `progress` is called before each process with what it is.
    """
    outcome = Outcome(case, contenders, {contender.name: [] for contender in contenders})
    present = [contender for contender in contenders if not contender.missing]
    first: Run | None = None
    for turn in range(runs + 1):
        for contender in present:
            if turn > contender.most_runs or (turn == 0 and contender.most_runs == 1):
                continue
            progress(f"{case.name}: {contender.name}, {f'run {turn} of {runs}' if turn else 'warm-up'}")
            run = _run(contender, case.timeout_s)
            first = first or run
            if run.answer.text != first.answer.text:
                raise ContenderError(f"{case.name}: {contender.name} answers {run.answer.text}, {present[0].name} {first.answer.text}")
            if turn:
                outcome.runs[contender.name].append(run)
    return outcome


def _run(contender: Contender, timeout_s: float) -> Run:
    measured = _measure(contender.argv, timeout_s)
    try:
        return Run(measured, contender.parse(measured.output))
    except (ValueError, KeyError) as error:
        raise ContenderError(f"{contender.name} printed no answer: {measured.output[:200]!r}") from error


def _measure(argv: Sequence[str], timeout_s: float) -> Measured:
    if sys.platform != "win32":
        from fairlead.bench.process import measure

        return measure(argv, timeout_s)
    raise UnsupportedSystem("bench run or compare", "wait4(2), which tells what a process took")
