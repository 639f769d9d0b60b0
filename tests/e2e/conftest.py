"""What every test of the one file runs under: root, the file itself, and an end to all that was started."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil
import pytest

from tests.support import program
from tests.support.program import Running, Start

BUILT = Path(__file__).parents[2] / "build" / "out" / "fairlead"


@pytest.fixture(scope="session", autouse=True)
def _root() -> None:
    if os.geteuid() != 0:
        pytest.fail("these tests mount file systems and change roots: run them as root, `sudo build/dev test e2e`")


@pytest.fixture(scope="session")
def binary() -> Path:
    """The one file; with FAIRLEAD_BINARY the one that is named there."""
    file = Path(program.BINARY or BUILT).resolve()
    if not file.exists():
        pytest.fail(f"{file} is not there: run `build/dev binary`")
    assert file.read_bytes()[:4] == b"\x7fELF", f"{file} is no ELF"
    return file


@pytest.fixture
def start(binary: Path) -> Iterator[Start]:
    """Start the one file, or `program`, behind the words of `before`; what still runs at the end is killed with its children."""
    started: list[Running] = []

    def starting(
        *arguments: str, env: Mapping[str, str] | None = None, before: Sequence[str] = (), program: Sequence[str] | None = None
    ) -> Running:
        started.append(Running(*arguments, env=env, before=before, program=[str(binary)] if program is None else program))
        return started[-1]

    yield starting
    for running in started:
        if running.process.poll() is None:
            for child in psutil.Process(running.process.pid).children(recursive=True):
                child.kill()
            running.process.kill()
        running.end()
