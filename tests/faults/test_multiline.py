"""A record of several lines that was sent before its last line was written, by an agent that died before it could remember that."""

import signal
from collections.abc import Sequence

import pytest

from tests.faults.fleet import Fleet
from tests.support.program import logs

pytestmark = pytest.mark.real
ABORTED = 137
BEFORE_IT_IS_REMEMBERED = {"FAIRLEAD_ABORT_AT": "checkpoint append"}
BEGUN = ("ERROR it failed", "  at one")
LATER = ("  at two", "  at three")


def append(fleet: Fleet, lines: Sequence[str]) -> None:
    with (fleet.logs / "app.log").open("a") as stream:
        stream.write("".join(f"{line}\n" for line in lines))


def messages(fleet: Fleet) -> list[object]:
    return [found["message"] for found in logs(fleet.collector_state)]


def begin(fleet: Fleet) -> None:
    """Let an agent meet the file, and end as it should."""
    fleet.agent_settings["logs"][0]["multiline"] = {"start": "^[A-Z]", "timeout": "300ms"}
    append(fleet, ["INFO it begins"])
    fleet.start_collector()
    agent = fleet.start_agent()
    fleet.wait_stored(1)
    agent.end(signal.SIGTERM)


def prove(fleet: Fleet, expected: Sequence[str]) -> None:
    """Wait until these records stand, and show that each byte stands once."""
    fleet.wait_until(lambda: sorted(map(str, messages(fleet))) == sorted(expected), f"{expected}, not {messages(fleet)}")
    found = fleet.wait_audit()
    assert [source["lines"] for source in found.sources] == [len(expected)]
    fleet.fail_for_tracebacks()


@pytest.mark.parametrize("path", ["kafka", "http"])
def test_a_record_that_grew_while_no_agent_lived_stands_whole_and_once(path: str, request: pytest.FixtureRequest) -> None:
    fleet: Fleet = request.getfixturevalue("fleet" if path == "kafka" else "http_fleet")
    begin(fleet)
    append(fleet, BEGUN)
    dying = fleet.start_agent(BEFORE_IT_IS_REMEMBERED, wait=False)
    assert fleet.wait_ended(dying) == ABORTED
    fleet.wait_until(lambda: "\n".join(BEGUN) in messages(fleet), "the record that was begun")
    append(fleet, LATER)
    fleet.start_agent()
    whole = "\n".join((*BEGUN, *LATER))
    prove(fleet, ["INFO it begins", whole])
    append(fleet, ["INFO it ends"])
    prove(fleet, ["INFO it begins", whole, "INFO it ends"])
