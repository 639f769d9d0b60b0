"""The writers and their oracle: a lost, doubled or torn line is found, and nothing else is."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.support.oracle import Range, check
from tests.support.program import Running
from tests.support.waiting import wait_until
from tests.support.writers import Ledger, Settings, paused, read_ledgers, write_log

PROGRAM = [sys.executable, "-m", "tests.support.writers"]


def texts(files: Iterable[Path]) -> list[str]:
    return [text for file in files for text in file.read_text(errors="replace").split("\n")[:-1]]


@pytest.fixture
def written(tmp_path: Path) -> tuple[list[str], list[Ledger]]:
    """A hundred lines and their ledger."""
    ledger = write_log(Settings("w0", tmp_path / "w0.log", tmp_path / "ledgers", lines=100))
    assert read_ledgers(tmp_path / "ledgers") == [ledger] == [Ledger("w0", 1, 100)]
    return texts([tmp_path / "w0.log"]), [ledger]


def test_the_verdict_is_clean_when_each_line_came_once(written: tuple[list[str], list[Ledger]]) -> None:
    lines, ledgers = written
    verdict = check(lines, ledgers)
    assert (verdict.clean, verdict.lines, verdict.disordered, str(verdict)) == (True, 100, 0, "lost=0 doubled=0 torn=0")


def test_lost_doubled_torn_and_mixed_lines_are_found(written: tuple[list[str], list[Ledger]]) -> None:
    lines, ledgers = written
    torn, mixed = lines[50][:-3], lines[60] + lines[61]
    arrived = [*lines[:10], *lines[13:50], torn, *lines[51:60], mixed, *lines[62:99], *lines[20:22], lines[20]]
    verdict = check(arrived, ledgers)
    lost = [Range("w0", 1, 11, 13), Range("w0", 1, 51, 51), Range("w0", 1, 61, 62), Range("w0", 1, 100, 100)]
    assert (verdict.lost, verdict.doubled, verdict.torn) == (lost, [Range("w0", 1, 21, 22)], [torn, mixed])
    assert str(verdict).startswith("lost=7 doubled=2 torn=2: ")


def test_a_line_is_torn_when_one_character_differs(written: tuple[list[str], list[Ledger]]) -> None:
    lines, ledgers = written
    changed = ["~" + line[1:] if i == 5 else line for i, line in enumerate(lines)]
    assert check(changed, ledgers).torn == [changed[5]]


def test_order_is_told_apart_from_repeats(written: tuple[list[str], list[Ledger]]) -> None:
    lines, ledgers = written
    assert check([*lines[1:], lines[0], *lines[5:7]], ledgers).disordered == 1


def test_lines_beyond_the_ledger_of_a_killed_writer_are_free_to_come(written: tuple[list[str], list[Ledger]]) -> None:
    lines, _ = written
    assert check(lines[:95], [Ledger("w0", 1, 90)]).clean
    assert check([*lines, lines[97]], [Ledger("w0", 1, 90)]).doubled == [Range("w0", 1, 98, 98)]
    assert check(lines, [Ledger("w0", 2, 0)]).torn == lines


def test_writers_rotate_until_they_are_told_to_end(tmp_path: Path) -> None:
    options = ("--writers", "2", "--rotate-every", "50", "--keep", "1000", "--lines-a-write", "7", "--split-every", "40", "--rate", "3000")
    running = Running(str(tmp_path), *options, program=PROGRAM)
    wait_until(lambda: (tmp_path / "w1.log.3").exists() and (tmp_path / "w0.log.3").exists(), "rotations")
    assert running.end(signal.SIGTERM) == 0
    ledgers = read_ledgers(tmp_path / "ledgers")
    assert "".join(running.out) == "".join(f"{one.source} {one.epoch} {one.last}\n" for one in ledgers)
    assert len(ledgers) == 2
    assert check(texts(tmp_path.glob("w*.log*")), ledgers).clean


def test_generations_beyond_those_kept_are_lost(tmp_path: Path) -> None:
    ledger = write_log(Settings("w0", tmp_path / "w0.log", tmp_path / "ledgers", lines=1000, rotate_every=100, keep=3))
    files = sorted(tmp_path.glob("w0.log*"))
    assert [file.name for file in files] == ["w0.log", "w0.log.1", "w0.log.2", "w0.log.3"]
    assert check(texts(files), [ledger]).lost == [Range("w0", 1, 1, 700)]


@pytest.mark.parametrize("append", [True, False])
def test_nothing_is_lost_by_copytruncate_when_the_writer_pauses(tmp_path: Path, append: bool) -> None:
    pause, log = tmp_path / "pause", tmp_path / "w0.log"
    options = ["--pause-file", str(pause), *([] if append else ["--no-append"])]
    running = Running(str(tmp_path), *options, program=PROGRAM)
    (tmp_path / "logrotate.conf").write_text(f"{log} {{\n  rotate 9\n  copytruncate\n}}\n")
    for _ in range(2):
        wait_until(lambda: log.exists() and log.stat().st_size > 100_000, "some lines")
        with paused(pause, ["w0"]):
            subprocess.run(
                [shutil.which("logrotate") or "/usr/sbin/logrotate", "-f", "-s", tmp_path / "state", tmp_path / "logrotate.conf"],
                check=True,
            )
    wait_until(lambda: log.read_bytes().rstrip(b"\0"), "lines after it")
    assert running.end(signal.SIGTERM) == 0
    assert check(texts([tmp_path / "w0.log.2", tmp_path / "w0.log.1", log]), read_ledgers(tmp_path / "ledgers")).clean
    assert log.read_bytes().startswith(b"w0" if append else b"\0")
