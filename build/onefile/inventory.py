"""What is inside the file: each component with version, hash and licence, the metadata of distributions, and the licence texts."""

import hashlib
import re
import subprocess
from collections.abc import Iterator
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import TypedDict

from onefile import sources
from onefile.cache import CHECKOUT, Builder

UPLOT = CHECKOUT / "build" / "out" / "assets" / "node_modules" / "uplot"
PAGE_LIBRARY = (UPLOT / "dist" / "uPlot.esm.js", UPLOT / "dist" / "uPlot.min.css")
"""What the page loads of npm's; `build/dev` fetches it."""
_ZIG_RUNTIME = "zig runtime (compiler-rt, libunwind)"
_RUST_LIBRARY = "Rust standard library"
_LLVM = "MIT AND Apache-2.0 WITH LLVM-exception"
_RUST_COPYRIGHT = Path("/usr/share/doc/libstd-rust-web-dev/copyright")
_LICENSE_FILE = re.compile(r"(?i)^(licen[cs]e|copying|copyright|notice|authors)")


class Component(TypedDict):
    """One row of the bill of materials."""

    name: str
    version: str
    license: str
    sha256: list[str]


def site_folders(builder: Builder) -> list[Path]:
    """Return the folders with third-party Python."""
    return [folder for part in builder.parts if (folder := builder.result(part.name) / "site").exists()]


def metadata_files(builder: Builder) -> dict[str, str]:
    """Return METADATA of each distribution: name in the archive -> file."""
    return {f"{file.parent.name}/METADATA": str(file) for file, _ in _distributions(builder)}


def components(builder: Builder) -> list[Component]:
    """Return what the file holds, sources from Debian first."""
    found = [
        Component(name=pin.name, version=pin.version, license=pin.license, sha256=sorted(pin.files.values()))
        for name, pin in sources.locked()[1].items()
        if name in {part.source for part in builder.parts}
    ]
    hashes = _archive_hashes(builder)
    for _, metadata in _distributions(builder):
        name, version = metadata["Name"], metadata["Version"]
        found.append(Component(name=name, version=version, license=_license_of(metadata), sha256=[hashes[_normalized(name)]]))
    found += [_rust_library(), Component(name=_ZIG_RUNTIME, version=_zig_version(), license=_LLVM, sha256=[])]
    page = [hashlib.sha256(file.read_bytes()).hexdigest() for file in PAGE_LIBRARY]
    found.append(Component(name="uPlot", version=_asset_version(), license="MIT", sha256=page))
    return found


def build_info(builder: Builder, version: str, parts: list[Component]) -> dict[str, object]:
    """Return what `fairlead version --json` tells of the build."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    return {
        "commit": done.stdout.strip() or "unknown",
        "kind": builder.target.name,
        "libc_kind": builder.target.libc,
        "libc_floor": builder.target.glibc_floor if builder.target.libc == "glibc" else None,
        "inputs": parts,
    }


def license_texts(builder: Builder, parts: list[Component]) -> str:
    """Return the texts that the licences ask to be handed on, each under a heading with the component's name."""
    zig = builder.result("tools") / "ziglang"
    files = {
        "Fairlead": [CHECKOUT / "LICENSE"],
        "uPlot": [UPLOT / "LICENSE"],
        _ZIG_RUNTIME: [zig / "LICENSE", zig / "lib/libunwind/LICENSE.TXT"],
        _RUST_LIBRARY: [_RUST_COPYRIGHT],
    }
    for part in builder.parts:
        folder = builder.result(part.name) / "licenses"
        if folder.exists():
            files[part.source.removeprefix("pypi:")] = sorted(folder.iterdir())
    for file, metadata in _distributions(builder):
        own = sorted(other for other in file.parent.rglob("*") if other.is_file() and _LICENSE_FILE.match(other.name))
        files[metadata["Name"]] = [*own, *files.get(metadata["Name"], ())]
    kinds = {part["name"]: part["license"] for part in parts}
    blocks = []
    for name, paths in files.items():
        heading = f"{name}" + (f" ({kinds[name]})" if kinds.get(name) else "")
        body = "\n\n".join(dict.fromkeys(path.read_text(errors="replace").strip() for path in paths))
        blocks.append(f"{'=' * 100}\n{heading}\n{'=' * 100}\n\n{body or 'See the licence named above.'}\n")
    return "\n".join(blocks)


def _distributions(builder: Builder) -> Iterator[tuple[Path, "Message[str, str]"]]:
    for folder in site_folders(builder):
        for file in sorted(folder.glob("*.dist-info/METADATA")):
            yield file, Parser().parsestr(file.read_text())


def _license_of(metadata: "Message[str, str]") -> str:
    if expression := metadata["License-Expression"]:
        return expression
    classifiers = [row.rpartition(" :: ")[2] for row in metadata.get_all("Classifier", []) if row.startswith("License ::")]
    return " AND ".join(classifiers) or (metadata["License"] or "").splitlines()[0][:80]


def _archive_hashes(builder: Builder) -> dict[str, str]:
    """Return the SHA-256 of each distribution's archive by its normalised name."""
    found = {}
    for part in builder.parts:
        file = builder.result(part.name) / "archives.txt"
        for line in file.read_text().splitlines() if file.exists() else ():
            digest, archive = line.split()
            found[_normalized(archive.rpartition("-")[0] if archive.endswith(".tar.gz") else archive.split("-")[0])] = digest
    return found


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _rust_library() -> Component:
    done = subprocess.run(["/usr/bin/rustc", "--version"], capture_output=True, text=True, check=True)
    return Component(name=_RUST_LIBRARY, version=done.stdout.split()[1], license="MIT OR Apache-2.0", sha256=[])


def _zig_version() -> str:
    lock = (CHECKOUT / "build/lock/binary-tools.txt").read_text()
    match = re.search(r"^ziglang==(\S+)", lock, re.MULTILINE)
    return match[1] if match else ""


def _asset_version() -> str:
    match = re.search(r'"uplot": "([\d.]+)"', (CHECKOUT / "build/assets/package.json").read_text())
    return match[1] if match else ""
