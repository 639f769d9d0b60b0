"""Loader and libraries of Debian 11 (glibc 2.31), the oldest that this machine's mirror has, unpacked in the user's cache.

apt fetches and verifies the package by a configuration of its own: the host's sources, lists and packages are not touched.
"""

import os
import re
import subprocess
import tempfile
from pathlib import Path

SUITE = "bullseye"
GLIBC = "2.31"
_SOURCES = "Types: deb\nURIs: {uri}\nSuites: {suite}\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"


class OldUserlandError(Exception):
    """The package cannot be had; says what to do."""


def old_userland() -> Path:
    """Return a tree with `lib` and `lib64` of the old glibc; OldUserlandError where it is neither in the cache nor at the mirror."""
    return unpacked("libc6", SUITE)


def unpacked(package: str, suite: str) -> Path:
    """Return a tree with the files of a package, which is fetched once; OldUserlandError where that cannot be."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fairlead" / "rig"
    kept = cache / f"{package}-{suite}"
    if kept.exists():
        return kept
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as name:
        folder = Path(name)
        try:
            archive = _download(folder, package, suite)
            _run(["dpkg-deb", "-x", str(archive), f"{folder}/all"], folder)
        except (subprocess.CalledProcessError, OSError) as error:
            raise OldUserlandError(
                f"no {package} of Debian {suite}: {getattr(error, 'stderr', None) or error}; put the package of any Debian mirror "
                f"there by hand: dpkg-deb -x {package}_*.deb {kept}"
            ) from None
        (folder / "all").rename(kept)
    return kept


def _download(folder: Path, package: str, suite: str) -> Path:
    for place in ("lists/partial", "cache/archives/partial"):
        (folder / place).mkdir(parents=True)
    (folder / "old.sources").write_text(_SOURCES.format(uri=_mirror(), suite=suite))
    settings = {
        "Dir::Etc::SourceList": folder / "old.sources",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": folder / "lists",
        "Dir::State::Status": "/dev/null",
        "Dir::Cache": folder / "cache",
        "APT::Sandbox::User": "root",
    }
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    _run(["apt-get", *options, "-qq", "update"], folder)
    _run(["apt-get", *options, "-qq", "download", package], folder)
    [archive] = folder.glob(f"{package}_*.deb")
    return archive


def _mirror() -> str:
    """Return the mirror of Debian's main archive that this machine's apt uses."""
    targets = subprocess.run(["apt-get", "indextargets", "--format", "$(SITE)"], capture_output=True, text=True, check=True).stdout
    found = [site for site in targets.split() if re.search(r"debian/?$", site)]
    if not found:
        raise OldUserlandError("apt has no mirror of Debian; add one to /etc/apt/sources.list.d")
    return found[0]


def _run(argv: list[str], folder: Path) -> None:
    subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=True, timeout=120)
