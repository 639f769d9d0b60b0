"""Java programs of Maven's repository for the servers of the tests, kept in the user's cache under the hash of their recipe.

A recipe is a folder with a pom.xml that copies its dependencies into `libs`, and perhaps Java sources, which come into one more jar.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fairlead" / "rig"


class JarsError(Exception):
    """A program cannot be had; says what to do."""


class Jars(NamedTuple):
    """A program's jars, in a folder that stays as it is once it is there."""

    folder: Path

    def command(self, main: str, *arguments: str, options: Sequence[str] = ()) -> list[str]:
        """Return the command line that runs a class. The class path's order is fixed: archives of classes hold for one order only."""
        class_path = ":".join(sorted(map(str, self.folder.glob("libs/*.jar"))))
        return [_tool("java", "openjdk-17-jre-headless"), *options, "-cp", class_path, main, *arguments]

    def kept(self, name: str, make: Callable[[Path], None]) -> Path:
        """Return a file that is kept beside the jars. Where it is missing, `make` is called with the path at which to make it."""
        file = self.folder / name
        if file.exists():
            return file
        with _locked(file), tempfile.TemporaryDirectory(dir=CACHE) as temporary:
            if not file.exists():
                made = Path(temporary) / name
                make(made)
                if not made.exists():
                    raise JarsError(f"{file} was not made; remove {self.folder} and try again")
                made.rename(file)
        return file

    def class_archive(self, train: Callable[[Path], None]) -> Path:
        """Return the archive of loaded classes (AppCDS) for this Java, which halves a start's CPU time and more.

        `train` runs the server once with -XX:ArchiveClassesAtExit=PATH. https://openjdk.org/jeps/350
        """
        java = Path(_tool("java", "openjdk-17-jre-headless")).resolve()
        described = str(java) + (java.parents[1] / "release").read_text() + str((java.parents[1] / "lib/modules").stat().st_mtime_ns)
        return self.kept(f"classes-{hashlib.sha256(described.encode()).hexdigest()[:12]}.jsa", train)


def fetch_jars(recipe: Path) -> Jars:
    """Return the jars of a recipe; JarsError where they are neither in the cache nor to be had."""
    texts = {file.name: file.read_bytes() for file in sorted([recipe / "pom.xml", *recipe.glob("*.java")])}
    hashed = hashlib.sha256(repr(texts).encode()).hexdigest()[:16]
    kept = CACHE / f"{recipe.name}-{hashed}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with _locked(kept), tempfile.TemporaryDirectory(dir=CACHE) as temporary:
        if not kept.exists():
            made = Path(temporary) / recipe.name
            made.mkdir()
            for name, text in texts.items():
                (made / name).write_bytes(text)
            _make(made)
            made.rename(kept)
    return Jars(kept)


def _make(folder: Path) -> None:
    maven = [_tool("mvn", "maven"), "--batch-mode", "--quiet", "--strict-checksums", "-Dstyle.color=never", "package"]
    _run(maven, folder, "Maven's repository must be in reach once")
    sources = sorted(map(str, folder.glob("*.java")))
    if sources:
        classes = folder / "classes"
        # The compiler is a module of the headless JRE, though it has no `javac`.
        options = ["-d", str(classes), *sources]
        _run(
            Jars(folder).command("com.sun.tools.javac.Main", *options, options=["--add-modules", "jdk.compiler"]), folder, "it must compile"
        )
        with zipfile.ZipFile(folder / "libs" / "0-own.jar", "w") as jar:
            for file in sorted(classes.rglob("*.class")):
                jar.write(file, file.relative_to(classes))


def _run(argv: list[str], folder: Path, hint: str) -> None:
    done = subprocess.run(argv, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600, check=False)
    if done.returncode:
        raise JarsError(f"{argv[0]} failed for {folder.name} ({hint}): {done.stdout[-3000:]}")


def _tool(name: str, package: str) -> str:
    found = shutil.which(name)
    if not found:
        raise JarsError(f"no `{name}` on the PATH; apt-get install {package}")
    return found


@contextlib.contextmanager
def _locked(made: Path) -> Iterator[None]:
    """One run at a time makes a file or folder."""
    with made.with_name(f"{made.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
