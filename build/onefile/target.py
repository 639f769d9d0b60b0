"""What is built for: a processor and a C library. A new kind is a row of KINDS and what its recipes need to know."""

import os
from typing import NamedTuple


class Processor(NamedTuple):
    """What the tools call a processor, and from which glibc on it is supported."""

    glibc_floor: str
    """The oldest glibc that the file runs on: 2.17 is CentOS 7's, and that of every distribution since 2013."""
    loader: str
    rust: str
    openssl: str


PROCESSORS = {
    "x86_64": Processor("2.17", "ld-linux-x86-64.so.2", "x86_64", "linux-x86_64"),
    "aarch64": Processor("2.17", "ld-linux-aarch64.so.1", "aarch64", "linux-aarch64"),
    "riscv64": Processor("2.27", "ld-linux-riscv64-lp64d.so.1", "riscv64gc", "linux64-riscv64"),
}


class Target(NamedTuple):
    """A kind of file; `arch` as `uname -m` says it, `libc` is `glibc` or `musl`."""

    arch: str
    libc: str

    @property
    def name(self) -> str:
        """The end of the file's name: `linux-x86_64`, and `linux-x86_64-static` without a libc."""
        return f"linux-{self.arch}" + ("-static" if self.libc == "musl" else "")

    @property
    def glibc_floor(self) -> str:
        """The oldest glibc that a file of this processor runs on."""
        return PROCESSORS[self.arch].glibc_floor

    @property
    def triple(self) -> str:
        """The target in GNU's words."""
        return f"{self.arch}-linux-{'gnu' if self.libc == 'glibc' else 'musl'}"

    @property
    def environment(self) -> dict[str, str]:
        """What the recipes and the compiler wrappers know of the target, in each tool's own notation."""
        processor = PROCESSORS[self.arch]
        return {
            "TARGET_ARCH": self.arch,
            "TARGET_LIBC": self.libc,
            "TARGET_TRIPLE": self.triple,
            "TARGET_ZIG": f"{self.triple}.{self.glibc_floor}" if self.libc == "glibc" else self.triple,
            "TARGET_RUST": f"{processor.rust}-unknown-linux-{self.triple.rpartition('-')[2]}",
            "TARGET_OPENSSL": processor.openssl,
        }

    @property
    def binutils(self) -> str:
        """The prefix of the GNU binutils for the target: none for those of this machine."""
        return "" if self.arch == HOST.arch else f"{self.arch}-linux-gnu-"

    @property
    def libraries(self) -> frozenset[str]:
        """The shared libraries that the file may need: glibc's own, or none."""
        if self.libc == "musl":
            return frozenset()
        own = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libutil.so.1"}
        return frozenset({*own, PROCESSORS[self.arch].loader})


HOST = Target(os.uname().machine, "glibc")
"""What this machine runs: the interpreter that builds the other kinds is of it."""
DEFAULT = HOST
"""The kind that `build/out/fairlead` is."""
KINDS = tuple(Target(arch, libc) for arch in PROCESSORS for libc in ("glibc", "musl"))
"""What this script can build."""
