"""Globs, step by step of the path: `*`, `?`, `[...]` within a name, `**` for folders at any depth, as Python's glob has them.

A name that begins with a dot is matched only by a step that does, and `**` goes through no such folder.
"""

import os
import re
from collections.abc import Sequence
from fnmatch import translate
from functools import lru_cache

import msgspec

_MAGIC = re.compile(r"[*?\[]")
ANY_DEPTH = "**"


class Glob(msgspec.Struct, frozen=True):
    """A pattern: the folder where it begins, which is a plain path, and the steps below it; the last one is of files."""

    base: str
    steps: tuple[str, ...]

    def matches(self, path: str) -> bool:
        """Tell whether a path is one that the pattern can find."""
        prefix = self.base if self.base.endswith("/") or not self.base else f"{self.base}/"
        return path.startswith(prefix) and _matches(self.steps, path[len(prefix) :].split("/"))


def parse_glob(pattern: str) -> Glob:
    """Return a pattern as base and steps; `**` at its end stands for all files at any depth."""
    steps = [step for place, step in enumerate(pattern.split("/")) if place == 0 or step != ""]
    first = next((place for place, step in enumerate(steps[:-1]) if is_magic(step)), len(steps) - 1)
    base, rest = "/".join(steps[:first]), steps[first:]
    if pattern.startswith("/"):
        base = base or "/"
    if rest[-1] == ANY_DEPTH:
        rest.append("*")
    return Glob(base, tuple(step for place, step in enumerate(rest) if step != ANY_DEPTH or rest[place - 1 : place] != [ANY_DEPTH]))


def is_magic(step: str) -> bool:
    """Tell whether a step stands for more than one name."""
    return _MAGIC.search(step) is not None


@lru_cache(256)
def name_pattern(step: str) -> "re.Pattern[str]":
    """Return what a name must match in full for a step that is not `**`."""
    return re.compile(translate(step) if step.startswith(".") else r"(?!\.)" + translate(step))


class Exclusion:
    """What is passed over: a pattern is matched against the whole path, and one without a slash against the file's name, too."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._path = _any_of(patterns)
        self._name = _any_of([pattern for pattern in patterns if "/" not in pattern])

    def covers(self, path: str) -> bool:
        """Tell whether a path is excluded."""
        return (self._path is not None and self._path.match(path) is not None) or (
            self._name is not None and self._name.match(path, path.rfind("/") + 1) is not None
        )


def _any_of(patterns: Sequence[str]) -> "re.Pattern[str] | None":
    return re.compile("|".join(map(translate, patterns))) if patterns else None


def join(folder: str, name: str) -> str:
    """Return the path of a name in a folder; the empty folder is the current one."""
    return os.path.join(folder, name) if folder else name


def _matches(steps: Sequence[str], names: Sequence[str]) -> bool:
    if not steps or not names:
        return not steps and not names
    if steps[0] == ANY_DEPTH:
        return _matches(steps[1:], names) or (not names[0].startswith(".") and _matches(steps, names[1:]))
    return name_pattern(steps[0]).match(names[0]) is not None and _matches(steps[1:], names[1:])
