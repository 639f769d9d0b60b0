"""Builds parts and keeps each under the hash of all that it was made from: recipe, sources, needs, target, compiler wrappers."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from onefile import distributions, sources
from onefile.errors import BuildError
from onefile.parts import PARTS, Part
from onefile.target import HOST, Target
from onefile.toolchain import environment

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
COMPLETE = ".complete"
"""The mark of a part that is whole; its time is that of its last use."""
_KEPT_S = 30 * 86_400


def cache_folder() -> Path:
    """Return the user's cache directory for Fairlead; BuildError where there is none."""
    base = os.environ.get("XDG_CACHE_HOME") or (f"{os.environ['HOME']}/.cache" if os.environ.get("HOME") else "")
    if not base:
        raise BuildError("neither XDG_CACHE_HOME nor HOME is set, so there is no place for the cache; set one")
    return Path(base) / "fairlead"


class Builder:
    """Builds the parts for one target, two at a time; a part whose result is in the cache is not built.

    `host` builds what runs on this machine while another kind is built: the tools, and an interpreter of the same version.
    """

    def __init__(self, target: Target, parts: tuple[Part, ...] = PARTS) -> None:
        self.target = target
        self.cache = cache_folder()
        self.parts = tuple(part for part in parts if part.libc in ("", target.libc))
        self.host = self if target == HOST else Builder(HOST, parts)
        self._parts = {part.name: part for part in self.parts}
        self._keys: dict[str, str] = {}
        self._pins = sources.locked()[1]

    def result(self, name: str) -> Path:
        """Return the folder of a part's result."""
        if self._parts[name].host and self.host is not self:
            return self.host.result(name)
        return self.cache / "parts" / f"{name}-{self.key(name)}"

    def key(self, name: str) -> str:
        """Return the hash of everything that the part is made from."""
        if self._parts[name].host and self.host is not self:
            return self.host.key(name)
        if name not in self._keys:
            part = self._parts[name]
            digest = hashlib.sha256()
            if self.host is not self and "python" in (name, *part.needs):  # the host's interpreter builds them
                digest.update(self.host.key("python").encode())
            for text in (str(part), str(self.target.environment), *(self.key(need) for need in part.needs)):
                digest.update(text.encode() + b"\0")
            if part.source in self._pins:
                digest.update(str(self._pins[part.source]).encode())
            if part.source.startswith("pypi:"):
                digest.update(str(distributions.wanted(part, self.parts)).encode())
            recipe = HERE / "recipes" / f"{part.recipe or part.name}.sh"
            for path in (recipe, HERE / "capture.py", HERE / "toolchain.py", *map(CHECKOUT.joinpath, part.inputs)):
                for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                    if file.is_file():
                        digest.update(str(file.relative_to(CHECKOUT)).encode() + b"\0" + file.read_bytes())
            self._keys[name] = digest.hexdigest()[:16]
        return self._keys[name]

    def build(self) -> None:
        """Build every part that is missing; the first failure ends the build with the end of its log."""
        if self.host is not self:
            self.host._build({"python", *(part.name for part in self.parts if part.host)})
        self._build({part.name for part in self.parts if self.host is self or not part.host})

    def _build(self, names: set[str]) -> None:
        wanted = self._with_needs(names)
        marks = [self.result(name) / COMPLETE for name in wanted]
        if all(mark.exists() for mark in marks):  # then another build, of another kind, is not waited for
            for mark in marks:
                mark.touch()
            return
        with _lock(self.cache / "build.lock"), ThreadPoolExecutor(2) as pool:
            futures: dict[str, Future[None]] = {}
            for part in self._parts.values():  # their order is such that needs come first
                if part.name not in wanted:
                    continue
                needs = [futures[need] for need in part.needs if need in futures]
                futures[part.name] = pool.submit(self._build_after, part, needs)
            try:
                for future in futures.values():
                    future.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            self._prune()

    def _with_needs(self, names: set[str]) -> set[str]:
        """Return the parts and all that they need, without what the host's builder has built before."""
        needs = {need for name in names for need in self._parts[name].needs if self.host is self or not self._parts[need].host}
        return names if needs <= names else self._with_needs(names | needs)

    def _prune(self) -> None:
        """Remove results that no build has used for a month."""
        for mark in (self.cache / "parts").glob(f"*/{COMPLETE}"):
            if mark.stat().st_mtime < time.time() - _KEPT_S:
                shutil.rmtree(mark.parent)

    def _build_after(self, part: Part, needs: list["Future[None]"]) -> None:
        for need in needs:
            need.result()
        mark = self.result(part.name) / COMPLETE
        if mark.exists():
            mark.touch()
            return
        begin = time.monotonic()
        print(f"build/binary: {part.name} for {self.target.name} ...", file=sys.stderr, flush=True)
        self._run(part)
        print(f"build/binary: {part.name} took {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)

    def _run(self, part: Part) -> None:
        # The result lies where it will be used from the start, as prefixes end up in what is built; a mark says that it is whole.
        work, out = self.cache / "work" / self.target.name / part.name, self.result(part.name)
        for folder in (work, out):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        if part.modules:
            (out / "objects").mkdir()
        pin = self._pins.get(part.source)
        source = work / "source"
        source.mkdir()
        if pin:
            source = sources.unpack(sources.fetch(pin, self.cache / "sources"), pin, source)
            _keep_licenses(source, out / "licenses")
        if part.source.startswith("pypi:"):
            (source / "requirements.txt").write_text("".join(distributions.wanted(part, self.parts).values()))
        log = work / "log"
        script = HERE / "recipes" / f"{part.recipe or part.name}.sh"
        with log.open("wb") as stream:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", str(script)],
                cwd=source,
                env=environment(self, part, work, out),
                stdout=stream,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        if done.returncode:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
            raise BuildError(f"{part.name}: {script.name} failed with {done.returncode}; the end of {log}:\n{tail}")
        captured = sorted(file.stem for file in (out / "objects").glob("*.o")) if (out / "objects").exists() else []
        if captured != sorted((*part.modules, *part.spare)):
            raise BuildError(f"{part.name}: expected the modules {sorted((*part.modules, *part.spare))}, got {captured}; mend parts.py")
        (out / COMPLETE).touch()
        shutil.rmtree(work)


def _keep_licenses(source: Path, into: Path) -> None:
    into.mkdir()
    for file in (source / "LICENSE", source / "LICENSE.txt", source / "COPYING", source / "License", source / "debian" / "copyright"):
        if file.is_file():
            shutil.copyfile(file, into / file.name)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print("build/binary: another build is running; waiting for it", file=sys.stderr)
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield
