"""Bytes of the agent's checkpoint and spool that are flipped while no agent runs: it goes on, says what it skips, and no more is missing.

A source whose positions cannot be read any more is read again, and what stands already is refused. A frame of the spool is all that there
is of its lines: they are missing, and the audit says just which.
"""

import random
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.faults.fleet import Audit, Fleet
from tests.support.writers import Line, parse_line

pytestmark = pytest.mark.real
WRITERS = 3
DAMAGED = re.compile("checkpoint (damaged|corrupt|torn)|spool damaged")


def flip(files: Sequence[Path], chance: random.Random) -> None:
    """Flip a bit of some byte of these files, each byte with the same chance."""
    place = chance.randrange(sum(file.stat().st_size for file in files))
    for file in files:
        if place < (size := file.stat().st_size):
            break
        place -= size
    with file.open("r+b") as stream:
        stream.seek(place)
        [byte] = stream.read(1)
        stream.seek(place)
        stream.write(bytes([byte ^ (1 << chance.randrange(8))]))


def flip_checkpoints(fleet: Fleet, rounds: int) -> None:
    """Flip a byte of a slot, the newer and the older one in turn; each agent begins with a copy of the same state but for that."""
    chance = random.Random(7)
    fleet.begin(WRITERS)
    # So much becomes of sources that both slots are written.
    fleet.write(WRITERS, epoch=2, lines=1500, rotate_every=15, keep=1000).wait()
    fleet.wait_stored(fleet.written())
    sound = fleet.agent_state
    fleet.wait_until((sound / "checkpoint.b").exists, "the second slot")
    assert fleet.agent.end() == 0
    for number in range(rounds):
        fleet.agent_state = fleet.folder / f"agent-{number}"
        shutil.copytree(sound, fleet.agent_state)
        slots = sorted(fleet.agent_state.glob("checkpoint.?"), key=lambda slot: slot.stat().st_mtime_ns)
        flip([slots[number % 2 - 1]], chance)
        agent = fleet.start_agent()
        fleet.write(WRITERS, epoch=3 + number, lines=20).wait()
        fleet.wait_stored(fleet.written())
        assert agent.end() == 0
        # The older slot is not even read.
        assert any(DAMAGED.search(line) for line in agent.err) == (number % 2 == 0)
    verdict = fleet.verdict()
    assert (verdict.lost, verdict.torn) == ([], []), f"{verdict}\n{fleet.report()}"
    fleet.wait_audit()
    fleet.fail_for_tracebacks()


def flip_spools(fleet: Fleet, rounds: int, flips: int) -> None:
    """Flip bytes of what was spooled while the collector was away, again and again."""
    chance = random.Random(8)
    fleet.agent_settings["spool"]["after"] = "100ms"
    fleet.begin(WRITERS)
    for epoch in range(2, rounds + 2):
        fleet.collector.end()
        fleet.write(WRITERS, epoch=epoch, lines=2000, rotate_every=100, keep=1000).wait()
        fleet.wait_until(lambda: fleet.spooled() > WRITERS * 2000 * 400, "the spool to fill")
        assert fleet.agent.end() == 0
        files = sorted((fleet.agent_state / "spool").iterdir())
        for _ in range(flips):
            flip(files, chance)
        fleet.start_collector()
        agent = fleet.start_agent()
        agent.expect(DAMAGED.pattern)
        fleet.wait_until(lambda: not fleet.spooled(), "the spool to be empty")
    fleet.wait_until(lambda: missing_bytes(fleet.audit()) == lost_bytes(fleet) > 0, "the audit to say what is missing")
    audit, verdict = fleet.audit(), fleet.verdict()
    assert (audit.doubled, audit.unknown, verdict.doubled, verdict.torn) == (0, 0, [], [])
    fleet.fail_for_tracebacks()


def missing_bytes(audit: Audit) -> int:
    """Return how many bytes an audit says to be missing."""
    return sum(end - start for source in audit.sources for start, end in source["gaps"])


def lost_bytes(fleet: Fleet) -> int:
    """Return how many bytes the lines have that are not stored; all of them are still in the files."""
    lost = {Line(one.source, one.epoch, number) for one in fleet.verdict().lost for number in range(one.first, one.last + 1)}
    lines = (line for file in fleet.logs.glob("*.log*") for line in file.read_bytes().splitlines(keepends=True))
    return sum(len(line) for line in lines if parse_line(line.decode().rstrip("\n")) in lost)


@pytest.mark.source
def test_nothing_is_lost_when_bytes_of_the_checkpoint_are_flipped(http_fleet: Fleet) -> None:
    flip_checkpoints(http_fleet, 3)


@pytest.mark.source
def test_the_audit_says_what_is_missing_when_bytes_of_the_spool_are_flipped(http_fleet: Fleet) -> None:
    flip_spools(http_fleet, 1, 7)


@pytest.mark.soak
def test_nothing_is_lost_when_bytes_of_the_checkpoint_are_flipped_many_times(http_fleet: Fleet) -> None:
    flip_checkpoints(http_fleet, 200)


@pytest.mark.soak
def test_the_audit_says_what_is_missing_when_bytes_of_the_spool_are_flipped_many_times(http_fleet: Fleet) -> None:
    flip_spools(http_fleet, 20, 15)
