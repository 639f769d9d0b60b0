"""What every test of the one file runs under: root, the file itself, and an end to all that was started."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil
import pytest

from tests.e2e.kind import WORDS, kind_of
from tests.support import program
from tests.support.program import Running, Start

BUILT = Path(__file__).parents[2] / "build" / "out" / "fairlead"


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known by which a test says for which kinds of file it is true."""
    config.addinivalue_line("markers", f"kind(*words): only for a file that all of these words are true of: {', '.join(sorted(WORDS))}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests that are not for the kind of file at hand; without a file all stay, and fail for that."""
    wanted = {item: _words_of(item) for item in items}
    file = one_file()
    if file.exists():
        kind = kind_of(file)
        config.hook.pytest_deselected(items=[item for item in items if not wanted[item] <= kind])
        items[:] = [item for item in items if wanted[item] <= kind]


def _words_of(item: pytest.Item) -> set[str]:
    words = {word for mark in item.iter_markers("kind") for word in mark.args}
    if not words <= WORDS:
        raise pytest.UsageError(f"{item.nodeid}: no such kind of file: {', '.join(sorted(words - WORDS))}")
    return words


def one_file() -> Path:
    """Return where the one file is, or should be; with FAIRLEAD_BINARY what that names."""
    return Path(program.BINARY or BUILT).resolve()


@pytest.fixture(scope="session", autouse=True)
def _root() -> None:
    if os.geteuid() != 0:
        pytest.fail("these tests mount file systems and change roots: run them as root, `sudo build/dev test e2e`")


@pytest.fixture(scope="session")
def binary() -> Path:
    """The one file, which must be there."""
    file = one_file()
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
