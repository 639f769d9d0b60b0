"""The way to the broker: refused, black-holed, reset in the middle of a request or of its answer, delayed."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.fleet import Fleet
from tests.rig.flaky import Flaky, Mode
from tests.rig.kafka import Kafka
from tests.support.program import Start

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def proxy() -> Iterator[Flaky]:
    """What stands between agents and broker."""
    with Flaky() as made:
        yield made


@pytest.fixture(scope="module")
def far_kafka(tmp_path_factory: pytest.TempPathFactory, proxy: Flaky) -> Iterator[Kafka]:
    """A broker that agents reach by the proxy only; the collector is beside it."""
    with Kafka(tmp_path_factory.mktemp("far-kafka"), advertised=[proxy.address]) as running:
        proxy.target = running.address
        yield running


@pytest.fixture
def fleet(tmp_path: Path, start: Start, far_kafka: Kafka, proxy: Flaky) -> Iterator[Fleet]:
    """A pipeline whose agent reaches the broker by the proxy, and whose writers write."""
    with Fleet(tmp_path, start, far_kafka, brokers=proxy.address) as made:
        made.begin(3)
        made.write(3, epoch=2, rate=500, rotate_every=200, keep=1000)
        yield made
        proxy.delay_s = 0.0
        proxy.switch(Mode.PASS)


def reset_often(fleet: Fleet, proxy: Flaky, times: int) -> None:
    """Reset the agent's connections in the middle of its requests, and of their answers."""
    chance = random.Random(5)
    for time in range(times):
        seen = proxy.resets
        if time % 2:
            proxy.reset_after(chance.randrange(1, 300), "down")
        else:
            proxy.reset_after(chance.randrange(1, 60_000), "up")
        fleet.wait_until(lambda: proxy.resets > seen, "a reset", 30)  # noqa: B023 - awaited in the round


@pytest.mark.parametrize("mode", [Mode.REFUSE, Mode.BLACK_HOLE])
def test_each_line_stands_once_when_the_broker_was_out_of_reach(fleet: Fleet, proxy: Flaky, mode: Mode) -> None:
    proxy.switch(mode)
    fleet.wait_until(lambda: any("spool" in line for line in fleet.agent.err), "the agent to spool")
    fleet.wait_until(lambda: fleet.spooled() > 300_000, "lines in the spool")
    proxy.switch(Mode.PASS)
    fleet.prove()


def test_each_line_stands_once_when_connections_are_reset_in_the_middle(fleet: Fleet, proxy: Flaky) -> None:
    reset_often(fleet, proxy, 5)
    fleet.prove()


@pytest.mark.source
def test_each_line_stands_once_when_the_way_is_slow(fleet: Fleet, proxy: Flaky) -> None:
    proxy.delay_s = 0.1
    fleet.wait_stored(fleet.stored() + 200)
    fleet.prove()


@pytest.mark.soak
def test_each_line_stands_once_when_connections_are_reset_for_minutes(fleet: Fleet, proxy: Flaky) -> None:
    for _ in range(2):
        reset_often(fleet, proxy, 20)
        proxy.switch(Mode.BLACK_HOLE)
        fleet.wait_until(lambda: fleet.spooled() > 300_000, "lines in the spool")
        proxy.switch(Mode.PASS)
    fleet.prove(deadline_s=120)
