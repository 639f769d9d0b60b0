"""A root that holds the one file and a C library, and nothing else: read-only, /tmp without exec, one folder to write in.

It is mounted in a mount namespace of its own, so nothing is left of it when its command ends.
"""

import re
import shutil
import subprocess
from pathlib import Path

UNKNOWN_USER = "12345:12345"
_SCRIPT = """
userland=$1 root=$2 user=$3 file=$4 logs=$5 proc=$6; shift 6
mount -t tmpfs -o mode=755 tmpfs "$root"
cp -a "$userland/." "$root"
cp "$file" "$root/fairlead"
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
    """What is mounted; `logs` is the folder that the command sees as /var/log, `userland` a tree with loader and libraries."""

    def __init__(self, folder: Path, binary: Path, userland: Path) -> None:
        self._root, self._binary, self._userland = folder / "root", binary, userland
        self.logs = folder / "log"
        self.log = self.logs / "app.log"
        for made in (self._root, self.logs):
            made.mkdir()
        self.log.write_text("first line\n")

    def enter(self, user: str = "0:0", *, proc: bool = True) -> list[str]:
        """Return the words before the arguments of `fairlead`, which becomes process 1 of its namespace."""
        given = [self._userland, self._root, user, self._binary, self.logs, "proc" if proc else ""]
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-euc", _SCRIPT, "sh", *map(str, given)]


def host_userland(folder: Path, binary: Path) -> Path:
    """Copy what `ldd` resolves of the file, in its place, and return the tree."""
    told = subprocess.run(["ldd", str(binary)], capture_output=True, text=True, check=True).stdout
    for name in re.findall(r"(/\S+) \(0x", told):
        place = folder / name.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(name, place)
    return folder
