"""kill -9 of the collector and of the broker while lines flow."""

import random
import signal
import threading

import pytest

from tests.faults.fleet import Fleet

pytestmark = pytest.mark.real
RATE = 500
"""Lines a second of each writer."""


def kill_collectors(fleet: Fleet, kills: int) -> None:
    """Kill the collector at random moments and start it again, so many times."""
    chance = random.Random(5)
    fleet.begin(3)
    fleet.write(3, epoch=2, rate=RATE, rotate_every=400, keep=500)
    for _ in range(kills):
        fleet.wait_stored(fleet.stored() + 1)
        threading.Event().wait(0.5 * chance.random())
        assert fleet.collector.end(signal.SIGKILL) == -signal.SIGKILL
        fleet.start_collector()


def kill_brokers(fleet: Fleet, kills: int) -> None:
    """Kill the broker at random moments and start it again, so many times; lines arrive in between."""
    assert fleet.kafka is not None
    chance = random.Random(5)
    fleet.begin(3)
    fleet.write(3, epoch=2, rate=RATE, rotate_every=400, keep=500)
    for _ in range(kills):
        before = fleet.stored()
        threading.Event().wait(chance.random())
        fleet.kafka.kill()
        fleet.kafka.restart()
        fleet.wait_stored(before + RATE)


def test_each_line_stands_once_when_the_collector_is_killed_at_random_moments(fleet: Fleet) -> None:
    kill_collectors(fleet, 5)
    fleet.prove()


def test_each_line_stands_once_when_the_broker_is_killed_at_random_moments(fleet: Fleet) -> None:
    kill_brokers(fleet, 2)
    fleet.prove()


@pytest.mark.soak
def test_each_line_stands_once_when_the_collector_is_killed_fifty_times(fleet: Fleet) -> None:
    kill_collectors(fleet, 50)
    fleet.prove(deadline_s=120)


@pytest.mark.soak
def test_each_line_stands_once_when_the_broker_is_killed_twenty_times(fleet: Fleet) -> None:
    kill_brokers(fleet, 20)
    fleet.prove(deadline_s=120)
