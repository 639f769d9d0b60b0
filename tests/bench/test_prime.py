"""The contender of the case `prime`: what it prints, what it takes as plain words, and how little it imports."""

import subprocess
import sys

import pytest

from fairlead.bench import prime


@pytest.mark.parametrize("method", prime.METHODS)
def test_the_report_is_the_count_and_the_seconds(method: str) -> None:
    for threads in (1, 2):
        count, seconds, end = prime.report(30_000, threads, method).split("\n")
        assert count == "3245"
        assert float(seconds.removeprefix("kernel_s=")) > 0
        assert end == ""


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(ValueError, match="allowed are simd, trial, python"):
        prime.count(10, 1, "sieve")


def test_plain_words_are_answered_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ("--n 100", "--n=100", "--n 100 --threads 2", "--method python --n 100", "--threads=1 --method=trial --n=100"):
        assert prime.run_plain(words.split()) == 0
        assert capsys.readouterr().out.startswith("25\nkernel_s="), words


def test_other_words_are_left_to_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    unplain = ["", "--help", "100", "--n", "--n -1", "--n 1e7", "--n 18446744073709551617", "--n ٣", "--n " + "9" * 5000, "--N 10"]
    unplain += [f"--n 10 {rest}" for rest in ("--threads 0", "--threads two", "--threads", "--method sieve", "--method", "20")]
    assert [words for words in unplain if prime.run_plain(words.split()) is not None] == []
    assert capsys.readouterr().out == ""


def test_nothing_is_imported_but_the_kernel() -> None:
    program = """
import sys
before = set(sys.modules)
from fairlead.bench.prime import run_plain
run_plain(["--n", "1000"])
print(*sorted(name for name in set(sys.modules) - before if "cython" not in name))
"""
    ran = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, check=True, text=True)
    wanted = ["fairlead", "fairlead._native", "fairlead._native.primes", "fairlead.bench", "fairlead.bench.prime"]
    assert ran.stdout.splitlines()[-1].split() == wanted
