"""The fleet that fault tests work on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.fleet import Fleet
from tests.rig.kafka import Kafka
from tests.support.program import Start


@pytest.fixture
def fleet(tmp_path: Path, start: Start, kafka: Kafka) -> Iterator[Fleet]:
    """A pipeline through a topic of the shared broker; nothing of it runs yet."""
    with Fleet(tmp_path, start, kafka) as made:
        yield made


@pytest.fixture
def http_fleet(tmp_path: Path, start: Start) -> Iterator[Fleet]:
    """A pipeline without Kafka: agents post to the collector."""
    with Fleet(tmp_path, start) as made:
        yield made
