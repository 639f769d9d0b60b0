"""A log treated at random (written, rotated by rename, by copytruncate, compressed, linked, its follower restarted) against a model.

The model is the list of lines written. Whatever happened, each must have come once, and those of a source in their order.
"""

import asyncio
import gzip
import os
import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.logs.test_pipeline import Sunk, following, short_times
from tests.support.waiting import until

__all__ = ["short_times"]
STEPS = 30
ACTIONS = ("write", "rename", "rename_compressed", "copytruncate", "compress", "link", "exchange", "wait", "restart")
SEEDS = [*range(8), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(8, 300))]


class Writer:
    """Writes numbered lines, sometimes half of one, and rotates."""

    def __init__(self, file: Path, chance: random.Random) -> None:
        self.file, self._chance = file, chance
        self.lines: list[str] = []
        self._half = ""
        self._rotations = 0
        file.write_text("")

    def write(self, file: Path | None = None) -> None:
        """Append some lines, under another name of the file if one is given; what was half written before is finished first."""
        with (file or self.file).open("a") as stream:
            for _ in range(self._chance.randint(1, 40)):
                line = f"line {len(self.lines)} {'x' * self._chance.randint(0, 200)}"
                stream.write(line[len(self._half) :] + "\n" if self._half else line + "\n")
                self.lines.append(self._half + line[len(self._half) :] if self._half else line)
                self._half = ""
            if self._chance.random() < 0.3:
                self._half = f"line {len(self.lines)} "
                stream.write(self._half)

    def end_line(self) -> None:
        """Finish what is half written, as a program does before it reopens its log."""
        if self._half:
            with self.file.open("a") as stream:
                stream.write("end\n")
            self.lines.append(self._half + "end")
            self._half = ""

    def rename(self) -> None:
        """Rotate by renaming the file and making a new one."""
        self.end_line()
        self.file.with_name("link.log").unlink(missing_ok=True)
        self._shift()
        self.file.rename(self._name(1))
        self.file.write_text("")

    def rename_compressed(self) -> None:
        """Rotate to a compressed file at once."""
        self.rename()
        _compress(self._name(1))

    def link(self) -> None:
        """Give the file a second name, in the place of the last one, and write under that."""
        link = self.file.with_name("link.log")
        link.unlink(missing_ok=True)
        os.link(self.file, link)
        self.write(link)

    def copytruncate(self) -> None:
        """Rotate by copying the file and emptying it."""
        self.end_line()
        self._shift()
        self._name(1).write_bytes(self.file.read_bytes())
        with self.file.open("r+") as stream:
            stream.truncate(0)

    def compress(self) -> None:
        """Compress the oldest rotated file that is not."""
        plain = [file for i in range(self._rotations, 1, -1) if (file := self._name(i)).exists()]
        if plain:
            _compress(plain[0])

    def _name(self, number: int) -> Path:
        return self.file.with_name(f"{self.file.name}.{number}")

    def _shift(self) -> None:
        for i in range(self._rotations, 0, -1):
            for suffix in ("", ".gz"):
                old = self.file.with_name(f"{self.file.name}.{i}{suffix}")
                if old.exists():
                    old.rename(self.file.with_name(f"{self.file.name}.{i + 1}{suffix}"))
        self._rotations += 1


class Volume:
    """A log behind a symlink that leads to another folder with each version, as Kubernetes mounts it."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._version = folder, 0
        self.lines: list[str] = []
        (folder / "volume.log").symlink_to("..data/volume.log")
        self.exchange()

    def write(self) -> None:
        """Append a line."""
        self.lines.append(f"version {self._version} line {len(self.lines)}")
        with (self._folder / "volume.log").open("a") as stream:
            stream.write(f"{self.lines[-1]}\n")

    def exchange(self) -> None:
        """Put a new version in the place of the old one, and remove that."""
        old, self._version = self._folder / f"..{self._version}", self._version + 1
        new, draft = self._folder / f"..{self._version}", self._folder / "..data_tmp"
        new.mkdir()
        (new / "volume.log").touch()
        draft.symlink_to(new.name)
        draft.rename(self._folder / "..data")
        shutil.rmtree(old, ignore_errors=True)


def _compress(plain: Path) -> None:
    compressed = plain.with_name(f"{plain.name}.gz")
    compressed.write_bytes(gzip.compress(plain.read_bytes()))
    # gzip(1) keeps the time, too.
    shutil.copystat(plain, compressed)
    plain.unlink()


@pytest.mark.parametrize("most_files", [None, 1])
@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_happens_to_a_log_each_line_comes_once(tmp_path: Path, seed: int, most_files: int | None) -> None:
    chance = random.Random(seed)
    writer, volume, sunk = Writer(tmp_path / "a.log", chance), Volume(tmp_path), Sunk()
    left = STEPS

    async def everything() -> None:
        await until(lambda: len(sunk.lines()) >= len(writer.lines) + len(volume.lines), f"all lines, seed {seed}")

    # A log that is rotated away before it was ever met is not known to be one.
    await asyncio.to_thread(writer.write)
    await asyncio.to_thread(volume.write)
    async with following(sunk, f"{tmp_path}/*.log", most_files=most_files):
        await everything()
    while left > 0:
        async with following(sunk, f"{tmp_path}/*.log", most_files=most_files):
            for _ in range(chance.randint(1, left)):
                left -= 1
                await asyncio.to_thread(writer.write)
                await asyncio.to_thread(volume.write)
                action = chance.choice(ACTIONS)
                if action in ("copytruncate", "exchange"):
                    # What is written between the last read and the truncation, or the removal, is nobody's to win.
                    await asyncio.to_thread(writer.end_line)
                    await everything()
                if action == "exchange":
                    await asyncio.to_thread(volume.exchange)
                elif action in ("rename", "rename_compressed", "copytruncate", "compress", "link"):
                    await asyncio.to_thread(getattr(writer, action))
                elif action == "wait":
                    await asyncio.sleep(chance.random() * 0.1)
                elif action == "restart":
                    break
    await asyncio.to_thread(writer.end_line)
    async with following(sunk, f"{tmp_path}/*.log", most_files=most_files):
        await everything()
    assert Counter(sunk.lines()) == Counter([*writer.lines, *volume.lines]), f"seed {seed}"
    sunk.check_tiles()
