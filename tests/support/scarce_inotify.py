"""A program for a user namespace of its own: what the watcher does when inotify's limits are reached, told as JSON lines.

The limits of a namespace (/proc/sys/user) may be lowered by its root; those of the host (/proc/sys/fs/inotify) are left alone.
"""

import asyncio
import json
import os
import resource
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path

from fairlead.logs.places import Places
from fairlead.logs.watch import Watcher
from tests.support.waiting import until

WORDS = ("unshare", "--user", "--map-root-user")


def places(*folders: Path) -> Places:
    """Return folders as what is to be watched."""
    return Places({str(folder): (folder.stat().st_dev, folder.stat().st_ino) for folder in folders})


async def watches(root: Path) -> None:
    """Five folders, and watches for three; then for all of them."""
    _limit("watches", 3)
    folders = [root / name for name in "abcde"]
    for folder in folders:
        folder.mkdir()
    written: list[str] = []
    watcher = Watcher(written.append, lambda: None)
    watcher.watch(places(*folders))
    _tell(watcher)
    (folders[0] / "x").write_text("x")
    await until(lambda: f"{folders[0]}/x" in written, "the write where there is a watch")
    watcher.watch(places(*folders[3:]))
    _tell(watcher)
    (folders[4] / "x").write_text("x")
    await until(lambda: f"{folders[4]}/x" in written, "the write where there is one now")
    watcher.watch(places(*folders))
    _tell(watcher)
    _limit("watches", 30)
    watcher.watch(places(*folders))
    _tell(watcher)
    watcher.close()


async def instances(root: Path) -> None:
    """No inotify at all, and then one."""
    _limit("instances", 0)
    written: list[str] = []
    watcher = Watcher(written.append, lambda: None)
    _tell(watcher)
    watcher.watch(places(root))
    _tell(watcher)
    _limit("instances", 4)
    watcher.watch(places(root))
    _tell(watcher)
    (root / "x").write_text("x")
    await until(lambda: f"{root}/x" in written, "the write")
    watcher.close()


async def descriptors(root: Path) -> None:
    """No descriptor to be had: EMFILE, too, and another limit."""
    before, (free, hard) = resource.getrlimit(resource.RLIMIT_NOFILE), (os.dup(2), resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    watcher = Watcher(lambda _: None, lambda: None)
    resource.setrlimit(resource.RLIMIT_NOFILE, before)
    _tell(watcher)
    watcher.watch(places(root))
    _tell(watcher)
    watcher.close()


def _limit(name: str, value: int) -> None:
    Path(f"/proc/sys/user/max_inotify_{name}").write_text(str(value))


def _tell(watcher: Watcher) -> None:
    sys.stdout.write(json.dumps({"polling": watcher.polling, "problem": watcher.problem}) + "\n")


if __name__ == "__main__":
    scenarios: dict[str, Callable[[Path], Coroutine[None, None, None]]] = {
        "watches": watches,
        "instances": instances,
        "descriptors": descriptors,
    }
    asyncio.run(scenarios[sys.argv[1]](Path(sys.argv[2])))
