"""Brokers that want TLS and a password."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.fleet import Fleet
from tests.rig.kafka import PASSWORD, USER, Kafka
from tests.support.program import Start

pytestmark = pytest.mark.real
WRONG = "Xq7-not-the-password"


@pytest.fixture(scope="module")
def secure_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A broker with listeners for TLS and SASL."""
    with Kafka(tmp_path_factory.mktemp("secure-kafka"), tls=True, sasl=True) as running:
        yield running


def secured(fleet: Fleet, kafka: Kafka, password: str, mechanism: str = "SCRAM-SHA-512") -> dict[str, Any]:
    """Return what settings say of the connection; the password stands in a file."""
    file = fleet.folder / "password"
    file.write_text(f"{password}\n")
    sasl = {"username": USER, "password_file": str(file), "mechanism": mechanism}
    return {"brokers": [kafka.listener("SASL_SSL")], "tls": {"ca_file": str(kafka.authority)}, "sasl": sasl}


@pytest.fixture
def fleet(tmp_path: Path, start: Start, secure_kafka: Kafka) -> Iterator[Fleet]:
    """A pipeline whose collector comes in by the secure listener; the agent's way is the test's."""
    with Fleet(tmp_path, start, secure_kafka) as made:
        made.collector_settings["source"]["kafka"] |= secured(made, secure_kafka, PASSWORD)
        made.agent_settings["log_level"] = "debug"
        yield made


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_lines_arrive_over_tls_with_a_password(fleet: Fleet, secure_kafka: Kafka, mechanism: str) -> None:
    fleet.agent_settings["sink"]["kafka"] |= secured(fleet, secure_kafka, PASSWORD, mechanism)
    fleet.begin(2)
    fleet.prove()


def test_a_wrong_password_is_told_without_it_and_lines_wait_for_the_right_one(fleet: Fleet, secure_kafka: Kafka) -> None:
    fleet.agent_settings["sink"]["kafka"] |= secured(fleet, secure_kafka, WRONG)
    fleet.write(2, lines=100).wait()
    fleet.start_agent()
    fleet.wait_until(lambda: any("uthentication" in line for line in fleet.agent.err), "the agent to tell")
    assert fleet.agent.end() == 0
    told = "".join(fleet.agent.err + fleet.agent.out)
    assert "SASL" in told or "Sasl" in told
    assert WRONG not in told
    kept = [file for file in fleet.agent_state.rglob("*") if file.is_file()]
    assert not [file for file in kept if WRONG.encode() in file.read_bytes()]
    fleet.agent_settings["sink"]["kafka"] |= secured(fleet, secure_kafka, PASSWORD)
    fleet.start_collector()
    fleet.start_agent()
    fleet.prove()


def test_a_certificate_that_is_not_trusted_is_told(fleet: Fleet, secure_kafka: Kafka) -> None:
    settings = secured(fleet, secure_kafka, PASSWORD)
    del settings["tls"]["ca_file"]
    fleet.agent_settings["sink"]["kafka"] |= settings
    fleet.write(1, lines=10).wait()
    fleet.start_agent()
    fleet.wait_until(lambda: any("ertificate" in line for line in fleet.agent.err), "the agent to tell")
