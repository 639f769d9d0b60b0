"""Space and inodes of mounted file systems, by statvfs(3) in threads aside.

A dead mount (NFS whose server went away) keeps a statvfs call in the kernel for ever. Each call runs in a daemon thread; what
has not answered by the deadline is reported as `node_filesystem_device_error`, keeps its one thread, and is not asked again
until it answers. The others are not kept waiting by it.
"""

import os
import re
import threading
from array import array
from collections import deque
from collections.abc import Callable

import msgspec

from fairlead.core.sample import Layout, Series, Tick
from fairlead.metrics.collector import Roots, gauge

DEADLINE_S = 2.0
_STALL_S = 0.2
_WORKERS = 4
_OCTAL = re.compile(r"\\([0-7]{3})")
_EXCLUDED_TYPES = re.compile(
    r"autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|procfs"
    r"|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs"
)
_EXCLUDED_MOUNTS = re.compile(r"^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)")
"""Upstream's default; Debian's leaves out /mnt, /media and /run, too, where data and dead mounts are found."""

_FAMILIES = (
    gauge("node_filesystem_avail_bytes", "Filesystem space available to non-root users in bytes."),
    gauge("node_filesystem_device_error", "Whether an error occurred while getting statistics for the given device."),
    gauge("node_filesystem_files", "Filesystem total file nodes."),
    gauge("node_filesystem_files_free", "Filesystem total free file nodes."),
    gauge("node_filesystem_free_bytes", "Filesystem free space in bytes."),
    gauge("node_filesystem_readonly", "Filesystem read-only status."),
    gauge("node_filesystem_size_bytes", "Filesystem size in bytes."),
)
_NAN = float("nan")


class Mount(msgspec.Struct, frozen=True):
    """One line of /proc/mounts."""

    device: str
    mountpoint: str
    fstype: str
    readonly: bool


Statvfs = Callable[[str], os.statvfs_result]


class FilesystemCollector:
    """The collector `filesystem`; `collect` waits, bounded by the deadline, so it is run aside."""

    name = "filesystem"
    aside = True

    def __init__(self, roots: Roots, statvfs: Statvfs = os.statvfs, deadline_s: float = DEADLINE_S) -> None:
        self._paths = (f"{roots.proc}/1/mounts", f"{roots.proc}/self/mounts")
        self._statvfs, self._deadline_s = statvfs, deadline_s
        self._stuck: set[str] = set()
        self._layout = Layout(())

    def collect(self, time_ns: int) -> Tick:
        """Ask every mount that is not stuck; return within the deadline."""
        mounts = self._mounts()
        asked = _Round([mount.mountpoint for mount in mounts if mount.mountpoint not in self._stuck], self._statvfs, self._stuck)
        answers = asked.wait(self._deadline_s)
        series = tuple(
            Series(family, (("device", mount.device), ("fstype", mount.fstype), ("mountpoint", mount.mountpoint)))
            for family in _FAMILIES
            for mount in mounts
        )
        if series != self._layout.series:
            self._layout = Layout(series)
        columns = [_numbers(mount, answers.get(mount.mountpoint)) for mount in mounts]
        values = array("d", [column[row] for row in range(len(_FAMILIES)) for column in columns])
        return Tick(self.name, time_ns, self._layout, values)

    def close(self) -> None:
        """Nothing is kept open; a stuck thread is a daemon and ends with its call or with the program."""

    def _mounts(self) -> list[Mount]:
        for path in self._paths:
            try:
                with open(path, encoding="utf-8", errors="surrogateescape") as stream:
                    return parse_mounts(stream.read())
            except (FileNotFoundError, PermissionError):
                continue
        return []


class _Round:
    """One sweep over mounts by a few daemon threads; more are started while some hang."""

    def __init__(self, mountpoints: list[str], statvfs: Statvfs, stuck: set[str]) -> None:
        self._waiting = deque(mountpoints)
        self._open = len(mountpoints)
        self._statvfs, self._stuck = statvfs, stuck
        self._changed = threading.Condition()
        self._answers: dict[str, os.statvfs_result | None] = {}

    def wait(self, deadline_s: float) -> dict[str, os.statvfs_result | None]:
        """Return the answers by mount point that came in time; None for one that failed."""
        rounds = max(1, int(deadline_s / _STALL_S))
        with self._changed:
            for _ in range(rounds):
                for _ in range(min(_WORKERS, len(self._waiting))):
                    threading.Thread(target=self._work, name="statvfs", daemon=True).start()
                if self._changed.wait_for(lambda: not self._open, deadline_s / rounds):
                    break
            self._waiting.clear()
            return dict(self._answers)

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._waiting:
                    return
                mountpoint = self._waiting.popleft()
                self._stuck.add(mountpoint)
            try:
                answer = self._statvfs(mountpoint)
            except OSError:
                answer = None
            with self._changed:
                self._stuck.discard(mountpoint)
                self._answers[mountpoint] = answer
                self._open -= 1
                self._changed.notify_all()


def parse_mounts(text: str) -> list[Mount]:
    """Return the mounts worth watching, in order; one mounted over another is told once (the last), each (device, point) once."""
    mounts: dict[str, Mount] = {}
    for line in text.splitlines():
        words = [_OCTAL.sub(lambda match: chr(int(match[1], 8)), word) for word in line.split(" ")]
        if len(words) < 4 or _EXCLUDED_TYPES.fullmatch(words[2]) or _EXCLUDED_MOUNTS.search(words[1]):
            continue
        mounts.pop(words[1], None)
        mounts[words[1]] = Mount(words[0], words[1], words[2], "ro" in words[3].split(","))
    return list(mounts.values())


def _numbers(mount: Mount, found: os.statvfs_result | None) -> tuple[float, ...]:
    if found is None:
        return (_NAN, 1.0, _NAN, _NAN, _NAN, _NAN, _NAN)
    block = found.f_frsize
    return (
        float(found.f_bavail * block),
        0.0,
        float(found.f_files),
        float(found.f_ffree),
        float(found.f_bfree * block),
        float(mount.readonly),
        float(found.f_blocks * block),
    )


def build(roots: Roots) -> FilesystemCollector:
    """Return the collector `filesystem`."""
    return FilesystemCollector(roots)
