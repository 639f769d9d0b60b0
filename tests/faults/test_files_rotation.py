"""Rotation 20 times a second while the agent is stopped: with all generations kept nothing is lost, with three the gap is told.

What tells of a gap are the events of births that wait in the kernel meanwhile; and where they are too many, that a file which was open has
no name any more while others are there (logs/births.py).
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.faults.fleet import Fleet
from tests.support.oracle import Range

pytestmark = pytest.mark.real
WRITERS = 4
ROTATIONS_A_SECOND = 20


@contextmanager
def stopped(fleet: Fleet) -> Iterator[None]:
    """Keep the agent from running."""
    fleet.agent.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        fleet.agent.process.send_signal(signal.SIGCONT)


def rotate_while_stopped(fleet: Fleet, seconds: float, keep: int, lines_a_file: int = 10) -> int:
    """Let writers rotate while the agent is stopped, and to their end; return how many lines each wrote."""
    fleet.begin(WRITERS)
    lines = int(seconds * ROTATIONS_A_SECOND) * lines_a_file
    with stopped(fleet):
        rate = ROTATIONS_A_SECOND * lines_a_file
        fleet.write(WRITERS, epoch=2, lines=lines, rate=rate, rotate_every=lines_a_file, keep=keep).wait()
    return lines


def check_all_is_read(fleet: Fleet, seconds: float) -> None:
    """With 200 generations kept each line comes once."""
    rotate_while_stopped(fleet, seconds, keep=200)
    fleet.prove()


def check_one_gap_a_path_is_told(fleet: Fleet, seconds: float, lines_a_file: int = 10) -> None:
    """With three generations kept all between the file that was open and these is lost, and that is one gap a path."""
    lines, kept = rotate_while_stopped(fleet, seconds, 3, lines_a_file), 3 * lines_a_file
    lost = [Range(f"w{number}", 2, lines_a_file + 1, lines - kept) for number in range(WRITERS)]
    fleet.wait_stored(fleet.end_writers() - sum(one.size for one in lost))
    audit = fleet.wait_audit(unknown=WRITERS)
    gaps = {source["path"]: source["unknown"] for source in audit.sources if source["unknown"]}
    assert gaps == {f"{fleet.logs}/w{number}.log": 1 for number in range(WRITERS)}
    verdict = fleet.verdict()
    assert (sorted(verdict.lost), verdict.doubled, verdict.torn) == (lost, [], [])
    fleet.fail_for_tracebacks()


def test_each_line_stands_once_when_files_rotate_while_the_agent_is_stopped(http_fleet: Fleet) -> None:
    check_all_is_read(http_fleet, 1)


def test_one_gap_a_path_is_told_when_files_rotate_away_while_the_agent_is_stopped(http_fleet: Fleet) -> None:
    check_one_gap_a_path_is_told(http_fleet, 1)


@pytest.mark.soak
def test_one_gap_a_path_is_told_when_more_happens_than_the_kernel_keeps_events_of(http_fleet: Fleet) -> None:
    check_one_gap_a_path_is_told(http_fleet, 1, lines_a_file=300)
    http_fleet.agent.expect("events of files were lost")


@pytest.mark.soak
def test_each_line_stands_once_when_files_rotate_for_long_while_the_agent_is_stopped(http_fleet: Fleet) -> None:
    check_all_is_read(http_fleet, 5)


@pytest.mark.soak
def test_one_gap_a_path_is_told_when_files_rotate_away_for_long_while_the_agent_is_stopped(http_fleet: Fleet) -> None:
    check_one_gap_a_path_is_told(http_fleet, 5)


@pytest.mark.soak
def test_each_line_stands_once_when_files_rotate_on_and_on_while_the_agent_is_stopped_again_and_again(fleet: Fleet) -> None:
    fleet.begin(WRITERS)
    fleet.write(WRITERS, epoch=2, rate=600, rotate_every=30, keep=200)
    for times in range(5):
        with stopped(fleet):
            fleet.wait_written((times + 1) * WRITERS * 3000)
        fleet.wait_stored((times + 1) * WRITERS * 3000)
    fleet.prove()
