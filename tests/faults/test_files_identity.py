"""A source is its file, whatever that is called: renamed, deleted, linked, mounted, compressed; and no other file is."""

import gzip
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.faults.fleet import Fleet
from tests.support.writers import Line, format_line

pytestmark = pytest.mark.real


class Log:
    """A log that is open, and written by hand; what was written stands in the fleet's ledgers."""

    def __init__(self, fleet: Fleet, source: str, path: Path | None = None) -> None:
        self.source, self.path = source, path or fleet.logs / f"{source}.log"
        self._ledger = fleet.ledgers / f"{source}-1.ledger"
        self._number = 0
        self._half = b""
        self._stream = self.path.open("ab", buffering=0)

    def reopen(self) -> None:
        """Open the file that stands at the path now, or make one."""
        self.close()
        self._stream = self.path.open("ab", buffering=0)

    def write(self, count: int = 20) -> None:
        """Write whole lines; of one that was begun first its rest."""
        for _ in range(count):
            self._stream.write(self._half or self._next())
            self._half = b""
        self._ledger.parent.mkdir(exist_ok=True)
        self._ledger.write_text(f"{self.source} 1 {self._number}\n")

    def write_half(self) -> None:
        """Begin a line, and end in the middle of one of its characters."""
        line = self._next("é中😀" * 10)
        cut = line.index("😀".encode()) + 2
        self._stream.write(line[:cut])
        self._half = line[cut:]

    def write_text(self, text: str) -> None:
        """Write what is none of the lines that are counted."""
        self._stream.write(text.encode())

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def _next(self, payload: str = "payload é中😀") -> bytes:
        self._number += 1
        return format_line(Line(self.source, 1, self._number), payload)


@contextmanager
def opened(fleet: Fleet, *sources: str) -> Iterator[list[Log]]:
    """Write logs whose first lines are stored."""
    fleet.start_collector()
    fleet.start_agent()
    logs = [Log(fleet, source) for source in sources]
    for log in logs:
        log.write()
    fleet.wait_stored(fleet.written())
    yield logs
    for log in logs:
        log.close()


def test_a_file_is_read_to_its_end_when_it_is_renamed_and_written_on(http_fleet: Fleet) -> None:
    with opened(http_fleet, "renamed") as [log]:
        log.path.rename(log.path.with_name("elsewhere.txt"))
        log.write()
        http_fleet.wait_stored(http_fleet.written())
        log.write()
        log.reopen()
        log.write()
        http_fleet.prove()


def test_a_file_is_read_to_its_end_when_it_is_deleted_while_it_is_open(http_fleet: Fleet) -> None:
    with opened(http_fleet, "deleted") as [log]:
        log.path.unlink()
        log.write()
        http_fleet.wait_stored(http_fleet.written())
        log.write()
        http_fleet.prove()


@pytest.mark.source
def test_a_file_is_one_source_when_it_has_several_names_and_is_mounted_elsewhere(http_fleet: Fleet) -> None:
    assert os.geteuid() == 0, "a bind mount needs root: run the tests as root"
    with opened(http_fleet, "a") as [log]:
        mounted = http_fleet.logs / "mounted.log"
        mounted.touch()
        subprocess.run(["mount", "--bind", str(log.path), str(mounted)], check=True)
        try:
            os.link(log.path, http_fleet.logs / "link.log")
            for name in ("link.log", "mounted.log", "a.log"):
                log.path = http_fleet.logs / name
                log.reopen()
                log.write()
                http_fleet.wait_stored(http_fleet.written())
            http_fleet.agent.end()
            http_fleet.start_agent()
            log.write()
            audit = http_fleet.prove()
            assert len([source for source in audit.sources if source["lines"]]) == 1
        finally:
            log.close()
            subprocess.run(["umount", str(mounted)], check=True)


@pytest.mark.source
def test_each_version_is_read_when_a_symlink_is_exchanged_as_kubernetes_does(http_fleet: Fleet) -> None:
    http_fleet.start_collector()
    http_fleet.start_agent()
    logs = http_fleet.logs
    (logs / "app.log").symlink_to("..data/app.log")
    for version in range(3):
        folder = logs / f"..version{version}"
        folder.mkdir()
        log = Log(http_fleet, f"app{version}", folder / "app.log")
        log.write()
        (logs / "..data_tmp").symlink_to(folder.name)
        (logs / "..data_tmp").rename(logs / "..data")
        http_fleet.wait_stored(http_fleet.written())
        log.write()
        log.close()
        http_fleet.wait_stored(http_fleet.written())
        if version:
            subprocess.run(["rm", "-r", str(logs / f"..version{version - 1}")], check=True)
    http_fleet.prove()


def test_a_source_goes_on_in_the_compressed_file_when_it_was_rotated_while_no_agent_lived(http_fleet: Fleet) -> None:
    with opened(http_fleet, "rotated") as [log]:
        http_fleet.agent.end(signal.SIGKILL)
        for generation in (3, 2, 1):
            log.write()
            compressed = log.path.with_name(f"rotated.log.{generation}.gz")
            compressed.write_bytes(gzip.compress(log.path.read_bytes()))
            log.path.unlink()
            log.reopen()
        log.write()
        http_fleet.start_agent()
        audit = http_fleet.prove()
        assert sorted(source["lines"] for source in audit.sources) == [20, 20, 20, 40]


@pytest.mark.source
def test_a_line_is_one_record_when_the_agent_restarts_in_the_middle_of_a_character(http_fleet: Fleet) -> None:
    with opened(http_fleet, "half") as [log]:
        for number in (signal.SIGTERM, signal.SIGKILL):
            log.write_half()
            http_fleet.agent.end(number)
            http_fleet.start_agent()
            log.write()
            http_fleet.wait_stored(http_fleet.written())
            log.write_half()
            http_fleet.agent.end(number)
            log.write()
            http_fleet.start_agent()
            http_fleet.wait_stored(http_fleet.written())
        http_fleet.prove()


@contextmanager
def file_system(folder: Path) -> Iterator[Path]:
    """An ext4 of its own, which gives the number of a deleted file to the next one."""
    assert os.geteuid() == 0, "a file system in a file needs root: run the tests as root"
    image, mounted = folder / "ext4.image", folder / "ext4"
    mounted.mkdir()
    with image.open("wb") as stream:
        stream.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(mounted)], check=True)
    try:
        yield mounted
    finally:
        subprocess.run(["umount", "--lazy", str(mounted)], check=True)


def test_a_file_is_new_when_it_has_the_inode_and_the_head_of_a_deleted_one(http_fleet: Fleet) -> None:
    header = f"#{'x' * 2000}\n"
    with file_system(http_fleet.folder) as folder:
        http_fleet.agent_settings["logs"][0]["paths"].append(f"{folder}/*.log")
        with opened(http_fleet, "other") as [other], closing(Log(http_fleet, "old", folder / "same.log")) as old:
            old.write_text(header)
            old.write()
            http_fleet.wait_stored(http_fleet.written() + 1)
            http_fleet.agent.end()
            inode = old.path.stat().st_ino
            old.close()
            old.path.unlink()
            with closing(Log(http_fleet, "new", old.path)) as new:
                assert old.path.stat().st_ino == inode
                new.write_text(header)
                new.write(60)
            http_fleet.start_agent()
            other.write()
            http_fleet.wait_stored(http_fleet.written() + 2)
        # The old one may have been written after it was read.
        http_fleet.wait_audit(unknown=1)
        verdict = http_fleet.verdict()
        assert (verdict.lost, verdict.doubled, verdict.torn) == ([], [], 2 * [header.rstrip("\n")])
        http_fleet.agent.end()
