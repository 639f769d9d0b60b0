"""Contenders in turn."""

import sys
from pathlib import Path

import pytest

from fairlead.bench.case import Answer, Case, Contender, Goal, parse_answer
from fairlead.bench.measured import ContenderError
from fairlead.bench.turns import Outcome, run_case


def printing(name: str, text: str, most_runs: int = 1000) -> Contender:
    """Return a contender that prints a text."""
    return Contender(name, "peer", [sys.executable, "-I", "-S", "-c", f"print({text!r})"], most_runs=most_runs)


def case(*contenders: Contender, goals: tuple[Goal, ...] = ()) -> Case:
    return Case("a", "a case", "calls", 10, lambda programs: contenders, contenders[-1].name, goals, timeout_s=30)


def run(*contenders: Contender, runs: int = 2, goals: tuple[Goal, ...] = ()) -> Outcome:
    return run_case(case(*contenders, goals=goals), contenders, runs, lambda text: None)


def test_contenders_take_turns_after_a_warm_up(tmp_path: Path) -> None:
    log = tmp_path / "log"
    both = [Contender(name, "peer", ["sh", "-c", f"echo {name} >> {log}; echo 1"]) for name in ("a", "b")]
    outcome = run(*both)
    assert log.read_text().split() == ["a", "b"] * 3
    assert [len(outcome.runs[name]) for name in ("a", "b")] == [2, 2]


def test_a_wrong_answer_fails_the_case() -> None:
    with pytest.raises(ContenderError, match="b answers 2, a 1"):
        run(printing("a", "1"), printing("b", "2"))


def test_no_answer_fails_the_case() -> None:
    with pytest.raises(ContenderError, match="printed no answer"):
        run(printing("a", ""))


def test_a_missing_contender_is_not_run() -> None:
    outcome = run(printing("a", "1"), Contender("b", "go", missing="Go is not installed"))
    assert outcome.runs["b"] == []
    assert outcome.times("a", "b", "wall_s") is None


def test_what_takes_minutes_is_run_once() -> None:
    outcome = run(printing("a", "1"), printing("b", "1", most_runs=1), runs=3)
    assert [len(outcome.runs[name]) for name in ("a", "b")] == [3, 1]


def test_ratios_are_of_pairs_and_judge_goals() -> None:
    goal = Goal("fast", "slow", "kernel_s", 4)
    outcome = run(printing("fast", "1\nkernel_s=0.5"), printing("slow", "1\nkernel_s=2"), goals=(goal,))
    assert outcome.times("slow", "fast", "kernel_s") == (4, 4, 4)
    assert [judged.met for judged in outcome.goals()] == [True]
    missed = Goal("fast", "slow", "kernel_s", 4.1)
    assert [judged.met for judged in run(*outcome.contenders, goals=(missed,)).goals()] == [False]


@pytest.mark.parametrize(
    ("output", "answer"),
    [
        ("664579\nkernel_s=0.25\n", Answer("664579", 0.25)),
        ("7\n", Answer("7", None)),
        ('{"seconds": 0.5, "answer": 3}\n', Answer("3", 0.5)),
    ],
)
def test_answers_in_both_forms(output: str, answer: Answer) -> None:
    assert parse_answer(output) == answer
