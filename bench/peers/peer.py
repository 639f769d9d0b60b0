"""What a peer is to the scenarios, and how the programs that Debian packages are had without being installed."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fairlead" / "peers"


class PeerMissing(Exception):
    """A peer cannot be had; says why."""


class Job(NamedTuple):
    """Ship `file` from its beginning to `topic`; `folder` is empty and the peer's own."""

    file: Path
    brokers: str
    topic: str
    folder: Path


class Command(NamedTuple):
    """What to run, and what its environment has beside ours."""

    argv: Sequence[str]
    env: Mapping[str, str]


class Peer(NamedTuple):
    """A program that ships lines as they are; `command` writes its configuration into the job's folder."""

    name: str
    version: str
    remark: str
    command: Callable[[Job], Command]


def kept(name: str, recipe: str, make: Callable[[Path], None]) -> Path:
    """Return the folder that `make` filled once for this recipe."""
    folder = CACHE / f"{name}-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}"
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as temporary:
            made = Path(temporary) / name
            made.mkdir()
            make(made)
            made.rename(folder)
    return folder


def unpacked(name: str, packages: Sequence[str]) -> Path:
    """Return the folder in which Debian packages lie unpacked: nothing is installed, and nothing of theirs is started."""

    def make(folder: Path) -> None:
        with tempfile.TemporaryDirectory() as downloads:
            done = run(["apt-get", "-q", "download", *packages], Path(downloads))
            if done.returncode:
                raise PeerMissing(f"apt-get download: {last_line(done.stderr)} (apt-get update first?)")
            for file in sorted(Path(downloads).glob("*.deb")):
                run(["dpkg", "-x", str(file), str(folder)], folder)

    if not shutil.which("apt-get"):
        raise PeerMissing("there is no apt-get")
    return kept(name, " ".join(packages), make)


def library_path(folder: Path) -> str:
    """Return LD_LIBRARY_PATH of unpacked packages."""
    triplets = sorted(
        {file.parent for file in folder.glob("**/*-linux-gnu/*.so*")} | {file.parent for file in folder.glob("usr/lib/*/*.so*")}
    )
    return ":".join(map(str, triplets))


def version_of(argv: Sequence[str], folder: Path) -> str:
    """Return the first line that a program tells of itself; PeerMissing where it does not run."""
    done = run(argv, folder, {"LD_LIBRARY_PATH": library_path(folder)})
    if done.returncode:
        raise PeerMissing(f"{argv[0]} does not run: {last_line(done.stderr)}")
    return done.stdout.splitlines()[0]


def run(argv: Sequence[str], folder: Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end in a folder."""
    return subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, **(env or {})})


def last_line(text: str) -> str:
    """Return the last line of an output."""
    return text.strip().rpartition("\n")[2]
