"""The programs of contenders: this one, and the Go reference: found built, or built from source where Go is installed."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from fairlead.bench.cache import cache_folder
from fairlead.bench.case import Contender
from fairlead.bench.measured import ContenderError
from fairlead.core.program import program_argv

DEFAULT_REFERENCE = Path("bench/go")
_BUILD_TIMEOUT_S = 600.0


class ReferencePrograms:
    """Go programs of a folder: `DIR/NAME` as it is, or `DIR/cmd/NAME` of the Go module DIR, built once per content into a cache.

    A context manager: what it serves ends with the block.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder if folder is not None else DEFAULT_REFERENCE
        self._named = folder is not None
        self._built: Path | None = None
        self._servers = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._servers.close()

    def ours(self, *words: str) -> list[str]:
        """Return the command line of this program with these words."""
        return [*program_argv(), *words]

    def serve(self, *words: str) -> str:
        """Start this program with these words, until its standard input ends with the block; return the first line that it prints."""
        server = self._servers.enter_context(_ending_with_input(self.ours(*words)))
        assert server.stdout is not None
        line = server.stdout.readline().strip()
        if not line:
            raise ContenderError(f"{' '.join(words)}: ended at once")
        return line

    def go(self, name: str, program: str, *words: str) -> Contender:
        """Return a contender; its `missing` says what is not there. ContenderError where the source does not build."""
        if self._folder.joinpath("go.mod").is_file():
            if shutil.which("go") is None:
                return Contender(name, "go", missing="Go is not installed")
            file = self._build() / program
        else:
            file = self._folder / program
        if not file.is_file():
            return Contender(name, "go", missing=self._absent(program))
        return Contender(name, "go", [str(file.absolute()), *words])

    def _absent(self, program: str) -> str:
        if self._folder.is_dir():
            return f"{self._folder} has no program {program}"
        return f"{self._folder} is not there" if self._named else "no reference programs: give --reference DIR (bench/go of the source)"

    def _build(self) -> Path:
        """Build the module, static and stripped; what was built of the same source is taken as it is."""
        if self._built is None:
            sources = sorted(path for path in self._folder.rglob("*") if path.suffix == ".go" or path.name in ("go.mod", "go.sum"))
            folder = cache_folder() / "reference" / _digest(self._folder, sources)
            if not folder.is_dir():
                _go_build(self._folder, folder)
            self._built = folder
        return self._built


@contextmanager
def _ending_with_input(argv: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process


def _digest(root: Path, sources: Sequence[Path]) -> str:
    digest = hashlib.sha256(subprocess.run(["go", "version"], capture_output=True, check=True).stdout)
    for path in sources:
        digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _go_build(module: Path, folder: Path) -> None:
    sys.stderr.write(f"fairlead: building the Go reference programs of {module}\n")
    part = folder.with_name(f"{folder.name}.{os.getpid()}")
    part.mkdir(parents=True)
    try:
        argv = ["go", "build", "-trimpath", "-ldflags", "-s -w", "-o", f"{part.absolute()}/", "./..."]
        env = {**os.environ, "CGO_ENABLED": "0"}
        done = subprocess.run(argv, cwd=module, env=env, capture_output=True, text=True, timeout=_BUILD_TIMEOUT_S, check=False)
        if done.returncode:
            raise ContenderError(f"{module}: go build: {done.stderr.strip()[-2000:]}")
        part.replace(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
