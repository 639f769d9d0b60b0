"""A release: each kind is built and tested; those that pass get a bill of materials, a checksum and their figures in bench/RESULTS.md.

A kind that fails does not stop the others. It is left out of SHA256SUMS, so that nobody takes it for good.
"""

import argparse
import hashlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from onefile import sbom
from onefile.assemble import path_of
from onefile.cache import CHECKOUT
from onefile.errors import BuildError
from onefile.target import HOST, KINDS, Target

PYTHON = CHECKOUT / "build/out/venv/bin/python"
LOGS = CHECKOUT / "build/out/release"
SUMS = CHECKOUT / "build/out/SHA256SUMS"
_COUNTS = re.compile(r"=+ .*\d+ (?:passed|failed|error|skipped|deselected).* in [\d.]+s.* =+")
_SHOWN_FAILURES = 5
_PYTEST_FOUND_FAILURES = 1
"""Its other exit codes say that it could not do its work, or found no test."""


class Selection(NamedTuple):
    """Which tests a kind must pass: pytest's expression of marks, and where it looks."""

    marks: str
    folders: tuple[str, ...]


NATIVE = Selection("(e2e or real) and not soak and not source", ("tests/e2e", "tests/commands", "tests/faults"))
"""As `build/dev test e2e`."""
EMULATED = Selection(NATIVE.marks, ("tests/e2e", "tests/commands/test_commands.py", "tests/commands/test_jobs.py"))
"""What is worth its time under qemu-user."""


def selection(kind: Target) -> Selection:
    """Return the tests of a kind."""
    return NATIVE if kind.arch == HOST.arch else EMULATED


class StepFailedError(Exception):
    """A step did not succeed; says what happened, and with which exit code its program ended (0: there was none)."""

    def __init__(self, text: str, code: int = 0, *, tests_failed: bool = False) -> None:
        super().__init__(text)
        self.code = code
        self.tests_failed = tests_failed


def main() -> int:
    """Make what the command line asks for; 0 all is made, 1 tests of a kind failed, 2 anything else failed."""
    parser = argparse.ArgumentParser(prog="build/release", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", metavar="KIND,...", help=f"only these, and no table of figures; KIND is one of {', '.join(_names())}")
    parser.add_argument("--skip-tests", action="store_true", help="do not test, and write no table of figures: to try the rest")
    arguments = parser.parse_args()
    try:
        kinds = parse_kinds(arguments.kinds)
        if not PYTHON.exists():
            raise BuildError(f"{PYTHON.relative_to(CHECKOUT)} is not there, and runs the tests; use `build/dev release`")
    except BuildError as error:
        print(f"build/release: {error}", file=sys.stderr)
        return 2
    try:
        return release(kinds, skip_tests=arguments.skip_tests)
    except KeyboardInterrupt:
        print("\nbuild/release: stopped; nothing is released", file=sys.stderr)
        return 130


def parse_kinds(told: str | None) -> list[Target]:
    """Return the kinds that are named, None meaning all; BuildError for a name that is none."""
    names = _names() if told is None else told.split(",")
    if unknown := [name for name in names if name not in _names()]:
        raise BuildError(f"no kind {', '.join(unknown)}; allowed are {', '.join(_names())}")
    return [kind for kind in KINDS if kind.name in names]


def release(kinds: Sequence[Target], *, skip_tests: bool) -> int:
    """Build, test and describe the kinds; return the exit code."""
    begin = time.monotonic()
    LOGS.mkdir(parents=True, exist_ok=True)
    SUMS.unlink(missing_ok=True)
    partial = skip_tests or len(kinds) < len(KINDS)
    _say(f"{len(kinds)} of {len(KINDS)} kinds{', WITHOUT their tests' if skip_tests else ''}; logs: {LOGS.relative_to(CHECKOUT)}")
    made: list[Path] = []
    failed: dict[str, StepFailedError] = {}
    for kind in kinds:
        try:
            made += make(kind, skip_tests=skip_tests)
        except StepFailedError as error:
            failed[kind.name] = error
    try:
        with step("all: SHA256SUMS") as told:
            SUMS.write_text(checksums(made))
            told.append(f"{len(made)} files")
        if partial:
            _say("no figures: bench/RESULTS.md is written where all kinds are made and tested")
        else:
            names = [kind.name for kind in kinds if kind.name not in failed]
            with step("all: figures into bench/RESULTS.md"):
                _run([str(PYTHON), "-m", "bench.run", "kinds"], "bench", {"FAIRLEAD_BENCH_KINDS": ",".join(names)})
    except StepFailedError as error:
        failed["all"] = error
    _say(closing_line([file.name for file in made if file.suffix != ".json"], failed, time.monotonic() - begin, skip_tests=skip_tests))
    return exit_code(list(failed.values()))


def make(kind: Target, *, skip_tests: bool) -> list[Path]:
    """Build and test a kind; return its file and its bill of materials."""
    file = CHECKOUT / path_of(kind)
    file.with_name(file.name + sbom.SUFFIX).unlink(missing_ok=True)
    with step(f"{kind.name}: build") as told:
        _run([str(CHECKOUT / "build/binary"), "--arch", kind.arch, "--libc", kind.libc], f"{kind.name}.build")
        told.append(f"{file.stat().st_size / 1e6:.1f} MB")
    if not skip_tests:
        with step(f"{kind.name}: tests") as told:
            told.append(run_tests(kind, file))
    with step(f"{kind.name}: bill of materials"):
        return [file, sbom.write(file)]


def run_tests(kind: Target, file: Path) -> str:
    """Run the tests of a kind and return pytest's counts; StepFailedError where one failed or none ran."""
    chosen = selection(kind)
    log = _log(f"{kind.name}.tests")
    argv = [str(PYTHON), "-m", "pytest", "-m", chosen.marks, *chosen.folders]
    try:
        _run(argv, f"{kind.name}.tests", {"FAIRLEAD_BINARY": str(file)})
    except StepFailedError as error:
        if error.code != _PYTEST_FOUND_FAILURES:
            raise
        lines = log.read_text(errors="replace").splitlines()
        failures = [line for line in lines if line.startswith(("FAILED ", "ERROR "))]
        more = [f"... {len(failures) - _SHOWN_FAILURES} more"] if len(failures) > _SHOWN_FAILURES else []
        told = "\n    ".join([_counts(log), *failures[:_SHOWN_FAILURES], *more, f"all of it: {log.relative_to(CHECKOUT)}"])
        raise StepFailedError(told, error.code, tests_failed=True) from None
    return _counts(log)


def checksums(files: Sequence[Path]) -> str:
    """Return the text that `sha256sum -c` reads in the files' folder."""
    rows = sorted((file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files)
    return "".join(f"{digest}  {name}\n" for name, digest in rows)


def closing_line(made: Sequence[str], failed: dict[str, StepFailedError], took_s: float, *, skip_tests: bool) -> str:
    """Return what was made and what failed, as the last line."""
    words = [f"made {', '.join(made) or 'nothing'}{' (NOT TESTED)' if skip_tests and made else ''}"]
    words += [f"{name} FAILED {'its tests' if error.tests_failed else 'to be made'}" for name, error in failed.items()]
    return f"{'; '.join(words)}; {_duration(took_s)}"


def exit_code(failures: Sequence[StepFailedError]) -> int:
    """Return 0 without a failure, 1 where only tests failed, else 2."""
    return 0 if not failures else 1 if all(error.tests_failed for error in failures) else 2


@contextmanager
def step(what: str) -> Iterator[list[str]]:
    """Tell that a step begins, and in the same line how long it took and the words that it leaves in the list."""
    print(f"build/release: {what} ... ", end="", file=sys.stderr, flush=True)
    begin = time.monotonic()
    told: list[str] = []
    try:
        yield told
    except (BuildError, OSError, StepFailedError) as error:
        print(f"FAILED after {_duration(time.monotonic() - begin)}: {error}", file=sys.stderr, flush=True)
        raise error if isinstance(error, StepFailedError) else StepFailedError(str(error)) from error
    print(", ".join([_duration(time.monotonic() - begin), *told]), file=sys.stderr, flush=True)


def _run(argv: Sequence[str], log_name: str, environment: dict[str, str] | None = None) -> None:
    log = _log(log_name)
    with log.open("wb") as stream:
        done = subprocess.run(
            argv, cwd=CHECKOUT, env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL, stdout=stream,
            stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
    if done.returncode:
        last = (log.read_text(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
        text = f"exit code {done.returncode}: {last}\n    all of it: {log.relative_to(CHECKOUT)}"
        raise StepFailedError(text, done.returncode)


def _log(name: str) -> Path:
    return LOGS / f"{name}.log"


def _counts(log: Path) -> str:
    found = _COUNTS.findall(log.read_text(errors="replace"))
    return found[-1].strip("= ") if found else "pytest gave no counts"


def _names() -> list[str]:
    return [kind.name for kind in KINDS]


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _say(text: str) -> None:
    print(f"build/release: {text}", file=sys.stderr, flush=True)
