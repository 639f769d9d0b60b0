"""Log writers for the tests of faults: every line can be told apart from every other, and from a line that was cut, doubled or mixed.

A line is `SOURCE EPOCH NUMBER PAYLOAD CRC`: numbers count from 1 in each epoch (a run of a writer), the payload is of random length and
holds characters of several bytes, quotes and tabs, the CRC-32 of all before it stands in hexadecimal. What has been written stands in a
ledger, a file a source and epoch; tests/support/oracle.py compares.

    python -m tests.support.writers FOLDER --writers 4 --lines 10000 --rotate-every 500 --keep 200
"""

import argparse
import contextlib
import itertools
import multiprocessing
import os
import random
import re
import signal
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.support.waiting import wait_until

ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789 \"\\'{}[]:,;\t=éß中文😀"
LEDGER_PERIOD_S = 0.25
POLL_S = 0.002
_LINE = re.compile(r"(\S+) (\d+) (\d+) .*", re.DOTALL)


class Line(NamedTuple):
    """Which line of all it is."""

    source: str
    epoch: int
    number: int


class Ledger(NamedTuple):
    """The lines 1 to `last` have been written."""

    source: str
    epoch: int
    last: int


class Settings(NamedTuple):
    """What one writer does."""

    source: str
    path: Path
    ledgers: Path
    """Folder of the ledgers."""
    epoch: int = 1
    lines: int = 0
    """0: until it is told to end."""
    rate: float = 0.0
    """Lines a second; 0: as fast as it can."""
    rotate_every: int = 0
    """Lines after which the file is renamed to NAME.1, that to NAME.2 and so on, and made anew; 0: never."""
    keep: int = 5
    """Rotated files that stay."""
    append: bool = True
    """O_APPEND; without it a file that somebody truncates goes on with a hole at its head."""
    pause_file: Path | None = None
    """While it is there nothing is written; PAUSE_FILE.SOURCE tells that the writer has noticed."""
    payload: tuple[int, int] = (20, 200)
    """Least and most characters."""
    lines_a_write: int = 1
    split_every: int = 0
    """So many lines apart one is written in two halves, cut at any byte; 0: never."""


def format_line(line: Line, payload: str) -> bytes:
    """Return a line with its CRC and newline."""
    body = f"{line.source} {line.epoch} {line.number} {payload} ".encode()
    return b"%b%08x\n" % (body, zlib.crc32(body))


def parse_line(text: str) -> Line | None:
    """Return which line a text is (without its newline); None when it is none, cut, or mixed with another.

    Zero characters before it are the hole of a truncated file, and no part of it.
    """
    text = text.lstrip("\0")
    body, crc = text[:-8], text[-8:]
    match = _LINE.fullmatch(body)
    if not match or f"{zlib.crc32(body.encode(errors='surrogatepass')):08x}" != crc:
        return None
    return Line(match[1], int(match[2]), int(match[3]))


def read_ledgers(folder: Path) -> list[Ledger]:
    """Return what the writers of a folder have written."""
    rows = [file.read_text().split() for file in sorted(folder.glob("*.ledger"))]
    return [Ledger(source, int(epoch), int(last)) for source, epoch, last in rows]


@contextlib.contextmanager
def paused(pause_file: Path, sources: Sequence[str]) -> Iterator[None]:
    """Stop the writers of these sources between two lines."""
    pause_file.touch()
    try:
        wait_until(lambda: all(_noticed(pause_file, source).exists() for source in sources), "writers to pause")
        yield
    finally:
        pause_file.unlink()
        wait_until(lambda: not any(_noticed(pause_file, source).exists() for source in sources), "writers to go on")


def write_log(settings: Settings, ended: Callable[[], bool] = lambda: False) -> Ledger:
    """Write until the number of lines is reached or `ended`; return what was written. The ledger is at most LEDGER_PERIOD_S behind."""
    return _Writer(settings).run(ended)


class _Writer:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._random = random.Random(f"{settings.source} {settings.epoch}")
        self._pool = "".join(self._random.choices(ALPHABET, k=100_000))
        self._number = 0
        self._fd = -1
        self._ledger = settings.ledgers / f"{settings.source}-{settings.epoch}.ledger"
        self._ledger_due = 0.0

    def run(self, ended: Callable[[], bool]) -> Ledger:
        settings, begun = self._settings, time.monotonic()
        settings.ledgers.mkdir(parents=True, exist_ok=True)
        self._open()
        while not ended() and (not settings.lines or self._number < settings.lines):
            if settings.pause_file and settings.pause_file.exists():
                begun += self._wait(settings.pause_file, ended)
                continue
            if settings.rate and (ahead_s := self._number / settings.rate - (time.monotonic() - begun)) > 0:
                time.sleep(min(ahead_s, 0.05))
                continue
            self._write_some()
            if time.monotonic() >= self._ledger_due:
                self._note()
        self._note()
        os.close(self._fd)
        return Ledger(settings.source, settings.epoch, self._number)

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if self._settings.append else 0)
        self._fd = os.open(self._settings.path, flags, 0o644)
        if not self._settings.append:
            os.lseek(self._fd, 0, os.SEEK_END)

    def _write_some(self) -> None:
        """Write the lines of one write(), or one line in two; rotate when that is due."""
        settings, count = self._settings, self._settings.lines_a_write
        if settings.lines:
            count = min(count, settings.lines - self._number)
        if settings.rotate_every:
            count = min(count, settings.rotate_every - self._number % settings.rotate_every)
        data = b"".join(self._next() for _ in range(count))
        if settings.split_every and self._number % settings.split_every < count:
            cut = self._random.randrange(1, len(data))
            self._write(data[:cut])
            time.sleep(POLL_S)
            data = data[cut:]
        self._write(data)
        if settings.rotate_every and self._number % settings.rotate_every == 0:
            self._rotate()

    def _next(self) -> bytes:
        self._number += 1
        length = self._random.randint(*self._settings.payload)
        begin = int(self._random.random() * (len(self._pool) - length))
        return format_line(Line(self._settings.source, self._settings.epoch, self._number), self._pool[begin : begin + length])

    def _write(self, data: bytes) -> None:
        """Write all of it; a full disk is waited for, as a patient program would."""
        while data:
            try:
                data = data[os.write(self._fd, data) :]
            except OSError as error:
                sys.stderr.write(f"{self._settings.path}: {error.strerror}\n")
                time.sleep(0.05)

    def _rotate(self) -> None:
        path, keep = self._settings.path, self._settings.keep
        names = [path, *(path.with_name(f"{path.name}.{i}") for i in range(1, keep + 1))]
        if keep == 0:
            path.unlink()
        for old, new in reversed(list(itertools.pairwise(names))):
            with contextlib.suppress(FileNotFoundError):
                old.rename(new)
        os.close(self._fd)
        self._open()

    def _wait(self, pause_file: Path, ended: Callable[[], bool]) -> float:
        """Wait for the pause to end and return how many seconds that took."""
        begun, noticed = time.monotonic(), _noticed(pause_file, self._settings.source)
        self._note()
        noticed.touch()
        while pause_file.exists() and not ended():
            time.sleep(POLL_S)
        noticed.unlink()
        return time.monotonic() - begun

    def _note(self) -> None:
        """Put into the ledger what has been written."""
        temporary = self._ledger.with_suffix(".new")
        with temporary.open("w") as stream:
            stream.write(f"{self._settings.source} {self._settings.epoch} {self._number}\n")
            stream.flush()
            os.fsync(stream.fileno())
        temporary.rename(self._ledger)
        self._ledger_due = time.monotonic() + LEDGER_PERIOD_S


def _noticed(pause_file: Path, source: str) -> Path:
    return pause_file.with_name(f"{pause_file.name}.{source}")


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Writes logs FOLDER/w0.log, FOLDER/w1.log, ..., one process each, until SIGTERM.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--writers", type=int, default=1)
    parser.add_argument("--ledgers", type=Path, help="default: FOLDER/ledgers")
    parser.add_argument("--no-append", dest="append", action="store_false")
    parser.add_argument("--pause-file", type=Path)
    parser.add_argument("--rate", type=float, default=0.0, help="lines a second of each writer")
    for name, default in (("epoch", 1), ("lines", 0), ("rotate-every", 0), ("keep", 5), ("lines-a-write", 1), ("split-every", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args()


def _write_in_process(settings: Settings) -> None:
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
    write_log(settings, lambda: bool(told))


def main() -> int:
    given = vars(_parse_arguments())
    folder, count = given.pop("folder"), given.pop("writers")
    given["ledgers"] = given["ledgers"] or folder / "ledgers"
    sources = [f"w{i}" for i in range(count)]
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write_in_process, args=(Settings(name, folder / f"{name}.log", **given),)) for name in sources]
    for writer in writers:
        writer.start()

    def end(number: int, frame: object) -> None:
        for writer in writers:
            writer.terminate()

    signal.signal(signal.SIGTERM, end)
    for writer in writers:
        writer.join()
    for ledger in read_ledgers(given["ledgers"]):
        sys.stdout.write(f"{ledger.source} {ledger.epoch} {ledger.last}\n")
    return max(abs(writer.exitcode or 0) for writer in writers)


if __name__ == "__main__":
    sys.exit(main())
