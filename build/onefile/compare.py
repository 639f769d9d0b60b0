"""What differs between two files of one kind: for each section of the ELF files its first byte that is not the same."""

import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

_SECTION = re.compile(r"^ *\[ *\d+\] (\S+) +(\S+) +[0-9a-f]+ ([0-9a-f]+) ([0-9a-f]+) ", re.MULTILINE)
_SHOWN = 32
"""Bytes that are shown of each file around a difference."""


class Section(NamedTuple):
    """A section's place in a file."""

    name: str
    offset: int
    size: int


def differences(one: Path, other: Path) -> list[str]:
    """Return a line for each section that is not the same, [] for files of the same bytes."""
    left, right = one.read_bytes(), other.read_bytes()
    if left == right:
        return []
    ours, theirs = _sections(one), _sections(other)
    found = [f"section {name} is in one file only" for name in sorted(set(ours) ^ set(theirs))]
    for name in (name for name in ours if name in theirs):
        found += _difference(name, _bytes_of(left, ours[name]), _bytes_of(right, theirs[name]))
    return found or ["the same sections, but other headers"]


def _difference(name: str, left: bytes, right: bytes) -> list[str]:
    if left == right:
        return []
    at = next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    begin = max(at - _SHOWN // 2, 0)
    shown = (part[begin : begin + _SHOWN] for part in (left, right))
    return [f"{name}: {len(left)} and {len(right)} bytes, first other byte at {at}: {' | '.join(map(repr, shown))}"]


def _sections(file: Path) -> dict[str, Section]:
    told = subprocess.run(["readelf", "-SW", str(file)], capture_output=True, text=True, check=True).stdout
    rows = [(name, int(offset, 16), int(size, 16)) for name, kind, offset, size in _SECTION.findall(told) if kind != "NOBITS"]
    return {name: Section(name, offset, size) for name, offset, size in rows}


def _bytes_of(data: bytes, section: Section) -> bytes:
    return data[section.offset : section.offset + section.size]


def main(files: list[str]) -> int:
    """Compare files in turn with their successors; return 1 where any differ."""
    found = [line for one, other in pairwise(files) for line in differences(Path(one), Path(other))]
    print("\n".join(found) if found else "the same bytes")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
