"""What kind of file the one file is, by its ELF header. A test that is true for some kinds only says so: `@pytest.mark.kind("static")`."""

import struct
from pathlib import Path

from tests.rig.emulation import is_foreign, machine_of

WORDS = frozenset({"glibc", "static", "native", "foreign", "x86_64", "aarch64", "riscv64"})
_PT_INTERP = 3
_HEADER = struct.Struct("<32xQ14xHH")
"""Elf64_Ehdr up to e_phoff, then e_phentsize and e_phnum."""


def kind_of(file: Path) -> frozenset[str]:
    """Return three of WORDS: `glibc` or `static`, `native` or `foreign`, and the processor as `uname -m` says it."""
    libc = "glibc" if asks_for_loader(file) else "static"
    return frozenset({libc, "foreign" if is_foreign(file) else "native", machine_of(file)})


def asks_for_loader(file: Path) -> bool:
    """Tell whether an ELF file of 64 bits names a loader, so that there is no starting it without a C library."""
    with file.open("rb") as stream:
        offset, size, count = _HEADER.unpack(stream.read(_HEADER.size))
        stream.seek(offset)
        table = stream.read(size * count)
    return any(struct.unpack_from("<I", table, at)[0] == _PT_INTERP for at in range(0, size * count, size))
