"""copytruncate by logrotate itself: what is written between its last read and its truncation is in no file, and no agent can know.

A writer that pauses round the copy loses nothing, and nothing is said to be lost. Of one that does not, each truncation is a gap that is
told; lines are missing only there.
"""

import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.faults.fleet import Fleet
from tests.support.oracle import Range
from tests.support.waiting import wait_until
from tests.support.writers import paused, read_ledgers

pytestmark = pytest.mark.real
RATE = 10_000
"""Lines a second of a writer that does not pause: ever some while logrotate copies, and not all that the disk takes."""
VARIANTS: dict[str, tuple[str, ...]] = {
    "w0": (),
    "w1": ("compress",),
    "w2": ("compress", "delaycompress"),
    "w3": ("compress", "dateext", "dateformat -%Y%m%d-%s"),
}
"""What logrotate is told of each writer's log, beside copytruncate."""


class Logrotate:
    """logrotate over a fleet's logs, with configuration and state of its own."""

    def __init__(self, fleet: Fleet, variants: Mapping[str, Sequence[str]]) -> None:
        self._settings, self._state = fleet.folder / "logrotate.conf", fleet.folder / "logrotate.state"
        for source, directives in variants.items():
            lines = "\n ".join(("copytruncate", "rotate 50", *directives))
            with self._settings.open("a") as stream:
                stream.write(f"{fleet.logs}/{source}.log {{\n {lines}\n}}\n")
        self._settings.chmod(0o644)
        self._dated, self._rotated_s = "dateext" in self._settings.read_text(), 0

    def rotate(self) -> None:
        """Rotate now; not twice in the second that is a rotated file's name."""
        wait_until(lambda: not self._dated or int(time.time()) > self._rotated_s, "the next second")
        command = ["logrotate", "--force", "--state", str(self._state), str(self._settings)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        self._rotated_s = int(time.time())


def pause_file(fleet: Fleet) -> Path:
    return fleet.folder / "pause"


def test_each_line_stands_once_when_the_writer_pauses_round_the_copy(http_fleet: Fleet) -> None:
    http_fleet.begin(len(VARIANTS))
    logrotate = Logrotate(http_fleet, VARIANTS)
    http_fleet.write(len(VARIANTS), epoch=2, rate=2000, pause_file=pause_file(http_fleet))
    for times in range(2):
        http_fleet.wait_written(len(VARIANTS) * 1000 * (times + 1))
        with paused(pause_file(http_fleet), list(VARIANTS)):
            http_fleet.wait_stored(http_fleet.written())
            # Longer than copying takes: so it is certain that nothing was written then.
            threading.Event().wait(0.2)
            logrotate.rotate()
    http_fleet.wait_written(len(VARIANTS) * 3000)
    http_fleet.prove()


def test_a_gap_is_told_and_no_line_lost_when_the_agent_is_stopped_during_the_copy(http_fleet: Fleet) -> None:
    """Nobody saw for how long the writer had been quiet: the gap may be empty, but that cannot be known."""
    http_fleet.begin(2)
    logrotate = Logrotate(http_fleet, {"w0": (), "w1": ("compress",)})
    http_fleet.write(2, epoch=2, rate=2000, pause_file=pause_file(http_fleet))
    http_fleet.wait_written(1000)
    http_fleet.agent.process.send_signal(signal.SIGSTOP)
    http_fleet.wait_written(2000)
    with paused(pause_file(http_fleet), ["w0", "w1"]):
        logrotate.rotate()
    http_fleet.agent.process.send_signal(signal.SIGCONT)
    http_fleet.wait_written(3000)
    http_fleet.wait_stored(http_fleet.end_writers())
    http_fleet.wait_audit(unknown=2)
    assert http_fleet.verdict().clean


def check_gaps_are_told(fleet: Fleet, truncations: int, deadline_s: float = 30, **options: object) -> None:
    """Truncate under a writer; each truncation is a gap, and at most one range of lines is missing in it."""
    fleet.begin(1)
    logrotate = Logrotate(fleet, {"w0": ()})
    fleet.write(1, epoch=2, **options)
    for _ in range(truncations):
        fleet.wait_written(fleet.written() + 5000)
        logrotate.rotate()
    fleet.wait_written(fleet.written() + 5000)
    fleet.end_writers()
    fleet.wait_audit(unknown=truncations, deadline_s=deadline_s)
    fleet.wait_until(lambda: not missing_at_the_end(fleet), "the newest lines", deadline_s)
    verdict = fleet.verdict()
    assert not verdict.doubled
    assert len(verdict.lost) <= truncations, verdict
    # A line that the copy ends in stands there in part.
    assert len(verdict.torn) <= truncations, verdict
    fleet.wait_audit(unknown=truncations)
    fleet.fail_for_tracebacks()


def missing_at_the_end(fleet: Fleet) -> list[Range]:
    """Return the ranges of lines that are missing behind all that are stored."""
    last = {(ledger.source, ledger.epoch): ledger.last for ledger in read_ledgers(fleet.ledgers)}
    return [one for one in fleet.verdict().lost if one.last == last[one.source, one.epoch]]


def test_each_truncation_is_a_gap_when_the_writer_does_not_pause(http_fleet: Fleet) -> None:
    check_gaps_are_told(http_fleet, 1, rate=RATE)


@pytest.mark.source
def test_each_truncation_is_a_gap_when_the_writer_does_not_pause_and_leaves_a_hole(http_fleet: Fleet) -> None:
    check_gaps_are_told(http_fleet, 1, rate=RATE, no_append=True)


@pytest.mark.soak
@pytest.mark.parametrize("options", [{}, {"no_append": True}, {"lines_a_write": 10}])
def test_each_truncation_is_a_gap_when_there_are_many(http_fleet: Fleet, options: dict[str, object]) -> None:
    check_gaps_are_told(http_fleet, 20, deadline_s=240, **options)
