"""Files of other processors run like any program: the kernel hands them to qemu-user (Debian's qemu-user-static), in every root."""

import os
import shutil
import struct
import subprocess
from pathlib import Path

BINFMT = Path("/proc/sys/fs/binfmt_misc")
PREFIXES = Path("/etc/qemu-binfmt")
"""Where Debian's qemu-user looks for a processor's loader and C library first, whatever the environment."""
MACHINES = {62: "x86_64", 183: "aarch64", 243: "riscv64"}
"""e_machine of an ELF file -> the processor as `uname -m` says it."""
_E_MACHINE_AT = 18


class EmulationError(Exception):
    """Foreign programs cannot be run here; says what is missing."""


def machine_of(file: Path) -> str:
    """Return the processor that an ELF file is for."""
    with file.open("rb") as stream:
        return MACHINES[struct.unpack_from("<H", stream.read(_E_MACHINE_AT + 2), _E_MACHINE_AT)[0]]


def is_foreign(file: Path) -> bool:
    """Tell whether this machine's processor needs help to run a file."""
    return machine_of(file) != os.uname().machine


def run_foreign(machine: str) -> Path:
    """Let the kernel run programs of a processor; return where the host keeps its C library, which they find there."""
    emulator = shutil.which(f"qemu-{machine}-static")
    if emulator is None:
        raise EmulationError(f"no qemu-{machine}-static; install Debian's qemu-user-static")
    name = f"fairlead-{machine}"
    if not (BINFMT / "register").exists():
        _mount()
    if not (BINFMT / name).exists():
        (BINFMT / "register").write_bytes(_rule(name, machine, emulator))
    libraries = Path(f"/usr/{machine}-linux-gnu")
    if not (PREFIXES / machine).exists():
        PREFIXES.mkdir(exist_ok=True)
        (PREFIXES / machine).symlink_to(libraries)
    return libraries


def _mount() -> None:
    argv = ["mount", "-t", "binfmt_misc", "binfmt_misc", str(BINFMT)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EmulationError(f"{' '.join(argv)}: {done.stderr.strip()}; it takes root and a kernel with CONFIG_BINFMT_MISC")


def _rule(name: str, machine: str, emulator: str) -> bytes:
    """Return the kernel's notation: ELF, 64 bits, little endian, an executable (static or PIE) of the machine; F opens qemu at once."""
    number = next(number for number, known in MACHINES.items() if known == machine)
    magic = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 2, number)
    mask = b"\xff" * 7 + b"\x00" * 9 + struct.pack("<HH", 0xFFFE, 0xFFFF)
    escaped = ("".join(f"\\x{byte:02x}" for byte in text) for text in (magic, mask))
    return f":{name}:M::{':'.join(escaped)}:{emulator}:F".encode()
