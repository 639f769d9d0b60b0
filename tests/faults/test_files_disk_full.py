"""A full disk, under the agent's spool or the collector's store: reading stops, nothing exits, and it goes on when there is space."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.fleet import Fleet

pytestmark = pytest.mark.real
MB = 1 << 20
WRITERS = 4


class Disk:
    """A file system of its own that a file of no use fills, but for `free_bytes`."""

    def __init__(self, folder: Path, size_bytes: int, free_bytes: int) -> None:
        self._ballast = folder / "ballast"
        self._ballast.write_bytes(bytes(size_bytes - free_bytes))

    def free(self) -> None:
        """Make room."""
        self._ballast.unlink()


@contextmanager
def small_disk(folder: Path, size_bytes: int, free_bytes: int) -> Iterator[Disk]:
    """A tmpfs at a folder."""
    assert os.geteuid() == 0, "a tmpfs needs root: run the tests as root"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "none", str(folder)], check=True)
    try:
        yield Disk(folder, size_bytes, free_bytes)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_reading_stops_and_goes_on_when_the_agents_disk_is_full_and_the_collector_away(http_fleet: Fleet) -> None:
    with small_disk(http_fleet.agent_state, 8 * MB, MB) as disk:
        http_fleet.begin(WRITERS).end()
        http_fleet.agent_settings["spool"]["after"] = "300ms"
        agent = http_fleet.start_agent()
        http_fleet.collector.end(signal.SIGKILL)
        http_fleet.write(WRITERS, epoch=2, lines=4000, rotate_every=250, keep=100)
        agent.expect("spool takes nothing, reading stops until there is room")
        assert agent.end() == 0
        agent = http_fleet.start_agent()
        agent.expect("spool takes nothing, reading stops until there is room")
        full = http_fleet.spooled()
        disk.free()
        http_fleet.wait_until(lambda: http_fleet.spooled() > full, "the spool to grow again")
        assert agent.process.poll() is None
        http_fleet.start_collector()
        http_fleet.prove()


def test_nothing_is_lost_when_the_collectors_disk_is_full(http_fleet: Fleet) -> None:
    with small_disk(http_fleet.collector_state, 96 * MB, 3 * MB) as disk:
        agent = http_fleet.begin(WRITERS)
        http_fleet.write(WRITERS, epoch=2, lines=8000, rotate_every=500, keep=100)
        http_fleet.collector.expect("store takes no writes")
        assert http_fleet.collector.end() == 0
        http_fleet.start_collector().expect("store takes no writes")
        agent.expect("sink away")
        assert http_fleet.collector.process.poll() is None
        assert agent.process.poll() is None
        disk.free()
        http_fleet.prove()
        assert (agent.end(), http_fleet.collector.end()) == (0, 0)
