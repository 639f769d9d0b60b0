"""What a command did with files and processes, by strace."""

import os
import re
from pathlib import Path
from typing import NamedTuple

_OPENING = ("open", "openat", "openat2", "creat")
_CHANGING = re.compile(
    r"(mkdir|rename|unlink|rmdir|symlink|link|chmod|fchmodat|chown|lchown|fchownat|truncate|mknod|utime|setxattr|mount)\w*$"
)
_WRITING = re.compile(r"\b(O_WRONLY|O_RDWR|O_CREAT|O_TRUNC)\b")
_CALL = re.compile(r"\d+ +(\w+)\((.*)")
_PLACE = re.compile(r'(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"([^"]*)"')


class Call(NamedTuple):
    """A system call, also one that failed: its name, its paths (absolute, or `./...` where strace does not tell the folder), its line."""

    name: str
    paths: tuple[str, ...]
    line: str


def traced_by(file: Path) -> list[str]:
    """Return the words before a command that write its calls to `file`, those of its threads and children, too."""
    return ["strace", "-f", "-y", "-s", "4096", "-e", "signal=none", "-e", "trace=%file,%process,memfd_create", "-o", str(file)]


def calls(file: Path) -> list[Call]:
    """Return the calls of a trace, in its order."""
    found = []
    for line in file.read_text().splitlines():
        if match := _CALL.match(line):
            places = _PLACE.findall(match[2])
            found.append(Call(match[1], tuple(os.path.join(folder or ".", path) for folder, path in places), line))
    return found


def opened(trace: list[Call]) -> set[str]:
    """Return what was opened or sought to be."""
    return {path for call in trace if call.name in _OPENING for path in call.paths[:1]}


def changed(trace: list[Call]) -> set[str]:
    """Return what was opened to be written, made, renamed, removed or changed otherwise."""
    written = {path for call in trace if call.name in _OPENING and _WRITING.search(call.line) for path in call.paths[:1]}
    return written | {path for call in trace if _CHANGING.match(call.name) for path in call.paths}


def started(trace: list[Call]) -> list[str]:
    """Return the programs that were executed and the processes that were made: the lines of their calls."""
    forks = [call.line for call in trace if re.match("v?fork|clone", call.name) and "CLONE_THREAD" not in call.line]
    return [call.line for call in trace if call.name.startswith("execve")] + forks
