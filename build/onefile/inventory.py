"""What is inside the file: each component with version, hash and licence, the metadata of distributions, and the licence texts."""

import re
import subprocess
from collections.abc import Iterator
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import TypedDict

from onefile import sources
from onefile.cache import CHECKOUT, Builder
from onefile.target import GLIBC_FLOOR

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
    run_lock = (CHECKOUT / "build/lock/run.txt").read_text()
    for _, metadata in _distributions(builder):
        name = metadata["Name"]
        pinned = re.search(rf"(?i)^{re.escape(name)}==(.*(?:\n    .*)*)", run_lock, re.MULTILINE)
        hashes = sorted(set(re.findall(r"sha256:([0-9a-f]{64})", pinned[1]))) if pinned else []
        found.append(Component(name=name, version=metadata["Version"], license=_license_of(metadata), sha256=hashes))
    found.append(Component(name="uPlot", version=_asset_version(), license="MIT", sha256=[]))
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
        "libc_floor": GLIBC_FLOOR if builder.target.libc == "glibc" else None,
        "inputs": parts,
    }


def license_texts(builder: Builder, parts: list[Component]) -> str:
    """Return the texts that the licences ask to be handed on, each under a heading with the component's name."""
    texts = {"Fairlead": [CHECKOUT / "LICENSE"], "uPlot": [CHECKOUT / "build/out/assets/node_modules/uplot/LICENSE"]}
    for part in builder.parts:
        folder = builder.result(part.name) / "licenses"
        if folder.exists():
            texts[part.name] = sorted(file for file in folder.rglob("*") if file.is_file())
    for file, metadata in _distributions(builder):
        texts[metadata["Name"]] = sorted(other for other in file.parent.rglob("*") if other.is_file() and _LICENSE_FILE.match(other.name))
    kinds = {part["name"]: part["license"] for part in parts}
    blocks = []
    for name, files in texts.items():
        heading = f"{name}" + (f" ({kinds[name]})" if kinds.get(name) else "")
        body = "\n\n".join(file.read_text(errors="replace").strip() for file in files)
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


def _asset_version() -> str:
    match = re.search(r'"uplot": "([\d.]+)"', (CHECKOUT / "build/assets/package.json").read_text())
    return match[1] if match else ""
