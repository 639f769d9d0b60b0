"""What is built for: a processor and a C library. A new kind is a row of KINDS and what its recipes need to know."""

import os
from typing import NamedTuple

GLIBC_FLOOR = "2.17"
"""The oldest glibc that the file runs on: CentOS 7, and every distribution since 2013."""


class Target(NamedTuple):
    """A kind of file; `arch` as `uname -m` says it, `libc` is `glibc` or `musl`."""

    arch: str
    libc: str

    @property
    def name(self) -> str:
        """The end of the file's name: `linux-x86_64`, and `linux-x86_64-static` without a libc."""
        return f"linux-{self.arch}" + ("-static" if self.libc == "musl" else "")

    @property
    def environment(self) -> dict[str, str]:
        """What the recipes and the compiler wrappers know of the target, in each tool's own notation."""
        abi = "gnu" if self.libc == "glibc" else "musl"
        return {
            "TARGET_ARCH": self.arch,
            "TARGET_LIBC": self.libc,
            "TARGET_TRIPLE": f"{self.arch}-linux-{abi}",
            "TARGET_ZIG": f"{self.arch}-linux-gnu.{GLIBC_FLOOR}" if self.libc == "glibc" else f"{self.arch}-linux-musl",
            "TARGET_RUST": f"{self.arch}-unknown-linux-{abi}",
            "TARGET_OPENSSL": f"linux-{self.arch}",
        }

    @property
    def binutils(self) -> str:
        """The prefix of the GNU binutils for the target: none for those of this machine."""
        return "" if self.arch == os.uname().machine else f"{self.arch}-linux-gnu-"

    @property
    def libraries(self) -> frozenset[str]:
        """The shared libraries that the file may need: glibc's own, or none."""
        if self.libc == "musl":
            return frozenset()
        return frozenset({"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libutil.so.1", LOADERS[self.arch]})


LOADERS = {"x86_64": "ld-linux-x86-64.so.2", "aarch64": "ld-linux-aarch64.so.1"}
KINDS = (Target("x86_64", "glibc"),)
"""What this script can build today."""
