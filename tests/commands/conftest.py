"""Commands that run until the test is over."""

import signal
from collections.abc import Iterator, Mapping

import pytest

from tests.commands.program import Running, Start
from tests.support.receiver import Receiver


@pytest.fixture
def start() -> Iterator[Start]:
    """Start commands; those still running at the end are killed."""
    started: list[Running] = []

    def starting(*arguments: str, env: Mapping[str, str] | None = None) -> Running:
        started.append(Running(*arguments, env=env))
        return started[-1]

    yield starting
    for running in started:
        running.end(signal.SIGKILL)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A server that takes what is posted."""
    made = Receiver()
    yield made
    made.close()
