"""Contenders as whole processes in turn, A B C A B C, after a warm-up; the result is the ratio to one of them, pair by pair."""

import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

OUT = Path("build/out/bench")
GO_MODULE = Path("bench/go")
BINARY = Path("build/out/fairlead")


class Contender(NamedTuple):
    """A command that prints `{"seconds": S, "answer": A}`; with `answer_of` it prints else, and its wall time counts."""

    name: str
    argv: Sequence[str]
    answer_of: Callable[[str], object] | None = None


class Run(NamedTuple):
    """What one process took for one unit of work, and what it answered."""

    seconds: float
    answer: object


class Goal(NamedTuple):
    """`figure` is to be at most (or at least) `limit`."""

    text: str
    figure: float
    limit: float
    at_most: bool

    @property
    def met(self) -> bool:
        """Whether it is."""
        return self.figure <= self.limit if self.at_most else self.figure >= self.limit


class Section(NamedTuple):
    """One scenario's part of RESULTS.md."""

    name: str
    title: str
    notes: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    goals: Sequence[Goal]


def build_go() -> None:
    """Build the programs of bench/go into build/out/bench, static and stripped."""
    OUT.mkdir(parents=True, exist_ok=True)
    argv = ["go", "build", "-trimpath", "-ldflags", "-s -w", "-o", f"{OUT.resolve()}/", "./..."]
    subprocess.run(argv, cwd=GO_MODULE, check=True, env={**os.environ, "CGO_ENABLED": "0"})


def in_turn(contenders: Sequence[Contender], rounds: int) -> dict[str, list[Run]]:
    """Run each contender once unmeasured, then `rounds` times in turn; an answer that differs from the first one's fails."""
    for contender in contenders:
        run_once(contender)
    runs: dict[str, list[Run]] = {contender.name: [] for contender in contenders}
    for _ in range(rounds):
        for contender in contenders:
            runs[contender.name].append(run_once(contender))
    answers = {name: {str(run.answer) for run in done} for name, done in runs.items()}
    if len(set().union(*answers.values())) != 1:
        raise SystemExit(f"the contenders do not agree: {answers}")
    return runs


def run_once(contender: Contender) -> Run:
    """Run a contender."""
    begin = time.perf_counter()
    done = subprocess.run(contender.argv, capture_output=True, text=True, check=True)
    wall = time.perf_counter() - begin
    if contender.answer_of is not None:
        return Run(wall, contender.answer_of(done.stdout))
    told = json.loads(done.stdout)
    return Run(told["seconds"], told["answer"])


def ratios(runs: dict[str, list[Run]], name: str, reference: str) -> list[float]:
    """Return seconds of `name` over those of `reference`, pair by pair."""
    return [a.seconds / b.seconds for a, b in zip(runs[name], runs[reference], strict=True)]


def spread(numbers: Sequence[float], form: str = "{:.2f}") -> str:
    """Return the median, and the least and greatest."""
    told = [form.format(number) for number in (statistics.median(numbers), min(numbers), max(numbers))]
    return f"{told[0]} ({told[1]} to {told[2]})"
