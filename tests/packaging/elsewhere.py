"""Runs Fairlead as on another operating system: `elsewhere.py SPEC ARGS...`, where SPEC is a JSON file (see test_elsewhere.py).

Fairlead's own modules see what that system has: `sys.platform` is its, modules that it lacks cannot be imported, and names that it lacks
are no attributes. The standard library and other packages below see this machine: theirs is the work of their makers. What only that
system has is stood in for by its nearest likeness here, so that the code for it runs.
"""

import builtins
import fcntl
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any


class Likeness(ModuleType):
    """A module without some of its names, and with others."""

    def __init__(self, original: ModuleType, without: Sequence[str], added: Mapping[str, object]) -> None:
        super().__init__(original.__name__)
        self.__dict__.update(_original=original, _without=frozenset(without), **added)

    def __getattr__(self, name: str) -> Any:
        if name in self.__dict__["_without"]:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r} on this platform")
        return getattr(self.__dict__["_original"], name)


def locking(descriptor: int, mode: int, size: int) -> None:
    """msvcrt.locking: `size` bytes from the descriptor's place on, whether they are there or not; OSError where another has one of them."""
    assert mode == ONLY_THERE["msvcrt"]["LK_NBLCK"]
    fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, size, 0, os.SEEK_CUR)


ONLY_THERE: dict[str, dict[str, Any]] = {
    "os": {"O_BINARY": 0},
    "signal": {"SIGBREAK": signal.SIGUSR2},
    "subprocess": {"CREATE_NEW_PROCESS_GROUP": 0},
    "msvcrt": {"LK_NBLCK": 2, "locking": locking},
}


def pretend(platform: str, modules: Sequence[str], names: Mapping[str, Sequence[str]]) -> None:
    """Let what is imported from now on see a platform that lacks these modules, and of others these names."""
    added = {"sys": {"platform": platform}, **(ONLY_THERE if platform == "win32" else {})}
    seen: dict[str, ModuleType] = {}
    for name in {*names, *added}:
        original = ModuleType(name) if name == "msvcrt" else __import__(name, fromlist=["*"])
        seen[name] = Likeness(original, names.get(name, ()), added.get(name, {}))
    imports = builtins.__import__

    def importing(
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        if level == 0 and globals is not None and str(globals.get("__name__")).startswith("fairlead"):
            if name.partition(".")[0] in modules:
                raise ModuleNotFoundError(f"No module named {name!r} on {platform}", name=name)
            if name in seen:
                return seen[name]
        return imports(name, globals, locals, fromlist or (), level)

    builtins.__import__ = importing


def main() -> int:
    with open(sys.argv[1]) as stream:
        spec = json.load(stream)
    del sys.argv[1]
    assert not os.listdir("/proc"), "/proc is there"
    assert not os.listdir("/sys"), "/sys is there"
    pretend(**spec)
    from fairlead.__main__ import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
