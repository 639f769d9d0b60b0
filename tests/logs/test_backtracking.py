"""Patterns that `re` cannot leave, found beforehand."""

import signal

import pytest

from fairlead.logs.backtracking import slow_line


@pytest.mark.parametrize("pattern", ["(a+)+$", r"(\w+\s?)+$", "(x+x+)+y", "key=(a|a)*;", "(foo|fo+)+$", "(.*)*z", "日本(語+)+$"])
def test_a_pattern_that_goes_astray_is_found(pattern: str) -> None:
    assert slow_line(pattern) is not None


@pytest.mark.parametrize(
    "pattern",
    [r"password=\S+", r"[\w.]+@[\w.]+", r"\b(?:\d[ -]*?){13,16}\b", r"([0-9]{1,3}\.){3}[0-9]{1,3}", r"^\d{4}-\d{2}-\d{2}[T ]", "^", ""],
)
def test_a_pattern_that_comes_to_an_end_is_not(pattern: str) -> None:
    before = signal.getsignal(signal.SIGVTALRM)
    assert slow_line(pattern) is None
    assert signal.getsignal(signal.SIGVTALRM) == before
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)
