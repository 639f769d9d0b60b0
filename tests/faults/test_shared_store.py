"""Collectors that share a store: each has some of a topic's partitions, all write to one OpenSearch, one after the other is killed."""

import random
import signal
import threading
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.fleet import Fleet
from tests.rig.kafka import Kafka
from tests.rig.opensearch import OpenSearch
from tests.support.program import Start

pytestmark = [pytest.mark.real, pytest.mark.soak]
NAMES = ("collector", "collector-two")
PARTITIONS = 4


class SharedFleet(Fleet):
    """A pipeline whose collectors store into an index."""

    def __init__(self, folder: Path, start: Start, kafka: Kafka, opensearch: OpenSearch) -> None:
        super().__init__(folder, start, kafka, topic=kafka.new_topic("shared", PARTITIONS))
        self._opensearch, self._index = opensearch, self.topic
        self.collector_settings["store"] = {"opensearch": {"urls": [opensearch.url], "index": self._index, "replicas": 0}}
        self.asked = ["-c", str(self.write_collector_file())]

    def stored(self) -> int:
        try:
            return int(self._opensearch.ask("GET", f"/{self._index}/_count?ignore_unavailable=true")["count"])
        except urllib.error.HTTPError as error:
            error.close()
            return 0

    def drop(self) -> None:
        """Delete what was stored."""
        self._opensearch.ask("DELETE", f"/{self._index}*")


@pytest.fixture
def fleet(tmp_path: Path, start: Start, kafka: Kafka, opensearch: OpenSearch) -> Iterator[SharedFleet]:
    """A pipeline; nothing of it runs yet."""
    with SharedFleet(tmp_path, start, kafka, opensearch) as made:
        yield made
        made.drop()


def test_each_line_stands_once_when_one_of_two_collectors_is_killed_again_and_again(fleet: SharedFleet) -> None:
    chance = random.Random(5)
    fleet.begin(4)
    running = {NAMES[0]: fleet.collector, NAMES[1]: fleet.start_collector(name=NAMES[1])}
    fleet.write(4, epoch=2, rate=200, rotate_every=300, keep=1000)
    for turn in range(10):
        name = NAMES[turn % 2]
        fleet.wait_stored(fleet.stored() + 200)
        threading.Event().wait(chance.random())
        running[name].end(signal.SIGKILL)
        if turn % 3 == 2:
            # Long enough for the other one to be given its partitions.
            fleet.wait_stored(fleet.stored() + 4000)
        running[name] = fleet.start_collector(name=name)
    fleet.prove(deadline_s=120)
