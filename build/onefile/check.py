"""What the finished file must be, read off the ELF itself: its needs, its symbol floor, no executable stack, nothing to search."""

import re
import subprocess
from pathlib import Path

from onefile.errors import BuildError
from onefile.target import Target


def check(file: Path, target: Target) -> None:
    """Raise BuildError for a file that would not run where it is promised to."""
    faults = [*needed_faults(file, target), *floor_faults(file, target), *header_faults(file)]
    if faults:
        raise BuildError(f"{file}: {'; '.join(faults)}")


def needed(file: Path) -> set[str]:
    """Return the shared libraries that the file names."""
    return set(re.findall(r"\(NEEDED\).*\[(.*)\]", _readelf("-d", file)))


def floor(file: Path) -> tuple[int, ...]:
    """Return the highest version of glibc that a symbol asks for, () where none does."""
    versions = re.findall(r"GLIBC_(\d+(?:\.\d+)+)", _readelf("-V", file))
    return max((tuple(map(int, version.split("."))) for version in versions), default=())


def needed_faults(file: Path, target: Target) -> list[str]:
    """Return what it needs beyond glibc."""
    return [f"needs {library}; only glibc's own libraries are allowed" for library in sorted(needed(file) - target.libraries)]


def floor_faults(file: Path, target: Target) -> list[str]:
    """Return the symbols above the floor; of a static file, a loader that it asks for."""
    if target.libc == "musl":
        return ["asks for a loader, and is meant to be static"] if "INTERP" in _readelf("-lW", file) else []
    lowest = _version(f"@{target.glibc_floor}")
    if floor(file) <= lowest:
        return []
    above = [row for row in re.findall(r"\S+@GLIBC_\d+(?:\.\d+)+", _readelf("--dyn-syms", file)) if _version(row) > lowest]
    return [f"needs glibc symbols above {target.glibc_floor}: {', '.join(sorted(set(above)))}"]


def header_faults(file: Path) -> list[str]:
    """Return an executable stack, a search path and a writable text."""
    told = _readelf("-lWd", file)
    faults = [f"has {entry}" for entry in ("RPATH", "RUNPATH", "TEXTREL") if f"({entry})" in told]
    if re.search(r"GNU_STACK.*RWE", told):
        faults.append("has an executable stack")
    return faults


def _version(symbol: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", symbol.rpartition("@")[2])))


def _readelf(option: str, file: Path) -> str:
    return subprocess.run(["readelf", "-W", option, str(file)], capture_output=True, text=True, check=True).stdout
