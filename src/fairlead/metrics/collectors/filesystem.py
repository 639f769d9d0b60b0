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
from collections.abc import Callable, Iterable

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
    """A mounted file system."""

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
        self._tables = (
            (f"{roots.proc}/1/mounts", parse_mounts),
            (f"{roots.proc}/self/mountinfo", parse_mountinfo),
            (f"{roots.proc}/self/mounts", parse_mounts),
        )
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
        for path, parse in self._tables:
            try:
                with open(path, encoding="utf-8", errors="surrogateescape") as stream:
                    return parse(stream.read())
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
    words = (line.split(" ") for line in text.split("\n"))
    return _watched((line[0], line[1], line[2], line[3]) for line in words if len(line) >= 4)


def parse_mountinfo(text: str) -> list[Mount]:
    """Return the same of /proc/self/mountinfo, with what the file system itself says of read-only, not this process's view of it.

    Where the host's own table is hidden (`hidepid=`), the sandbox of a service (`ProtectSystem=strict`) shows every mount as
    read-only, and a disk that fills up would be passed over. Format: proc(5), the options of the superblock are the last word.
    """
    halves = (line.partition(" - ") for line in text.split("\n"))
    split = ((view.split(" "), held.split(" ")) for view, _, held in halves)
    return _watched((held[1], view[4], held[0], held[2]) for view, held in split if len(view) >= 6 and len(held) == 3)


def _watched(lines: Iterable[tuple[str, str, str, str]]) -> list[Mount]:
    """Return the mounts of lines (device, mount point, type, options), unescaped and sorted out."""
    mounts: dict[str, Mount] = {}
    for line in lines:
        device, mountpoint, fstype, options = (_OCTAL.sub(lambda match: chr(int(match[1], 8)), word) for word in line)
        if _EXCLUDED_TYPES.fullmatch(fstype) or _EXCLUDED_MOUNTS.search(mountpoint):
            continue
        mounts.pop(mountpoint, None)
        mounts[mountpoint] = Mount(device, mountpoint, fstype, "ro" in options.split(","))
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
