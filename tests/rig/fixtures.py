"""Servers that one test run shares: each starts when the first test asks for it. A test uses its own topics and indices,
and a server that it stopped it starts again."""

from collections.abc import Iterator

import pytest

from tests.rig.kafka import Kafka
from tests.rig.opensearch import OpenSearch


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """One broker with plain listeners."""
    with Kafka(tmp_path_factory.mktemp("kafka")) as running:
        yield running


@pytest.fixture(scope="session")
def opensearch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSearch]:
    """One node of OpenSearch."""
    with OpenSearch(tmp_path_factory.mktemp("opensearch")) as running:
        yield running
