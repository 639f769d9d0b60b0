"""The agent ends at each of its durable steps (FAIRLEAD_ABORT_AT), before, in and behind an outage that engages the spool.

The collector by HTTP is the cheapest sink that can go away; between log files and sink all is as with Kafka. Each agent goes on where the
one before it ended, so that one chain passes through all steps.
"""

import signal
from collections.abc import Sequence

import pytest

from tests.faults.fleet import Fleet

pytestmark = pytest.mark.real
ABORTED = 137
FILLED_BYTES = 5 << 20

# In the order in which a first start comes to them.
FRESH = (
    "spool fsync", "spool head", "spool fsync:2", "checkpoint snapshot", "checkpoint fsync", "checkpoint rename", "checkpoint folder",
    "checkpoint append", "checkpoint fsync",
)  # fmt: skip
AWAY = ("spool create", "spool append", "spool fsync:3", "spool append:2", "spool seal", "spool create")
BACK = ("spool head", "spool unlink", "spool unlink", "spool fsync", "checkpoint append")
LATER_AWAY = {"spool create": 3, "spool append": 8, "spool fsync": 8, "spool seal": 3, "checkpoint append": 5, "checkpoint fsync": 5}
LATER_BACK = {"spool head": 3, "spool fsync": 3, "spool unlink": 2}
"""Up to which occurrence each is tried."""
GROWN = ("checkpoint snapshot:2", "checkpoint rename:2", "checkpoint folder:2")
"""The second snapshot of a run: soon only while there are few sources, for it waits for as many bytes of changes as the first has."""


class Chain:
    """Agents one after the other, each of which ends at its step, under writers that rotate."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        # The least there is: so a segment is sealed, and later removed, every 2 MiB.
        fleet.agent_settings["spool"] = {"max_size": "16MiB", "after": "200ms"}

    def come(self) -> None:
        """Let the collector run."""
        self.fleet.start_collector()

    def go(self) -> None:
        """Kill the collector."""
        self.fleet.collector.end(signal.SIGKILL)

    def abort_at(self, steps: Sequence[str]) -> None:
        """Start an agent for each step, and wait until it has ended there."""
        for step in steps:
            agent = self.fleet.start_agent({"FAIRLEAD_ABORT_AT": step}, wait=False)
            assert self.fleet.wait_ended(agent, what=f"{step} to come") == ABORTED, f"{step}\n{self.fleet.report()}"

    def fill(self, size_bytes: int) -> None:
        """Let an agent put so much into its spool, and kill it."""
        agent = self.fleet.start_agent()
        self.fleet.wait_until(lambda: self.fleet.spooled() >= size_bytes, "the spool to fill", 60)
        agent.end(signal.SIGKILL)


@pytest.fixture
def chain(http_fleet: Fleet) -> Chain:
    """A chain whose agents have passed all steps of a first start, and whose collector runs."""
    chain = Chain(http_fleet)
    http_fleet.write(4, lines=10).wait()
    chain.come()
    chain.abort_at(FRESH)
    http_fleet.start_agent().end(signal.SIGKILL)
    http_fleet.write(4, epoch=2, rate=600, rotate_every=150, keep=2000)
    return chain


def test_each_line_stands_once_when_the_agent_ends_at_any_durable_step(chain: Chain) -> None:
    chain.go()
    chain.abort_at(AWAY)
    chain.come()
    chain.abort_at(BACK)
    chain.fleet.start_agent()
    chain.fleet.prove()


@pytest.mark.soak
@pytest.mark.parametrize("occurrence", [2, 3, 5, 8])
def test_each_line_stands_once_when_the_agent_ends_at_a_later_time_of_a_step(chain: Chain, occurrence: int) -> None:
    if occurrence == 2:
        chain.abort_at(GROWN)
    chain.go()
    chain.abort_at([f"{step}:{occurrence}" for step, most in LATER_AWAY.items() if occurrence <= most])
    for step, most in LATER_BACK.items():
        if occurrence <= most:
            chain.fill(FILLED_BYTES)
            chain.come()
            chain.abort_at([f"{step}:{occurrence}"])
            chain.go()
    chain.come()
    chain.fleet.start_agent()
    chain.fleet.prove(deadline_s=90)
