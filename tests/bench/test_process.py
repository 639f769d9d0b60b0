"""What a measured process is told to have taken."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from fairlead.bench.measured import ContenderError
from fairlead.bench.process import measure

TIMEOUT_S = 30.0


def test_output_and_times_of_a_program() -> None:
    done = measure([sys.executable, "-I", "-S", "-c", "print(sum(range(3_000_000)))"], TIMEOUT_S)
    assert done.output == "4499998500000\n"
    assert 0 < done.user_s <= done.wall_s * 1.5
    assert done.cpu_percent > 0


def test_peak_is_the_programs_own_and_not_this_process_s() -> None:
    ballast = bytearray(64 << 20)
    ballast[:: os.sysconf("SC_PAGE_SIZE")] = b"x" * len(ballast[:: os.sysconf("SC_PAGE_SIZE")])
    assert measure(["true"], TIMEOUT_S).peak_bytes < 10 << 20


def test_peak_holds_what_the_program_had_for_a_moment() -> None:
    program = "data = bytearray(48 << 20); data[::4096] = b'x' * len(data[::4096]); del data"
    assert measure([sys.executable, "-I", "-S", "-c", program], TIMEOUT_S).peak_bytes > 48 << 20


def test_arguments_reach_the_program_as_they_are() -> None:
    words = ["$HOME", "a b", "'; exit 3", "*"]
    done = measure([sys.executable, "-I", "-S", "-c", "import sys; print(sys.argv[1:])", *words], TIMEOUT_S)
    assert done.output == f"{words}\n"


def test_exit_code_and_what_it_said_when_a_program_fails() -> None:
    with pytest.raises(ContenderError, match="exit code 3: no such luck"):
        measure(["sh", "-c", "echo no such luck >&2; exit 3"], TIMEOUT_S)


def test_signal_when_a_program_is_killed() -> None:
    with pytest.raises(ContenderError, match="killed by SIGKILL"):
        measure(["sh", "-c", "kill -9 $$"], TIMEOUT_S)


def test_a_program_that_takes_too_long_dies_with_its_children() -> None:
    with pytest.raises(ContenderError, match="not done in time"):
        measure(["sh", "-c", "sleep 600 & sleep 600"], 0.2)


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(ContenderError, match="nonesuch"):
        measure(["nonesuch"], TIMEOUT_S)


def test_without_a_shell_a_program_is_spawned_directly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    true = shutil.which("true")
    assert true is not None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert measure([true], TIMEOUT_S).output == ""
    with pytest.raises(ContenderError, match="No such file"):
        measure([str(tmp_path / "nonesuch")], TIMEOUT_S)
