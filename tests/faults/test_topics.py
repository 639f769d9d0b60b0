"""Topics that are missing, deleted and made again, and one that takes no large record."""

import random
import string
from pathlib import Path

import orjson
import pytest

from tests.faults.fleet import Fleet
from tests.rig.kafka import Kafka
from tests.support.program import Start

pytestmark = pytest.mark.real
LARGE_BYTES = 20_000


def incompressible(size: int) -> str:
    """Return text that no codec makes smaller by much."""
    return "".join(random.Random(5).choices(string.ascii_letters + string.digits + "-_", k=size))


@pytest.mark.source
def test_lines_go_on_when_the_topic_was_deleted_and_made_anew(fleet: Fleet, kafka: Kafka) -> None:
    fleet.begin(2)
    fleet.write(2, epoch=2, lines=500).wait()
    fleet.wait_stored(fleet.written())
    kafka.delete_topic(fleet.topic)
    fleet.write(2, epoch=3, lines=500).wait()
    kafka.create_topic(fleet.topic, 2)
    fleet.write(2, epoch=4, lines=500).wait()
    fleet.prove()


@pytest.mark.source
def test_the_audit_names_the_gap_when_a_topic_was_deleted_before_it_was_read(fleet: Fleet, kafka: Kafka) -> None:
    fleet.begin(1)
    fleet.collector.end()
    fleet.write(1, epoch=2, lines=300).wait()
    fleet.wait_until(lambda: len(kafka.consume(fleet.topic)) > 300, "the lines to stand in the topic")
    kafka.delete_topic(fleet.topic)
    kafka.create_topic(fleet.topic, 2)
    fleet.write(1, epoch=3, lines=200).wait()
    fleet.start_collector()
    fleet.wait_stored(10 + 200)
    found = fleet.wait_audit(lost=1)
    verdict = fleet.verdict()
    assert [(one.epoch, one.size) for one in verdict.lost] == [(2, 300)]
    assert not verdict.doubled
    assert not verdict.torn
    (source,) = found.sources
    assert len(source["gaps"]) == 1


def test_a_line_too_large_is_buried_and_told_as_lost_and_all_others_arrive(tmp_path: Path, start: Start, kafka: Kafka) -> None:
    topic = kafka.new_topic("small", max_message_bytes=LARGE_BYTES // 2)
    with Fleet(tmp_path, start, kafka, topic=topic) as fleet:
        fleet.begin(1)
        log, large = fleet.logs / "w0.log", incompressible(LARGE_BYTES)
        before = log.stat().st_size
        with log.open("a") as stream:
            stream.write(f"{large}\n")
        fleet.write(1, epoch=2, lines=300).wait()
        fleet.wait_stored(310)
        (source,) = fleet.wait_audit(lost=1).sources
        assert source["gaps"] == [[before, before + LARGE_BYTES + 1]]
        assert fleet.verdict().clean
        (buried,) = map(orjson.loads, (fleet.agent_state / "dead-letters.ndjson").read_text().splitlines())
        assert large in str(buried)
        assert "MessageSizeTooLarge" in str(buried)


@pytest.mark.source
def test_lines_arrive_once_a_topic_is_made_that_was_missing(fleet: Fleet, kafka: Kafka) -> None:
    kafka.delete_topic(fleet.topic)
    fleet.start_collector()
    fleet.start_agent()
    fleet.write(2, lines=200).wait()
    fleet.wait_until(lambda: any("does not exist" in line for line in fleet.agent.err), "the agent to tell")
    kafka.create_topic(fleet.topic, 2)
    fleet.prove()
