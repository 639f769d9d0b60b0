"""A userland of musl and busybox, as Alpine's is: Debian's packages of both, since no registry of Debian's has Alpine's own."""

import shutil
from pathlib import Path

from tests.rig.old_userland import unpacked

SUITE = "bookworm"
LOADER = "lib/ld-musl-x86_64.so.1"


def musl_userland(folder: Path) -> Path:
    """Make a tree with musl's loader, busybox by the names of a few of its commands and Alpine's files of names; return it."""
    (folder / "lib").mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "etc").mkdir()
    musl = unpacked("musl", SUITE) / "lib/x86_64-linux-musl/libc.so"
    shutil.copy(musl, folder / LOADER)
    shutil.copy(unpacked("busybox-static", SUITE) / "bin/busybox", folder / "bin/busybox")
    for name in ("sh", "ls", "cat", "id", "ps"):
        (folder / "bin" / name).symlink_to("busybox")
    (folder / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (folder / "etc/group").write_text("root:x:0:root\n")
    return folder
