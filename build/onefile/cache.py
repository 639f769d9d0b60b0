"""Builds parts and keeps each under the hash of all that it was made from: recipe, sources, needs, target, compiler wrappers."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from onefile import sources
from onefile.errors import BuildError
from onefile.parts import PARTS, Part
from onefile.target import Target

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
_PASSED = re.compile(r"^(PIP_\w+|\w+_proxy|\w+_PROXY|SSL_CERT_FILE|CARGO_(HOME|REGISTRIES\w*|NET\w*)|HOME|LANG)$")
COMPLETE = ".complete"
NOT_INSIDE = ("cython", "setuptools", "markdown-it-py", "mdurl", "pygments")
"""What only builds, and what rich needs for source code and documents, which no command shows."""
CFLAGS = "-O2 -fPIC -g0 -ffunction-sections -fdata-sections"


def cache_folder() -> Path:
    """Return the user's cache directory for Fairlead; BuildError where there is none."""
    base = os.environ.get("XDG_CACHE_HOME") or (f"{os.environ['HOME']}/.cache" if os.environ.get("HOME") else "")
    if not base:
        raise BuildError("neither XDG_CACHE_HOME nor HOME is set, so there is no place for the cache; set one")
    return Path(base) / "fairlead"


class Builder:
    """Builds the parts for one target, two at a time; a part whose result is in the cache is not built."""

    def __init__(self, target: Target, parts: tuple[Part, ...] = PARTS) -> None:
        self.target = target
        self.cache = cache_folder()
        self.parts = parts
        self._parts = {part.name: part for part in parts}
        self._keys: dict[str, str] = {}
        self._pins = sources.locked()[1]
        self.built: list[tuple[str, float]] = []

    def result(self, name: str) -> Path:
        """Return the folder of a part's result."""
        return self.cache / "parts" / f"{name}-{self.key(name)}"

    def key(self, name: str) -> str:
        """Return the hash of everything that the part is made from."""
        if name not in self._keys:
            part = self._parts[name]
            digest = hashlib.sha256()
            for text in (str(part), str(self.target.environment), CFLAGS, *(self.key(need) for need in part.needs)):
                digest.update(text.encode() + b"\0")
            if part.source in self._pins:
                digest.update(str(self._pins[part.source]).encode())
            if part.source.startswith("pypi:"):
                digest.update(str(self._wanted(part)).encode())
            for path in (HERE / "recipes" / f"{part.recipe or part.name}.sh", HERE / "capture.py", *map(CHECKOUT.joinpath, part.inputs)):
                for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                    if file.is_file():
                        digest.update(str(file.relative_to(CHECKOUT)).encode() + b"\0" + file.read_bytes())
            self._keys[name] = digest.hexdigest()[:16]
        return self._keys[name]

    def build(self) -> None:
        """Build every part that is missing; the first failure ends the build with the end of its log."""
        with _lock(self.cache / "build.lock"), ThreadPoolExecutor(2) as pool:
            futures: dict[str, Future[None]] = {}
            for part in self._parts.values():  # their order is such that needs come first
                needs = [futures[need] for need in part.needs]
                futures[part.name] = pool.submit(self._build_after, part, needs)
            try:
                for future in futures.values():
                    future.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _build_after(self, part: Part, needs: list["Future[None]"]) -> None:
        for need in needs:
            need.result()
        if (self.result(part.name) / COMPLETE).exists():
            return
        begin = time.monotonic()
        print(f"build/binary: {part.name} ...", file=sys.stderr, flush=True)
        self._run(part)
        took = time.monotonic() - begin
        self.built.append((part.name, took))
        print(f"build/binary: {part.name} took {took:.0f} s", file=sys.stderr, flush=True)

    def _run(self, part: Part) -> None:
        # The result lies where it will be used from the start, as prefixes end up in what is built; a mark says that it is whole.
        work, out = self.cache / "work" / part.name, self.result(part.name)
        for folder in (work, out):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        pin = self._pins.get(part.source)
        source = work / "source"
        source.mkdir()
        if pin:
            source = sources.unpack(sources.fetch(pin, self.cache / "sources"), pin, source)
            _keep_licenses(source, out / "licenses")
        if part.source.startswith("pypi:"):
            (source / "requirements.txt").write_text("".join(self._wanted(part).values()))
        log = work / "log"
        script = HERE / "recipes" / f"{part.recipe or part.name}.sh"
        with log.open("wb") as stream:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", str(script)],
                cwd=source,
                env=self._environment(part, work, out),
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

    def _wanted(self, part: Part) -> dict[str, str]:
        """Return the part's requirements: the one that its source names, or for `pypi:*` all that no other part builds."""
        others = {other.source.removeprefix("pypi:").lower() for other in self.parts}
        wanted = part.source.removeprefix("pypi:").lower()
        return {
            name: lines
            for name, lines in _requirements().items()
            if (name.lower() not in others if wanted == "*" else name.lower() == wanted)
        }

    def _environment(self, part: Part, work: Path, out: Path) -> Mapping[str, str]:
        tools = self.result("tools")
        wrappers = self._wrappers(work, tools)
        (out / "objects").mkdir() if part.modules else None
        return {
            **{name: value for name, value in os.environ.items() if _PASSED.match(name)},
            **self.target.environment,
            **{f"DEP_{need.upper()}": str(self.result(need)) for need in part.needs},
            **{name.upper(): str(path) for name, path in wrappers.items()},
            "PATH": f"{wrappers['cc'].parent}:{tools}/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "CFLAGS": CFLAGS, "LDFLAGS": "", "JOBS": str(os.cpu_count() or 2), "OUT": str(out), "CHECKOUT": str(CHECKOUT),
            "NEEDS": " ".join(str(self.result(need)) for need in part.needs if need not in ("tools", "python")),
            "PYTHON": f"{self.result('python')}/bin/python3.13", "PYTHONPATH": str(tools), "PYTHONDONTWRITEBYTECODE": "1",
            "CAPTURE_DIR": str(out / "objects"), "CAPTURE_CRATES": "orjson=orjson.orjson",
            "BINUTILS_LD": "ld", "BINUTILS_OBJCOPY": "objcopy",
            "ZIG_GLOBAL_CACHE_DIR": str(self.cache / "zig"), "ZIG_LOCAL_CACHE_DIR": str(work / "zig"),
            "SOURCE_DATE_EPOCH": "0", "LC_ALL": "C.UTF-8", "TMPDIR": str(work),
        }  # fmt: skip

    def _wrappers(self, work: Path, tools: Path) -> dict[str, Path]:
        """Write the compiler's names: cc, cxx, ar, ranlib, and the same that capture what they link."""
        zig, capture = f"{tools}/ziglang/zig", f"python3 -I {HERE}/capture.py"
        options = '-target "$TARGET_ZIG" -fno-sanitize=undefined -Wno-date-time'
        commands = {
            "cc": f"{zig} cc {options}",
            "cxx": f"{zig} c++ {options}",
            "ar": f"{zig} ar",
            "ranlib": f"{zig} ranlib",
            "capture_cc": f"{capture} {zig} cc {options} --",
            "capture_cxx": f"{capture} {zig} c++ {options} --",
            "capture_rust": f"{capture} gcc --",
        }
        folder = work / "wrappers"
        folder.mkdir(exist_ok=True)
        for name, command in commands.items():
            (folder / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
            (folder / name).chmod(0o755)
        return {name: folder / name for name in commands}


def _keep_licenses(source: Path, into: Path) -> None:
    into.mkdir()
    for file in (source / "LICENSE", source / "LICENSE.txt", source / "COPYING", source / "License", source / "debian" / "copyright"):
        if file.is_file():
            shutil.copyfile(file, into / file.name)


def _requirements() -> dict[str, str]:
    """Return the requirements of build/lock/run.txt that run on 3.13 and go into the file: name -> its lines."""
    text = (CHECKOUT / "build" / "lock" / "run.txt").read_text()
    blocks = re.findall(r"^(([A-Za-z][\w.-]*)==.*(?:\n    .*)*\n)", text, re.MULTILINE)
    return {name: body for body, name in blocks if name not in NOT_INSIDE and "python_full_version < '3.13'" not in body}


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
