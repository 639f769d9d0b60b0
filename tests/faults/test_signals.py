"""Signals to an agent under load, and a second agent on its state directory."""

import signal

import pytest

from tests.faults.fleet import Fleet

pytestmark = pytest.mark.real
END_DEADLINE_S = 10.0


def test_the_agent_ends_in_time_when_its_sink_is_dead(fleet: Fleet) -> None:
    assert fleet.kafka is not None
    agent = fleet.begin(2)
    fleet.write(2, epoch=2, rate=2000, rotate_every=300, keep=500)
    try:
        # Frozen, not gone: its connections stay, and nothing is answered.
        fleet.kafka.pause()
        fleet.wait_until(lambda: fleet.spooled() > 500_000, "lines in the spool")
        agent.process.send_signal(signal.SIGTERM)
        assert fleet.wait_ended(agent, END_DEADLINE_S) == 0
    finally:
        fleet.kafka.resume()
    fleet.start_agent()
    fleet.prove()


def test_the_agent_ends_cleanly_and_goes_on_when_it_is_told_to_end_under_load(fleet: Fleet) -> None:
    fleet.begin(2)
    fleet.write(2, epoch=2, rate=2000, rotate_every=300, keep=500)
    for _ in range(3):
        fleet.wait_stored(fleet.stored() + 500)
        assert fleet.agent.end(signal.SIGTERM) == 0
        fleet.start_agent()
    found = fleet.prove()
    # What was under way at the end was waited for: nothing came twice.
    assert sum(source["refused"] for source in found.sources) == 0


@pytest.mark.source
def test_an_invalid_configuration_changes_nothing(fleet: Fleet) -> None:
    agent = fleet.begin(1)
    file = fleet.write_agent_file()
    valid = file.read_text()
    file.write_text("sink: {kafka: {brokers: [nowhere]}}\nlogs: 5\n")
    agent.process.send_signal(signal.SIGHUP)
    agent.expect("configuration refused, the old one goes on")
    fleet.write(1, epoch=2, lines=100).wait()
    fleet.wait_stored(110)
    file.write_text(valid)
    agent.process.send_signal(signal.SIGHUP)
    agent.expect("configuration reloaded")
    fleet.write(1, epoch=3, lines=100).wait()
    fleet.prove()


@pytest.mark.source
def test_a_second_agent_on_a_state_directory_is_refused(fleet: Fleet) -> None:
    agent = fleet.begin(1)
    second = fleet.start_agent(wait=False)
    assert fleet.wait_ended(second) == 2
    assert any(f"in use by another fairlead (pid {agent.process.pid})" in line for line in second.err)
    fleet.write(1, epoch=2, lines=100).wait()
    fleet.prove()
