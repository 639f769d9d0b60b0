"""Source archives from Debian, pinned by version and hash in build/lock/binary.json and kept in the cache.

A pin is fetched from the mirror that this machine's apt uses. Debian drops a source from its mirrors when an update replaces it:
then the pin fails and names its successor, and `build/dev lock` (this file, run as a program) moves it.
"""

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

from onefile.errors import BuildError

LOCK = Path(__file__).parents[1] / "lock" / "binary.json"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_APT_HELPER = "/usr/lib/apt/apt-helper"


class Source(NamedTuple):
    """One Debian source package: where its files lie below a mirror, their hashes, and which of Debian's patches are applied."""

    name: str
    version: str
    places: tuple[tuple[str, str], ...]
    """Archive (`main` or `security`) and folder: a file may lie in only one of several."""
    files: dict[str, str]
    """File name -> SHA-256."""
    patches: tuple[str, ...]
    """Patterns of patch names in debian/patches/series; one that begins with `!` leaves out."""
    license: str


def locked() -> tuple[str, dict[str, Source]]:
    """Return the suite and the pins."""
    lock = json.loads(LOCK.read_text())
    return lock["suite"], {name: _from_lock(name, row) for name, row in lock["sources"].items()}


def _from_lock(name: str, row: dict[str, Any]) -> Source:
    places = tuple((archive, folder) for archive, folder in row["places"])
    return Source(name, row["version"], places, row["files"], tuple(row["patches"]), row["license"])


class Mirrors:
    """The mirrors that this machine's apt uses, and an apt of our own that knows their sources."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        text = "\n".join(file.read_text() for file in _apt_files())
        found = re.findall(r"^(?:URIs:\s*|deb(?:-src)?\s+(?:\[[^]]*\]\s*)?)(\S+)", text, re.MULTILINE)
        debian = [uri.rstrip("/") for uri in found if "debian" in uri]
        if not debian:
            raise BuildError("apt has no Debian mirror; add one to /etc/apt/sources.list.d")
        security = [uri for uri in debian if "security" in uri]
        self.uris = {"main": next((uri for uri in debian if uri not in security), debian[0]), "security": (security or debian)[0]}

    def fetch(self, source: Source, name: str, into: Path) -> bool:
        """Download one file of a source with its hash checked; False where the mirror does not have it."""
        draft = into.with_name(into.name + ".new")
        for archive, folder in source.places:
            uri = f"{self.uris[archive]}/{folder}/{name.replace('~', '%7e').replace('+', '%2b')}"
            argv = [_APT_HELPER, "-o", "APT::Sandbox::User=root", "download-file", uri, str(draft), f"SHA256:{source.files[name]}"]
            if subprocess.run(argv, capture_output=True, check=False).returncode == 0:
                draft.rename(into)
                return True
            draft.unlink(missing_ok=True)
        return False

    def candidates(self, name: str, suite: str) -> list[Source]:
        """Return what the mirrors' index offers of a source, the newest first."""
        options = self._index(suite)
        told = subprocess.run(["apt-cache", *options, "showsrc", "--only-source", name], capture_output=True, text=True, check=True).stdout
        found: dict[str, Source] = {}
        for source in _parse_index(name, told):
            places = found[source.version].places if source.version in found else ()
            found[source.version] = source._replace(places=(*places, *source.places))
        ordered: list[str] = []
        for version in found:
            place = next((i for i, other in enumerate(ordered) if _newer(version, other)), len(ordered))
            ordered.insert(place, version)
        return [found[version] for version in ordered]

    def _index(self, suite: str) -> list[str]:
        """Return the options of an apt that sees nothing but the sources of this suite; its index is fetched once."""
        places = {key: self._folder / key for key in ("lists", "cache")}
        options = [
            "-o", f"Dir::Etc::SourceList={self._folder}/sources.sources", "-o", "Dir::Etc::SourceParts=/dev/null",
            "-o", f"Dir::State::Lists={places['lists']}", "-o", f"Dir::Cache={places['cache']}", "-o", "APT::Sandbox::User=root",
        ]  # fmt: skip
        if places["lists"].exists():
            return options
        for path in (places["lists"] / "partial", places["cache"] / "archives" / "partial"):
            path.mkdir(parents=True)
        rows = [(self.uris["main"], f"{suite} {suite}-updates"), (self.uris["security"], f"{suite}-security")]
        text = "\n".join(f"Types: deb-src\nURIs: {uri}\nSuites: {suites}\nComponents: main\nSigned-By: {KEYRING}\n" for uri, suites in rows)
        (self._folder / "sources.sources").write_text(text)
        subprocess.run(["apt-get", *options, "-qq", "update"], check=True)
        return options


def fetch(source: Source, cache: Path) -> dict[str, Path]:
    """Return the source's files, from the cache or the mirror; BuildError names the successor of a pin that has vanished."""
    cache.mkdir(parents=True, exist_ok=True)
    files: dict[str, Path] = {}
    for name, digest in source.files.items():
        files[name] = cache / f"{digest[:16]}-{name}"
        if files[name].exists() and hashlib.sha256(files[name].read_bytes()).hexdigest() == digest:
            continue
        mirrors = Mirrors(_fresh(cache / "apt"))
        if not mirrors.fetch(source, name, files[name]):
            offered = [candidate.version for candidate in mirrors.candidates(source.name, locked()[0])]
            raise BuildError(
                f"{LOCK.name}: {source.name} {source.version}: the mirror has no {name} with the locked hash; "
                f"its successor is {offered[0] if offered else 'unknown'}: run build/dev lock"
            )
    return files


def unpack(files: dict[str, Path], source: Source, into: Path) -> Path:
    """Unpack a source and apply the chosen ones of Debian's patches; return its folder."""
    orig = next(path for name, path in files.items() if ".orig.tar." in name)
    subprocess.run(["tar", "-xf", orig, "-C", into, "--no-same-owner"], check=True)
    (folder,) = into.iterdir()
    debian = next((path for name, path in files.items() if ".debian.tar." in name), None)
    if debian is not None:
        subprocess.run(["tar", "-xf", debian, "-C", folder, "--no-same-owner"], check=True)
        for patch in chosen_patches(folder, source.patches):
            with patch.open("rb") as stream:
                subprocess.run(["patch", "-p1", "-s", "-f"], cwd=folder, stdin=stream, check=True)
    return folder


def chosen_patches(folder: Path, patterns: Sequence[str]) -> list[Path]:
    """Return the patches of debian/patches/series whose names match, in the order of the series."""
    series = folder / "debian" / "patches" / "series"
    if not series.exists():
        return []
    names = [line.split()[0] for line in series.read_text().splitlines() if line.strip() and not line.startswith("#")]
    unwanted = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    return [series.parent / name for name in names if _matches(name, patterns) and not _matches(name, unwanted)]


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def _apt_files() -> Iterator[Path]:
    yield from Path("/etc/apt/sources.list.d").glob("*.sources")
    yield from Path("/etc/apt/sources.list.d").glob("*.list")
    if (main := Path("/etc/apt/sources.list")).exists():
        yield main


def _parse_index(name: str, text: str) -> Iterator[Source]:
    for paragraph in text.split("\n\n"):
        fields = dict(re.findall(r"^(Version|Directory): (\S+)$", paragraph, re.MULTILINE))
        sums = re.search(r"^Checksums-Sha256:\n((?: .*\n?)+)", paragraph, re.MULTILINE)
        if len(fields) < 2 or not sums:
            continue
        rows = (line.split() for line in sums[1].splitlines())
        files = {file: digest for digest, _, file in rows if re.search(r"\.(orig|debian)\.tar\.\w+$", file)}
        archive = "security" if "updates" in fields["Directory"] else "main"
        yield Source(name, fields["Version"], ((archive, fields["Directory"]),), files, (), "")


def _newer(one: str, other: str) -> bool:
    return subprocess.run(["dpkg", "--compare-versions", one, "gt", other], check=False).returncode == 0


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def move(cache: Path) -> None:
    """Move each pin to the newest version whose files the mirror really serves, and say what moved."""
    lock = json.loads(LOCK.read_text())
    mirrors = Mirrors(_fresh(cache / "apt"))
    for name, row in lock["sources"].items():
        for source in mirrors.candidates(name, lock["suite"]):
            paths = {file: cache / f"{digest[:16]}-{file}" for file, digest in source.files.items()}
            if all(path.exists() or mirrors.fetch(source, file, path) for file, path in paths.items()):
                break
        else:
            raise BuildError(f"{name}: the mirror serves no version of it in {lock['suite']}")
        if source.version != row["version"]:
            print(f"{name}: {row['version'] or 'new'} -> {source.version}")
        row.update(version=source.version, places=source.places, files=source.files)
    LOCK.write_text(json.dumps(lock, indent=2) + "\n")
