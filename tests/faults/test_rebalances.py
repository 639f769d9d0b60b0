"""Rebalances of the collector's group: another member comes, holds some of the partitions for a while, and goes.

The guest commits nothing, so what it read is the collector's again: that goes on where its own store stands.
"""

import asyncio
import time

import pytest
from aiokafka import AIOKafkaConsumer

from tests.faults.fleet import Fleet
from tests.rig.kafka import Kafka

pytestmark = pytest.mark.real
JOIN_DEADLINE_S = 30.0


async def _visit(kafka: Kafka, topic: str, stay_s: float) -> int:
    guest = AIOKafkaConsumer(
        topic, group_id=topic, bootstrap_servers=kafka.listener("RIG"), enable_auto_commit=False, auto_offset_reset="earliest",
        session_timeout_ms=3000, heartbeat_interval_ms=500,
    )  # fmt: skip
    read, held_s = 0, 0.0
    async with guest:
        end = time.monotonic() + JOIN_DEADLINE_S
        while time.monotonic() < (held_s + stay_s if held_s else end):
            read += sum(map(len, (await guest.getmany(timeout_ms=100)).values()))
            held_s = held_s or (time.monotonic() if guest.assignment() else 0.0)
        assert held_s, "the guest was given no partition"
    return read


def rebalance(fleet: Fleet, visits: int, stay_s: float) -> None:
    """Let a guest come and go so many times while lines flow."""
    assert fleet.kafka is not None
    fleet.begin(4)
    fleet.write(4, epoch=2, rate=300, rotate_every=400, keep=2000)
    for _ in range(visits):
        assert asyncio.run(_visit(fleet.kafka, fleet.topic, stay_s)) > 0
    fleet.prove()


@pytest.mark.source
def test_each_line_stands_once_when_a_member_comes_and_goes(fleet: Fleet) -> None:
    rebalance(fleet, 2, 0.5)


@pytest.mark.soak
def test_each_line_stands_once_when_members_come_and_go_for_minutes(fleet: Fleet) -> None:
    rebalance(fleet, 12, 5.0)
