"""kill -9 of the agent at random moments, while writers write and rotate."""

import random
import signal
import threading

import pytest

from tests.faults.fleet import Fleet

pytestmark = pytest.mark.real
LONGEST_LIFE_S = 0.5


def kill_agents(fleet: Fleet, kills: int) -> None:
    """Start an agent and kill it at a random moment of its life, so many times; the last one lives on."""
    chance = random.Random(5)
    fleet.begin(4).end(signal.SIGKILL)
    fleet.write(4, epoch=2, rate=1000, rotate_every=150, keep=500, split_every=50)
    for _ in range(kills):
        agent = fleet.start_agent(wait=False)
        threading.Event().wait(0.2 + LONGEST_LIFE_S * chance.random())
        assert agent.end(signal.SIGKILL) == -signal.SIGKILL
    fleet.start_agent()


def test_each_line_stands_once_when_the_agent_is_killed_at_random_moments(fleet: Fleet) -> None:
    kill_agents(fleet, 8)
    fleet.prove()


@pytest.mark.soak
def test_each_line_stands_once_when_the_agent_is_killed_a_hundred_times(fleet: Fleet) -> None:
    kill_agents(fleet, 100)
    fleet.prove(deadline_s=120)
