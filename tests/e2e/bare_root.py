"""A root that holds the one file and what it needs of a C library, and nothing else: read-only, /tmp without exec, one folder to write in.

It is mounted in a mount namespace of its own, so nothing is left of it when its command ends.
"""

import re
import shutil
import subprocess
from pathlib import Path

import psutil

from tests.e2e.kind import asks_for_loader
from tests.rig.emulation import is_foreign, machine_of, run_foreign

UNKNOWN_USER = "12345:12345"
_SCRIPT = """
userland=$1 placed=$2 root=$3 user=$4 file=$5 logs=$6 proc=$7; shift 7
mount -t tmpfs -o mode=755 tmpfs "$root"
cp -a "$userland/." "$placed/." "$root"
cp "$file" "$root/fairlead"
if [ "$proc" = nothing ]; then
    mount -o remount,ro "$root"
    exec env -i "$(command -v chroot)" --userspec="$user" "$root" /fairlead "$@"
fi
mkdir -p "$root/tmp" "$root/state" "$root/proc" "$root/var/log"
mount -t tmpfs -o noexec,nosuid,nodev,mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=700,uid=${user%:*} tmpfs "$root/state"
mount --bind "$logs" "$root/var/log"
mount -o remount,bind,ro "$root/var/log"
if [ "$proc" = proc ]; then mount -t proc proc "$root/proc"; fi
mount -o remount,ro "$root"
exec env -i "$(command -v chroot)" --userspec="$user" "$root" /fairlead "$@"
"""


class BareRoot:
    """What is mounted; `logs` is the folder that the command sees as /var/log, `userland` a tree that the root starts from."""

    def __init__(self, folder: Path, binary: Path, userland: Path) -> None:
        self._root, self._binary, self.userland = folder / "root", binary, userland
        self._placed = folder / "placed"
        self.logs = folder / "log"
        self.log = self.logs / "app.log"
        for made in (self._root, self._placed, self.logs):
            made.mkdir()
        self.log.write_text("first line\n")

    def enter(self, user: str = "0:0", *, proc: bool = True) -> list[str]:
        """Return the words before the arguments of `fairlead`, which becomes process 1 of its namespace."""
        return self._enter(user, "proc" if proc else "")

    def enter_nothing(self, user: str = "0:0") -> list[str]:
        """As `enter`, with no folder at all beside the userland: no place for logs or a state, neither /tmp nor /proc."""
        return self._enter(user, "nothing")

    def _enter(self, user: str, proc: str) -> list[str]:
        given = [self.userland, self._placed, self._root, user, self._binary, self.logs, proc]
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-euc", _SCRIPT, "sh", *map(str, given)]

    def place(self, path: str, text: str) -> None:
        """Let the root hold a file more, such as `etc/hosts`."""
        file = self._placed / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def enter_beside(process: psutil.Process, user: str = "0:0") -> list[str]:
    """Return the words before the arguments of a second `fairlead` in the root of one that runs."""
    uid, _, gid = user.partition(":")
    spaces = [f"--target={process.pid}", "--mount", "--pid", f"--root=/proc/{process.pid}/root", f"--wd=/proc/{process.pid}/root"]
    return ["nsenter", *spaces, f"--setuid={uid}", f"--setgid={gid}", "/fairlead"]


def own_userland(folder: Path, binary: Path) -> Path:
    """Return a tree with what the file needs to start, and nothing else: glibc of its processor, or nothing for the static kind."""
    folder.mkdir(parents=True)
    if asks_for_loader(binary):
        lay_libraries(folder, binary)
    return folder


def lay_libraries(folder: Path, binary: Path) -> None:
    """Copy the libraries that the file asks for: this host's, to where `ldd` found them, or those that it keeps for another processor."""
    if is_foreign(binary):
        told = subprocess.run(["readelf", "--dynamic", "--segments", str(binary)], capture_output=True, text=True, check=True).stdout
        kept = run_foreign(machine_of(binary)) / "lib"
        names = re.findall(r"(?:Shared library: \[|program interpreter: /lib/)(.+)\]", told)
        found = {f"/lib/{name}": kept / name for name in names}
    else:
        told = subprocess.run(["ldd", str(binary)], capture_output=True, text=True, check=True).stdout
        found = {name: Path(name) for name in re.findall(r"(/\S+) \(0x", told)}
    for name, file in found.items():
        place = folder / name.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place)
