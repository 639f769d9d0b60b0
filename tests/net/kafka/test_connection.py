"""Why a connection to Kafka fails, as it is told: with the address, the reason and the setting to look at."""

import asyncio
import logging
import socket
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairlead.core.errors import SinkUnavailable
from fairlead.core.record import Lines
from fairlead.net.kafka.connection import KafkaConnection, KafkaSasl, KafkaTls, LastComplaint, client_options, explain
from fairlead.net.kafka.producer import Part, Producer
from tests.rig.kafka import PASSWORD, USER, Kafka

CLOSED = "the connection was closed at once; "
PART = Part(b"key", (), Lines(b"one\n", array("q", [3])), 0, 1)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('Unable connect to "a:1": [Errno 111] Connection refused', "a:1: Connection refused"),
        ('Unable connect to "no.name:1": [Errno -2] Name or service not known', "no.name:1: Name or service not known"),
        ("Unable connect to node with id 1: [Errno 111] Connection refused", "broker 1: Connection refused"),
        ("Unable to request metadata from node with id 1: Connection at a:1 closed", "broker 1: the connection was closed"),
        ('Unable connect to "a:1": ', f"a:1: {CLOSED}does this listener want tls or sasl?"),
        (
            'Unable connect to "a:1": [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Hostname mismatch, it is b (_ssl.c:1006)',
            "a:1: certificate verify failed: Hostname mismatch, it is b; name the broker in sink.kafka.brokers as its certificate does",
        ),
        (
            'Unable connect to "a:1": [Error 33] UnsupportedSaslMechanismError: only PLAIN',
            "a:1: UnsupportedSaslMechanismError: only PLAIN; see sink.kafka.sasl.mechanism",
        ),
        (
            'Unable connect to "a:1": [Error 34] IllegalSaslStateError: <AIOKafkaConnection host=a port=1>',
            "a:1: IllegalSaslStateError; this listener wants no sasl, leave sink.kafka.sasl out",
        ),
        ("something else", "something else"),
    ],
)
def test_what_aiokafka_complains_of_is_told_with_what_to_do(text: str, told: str) -> None:
    assert explain(text, "sink.kafka", "PLAINTEXT") == told


@pytest.fixture
def complaint() -> Iterator[LastComplaint]:
    """Hears aiokafka."""
    hearing = LastComplaint("sink.kafka", {"security_protocol": "PLAINTEXT"})
    yield hearing
    hearing.detach()


def test_why_a_connection_failed_is_kept_before_what_follows_from_it(complaint: LastComplaint) -> None:
    logger = logging.getLogger("aiokafka")
    logger.warning("Sending username and password in the clear")
    logger.error('Unable connect to "%s:%s": %s', "a", 1, OSError("first"))
    logger.error('Unable connect to "%s:%s": %s', "b", 2, TimeoutError())
    logging.getLogger("aiokafka.consumer").error("Unable to update metadata from %s", [1])
    assert complaint.take() == "b:2: no answer in time"
    assert not complaint.take()


def test_what_was_complained_of_long_ago_is_no_reason(complaint: LastComplaint, monkeypatch: pytest.MonkeyPatch) -> None:
    logging.getLogger("aiokafka").error("long ago")
    monkeypatch.setattr("fairlead.net.kafka.connection._FRESH_S", 0.0)
    assert not complaint.take()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A broker with listeners of each protocol."""
    with Kafka(tmp_path_factory.mktemp("guarded"), tls=True, sasl=True) as running:
        yield running


async def failing(name: str, connection: KafkaConnection) -> str:
    """Return why nothing can be sent."""
    producer = Producer(name, await asyncio.to_thread(client_options, connection, "sink.kafka"), "none")
    try:
        with pytest.raises(SinkUnavailable) as caught:
            await producer.send("topic", [PART])
    finally:
        await producer.close()
    return str(caught.value)


@pytest.mark.real
async def test_each_wrong_way_to_connect_names_its_setting(guarded: Kafka, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text(f"{PASSWORD}-not\n")
    tls, untrusted = KafkaTls(ca_file=str(guarded.authority)), KafkaTls()
    plain, scram = KafkaSasl(USER, str(wrong), "PLAIN"), KafkaSasl(USER, str(wrong))
    see_sasl = "; see sink.kafka.sasl.username and sink.kafka.sasl.password_file"
    for listener, with_tls, sasl, told in (
        ("SSL", None, None, f"{CLOSED}does this listener want tls or sasl?"),
        ("SASL_PLAINTEXT", None, None, f"{CLOSED}does this listener want tls or sasl?"),
        ("SASL_SSL", None, plain, f"{CLOSED}does this listener want tls?"),
        ("PLAINTEXT", tls, None, f"{CLOSED}does this listener speak tls, and does it want sasl, or a tls.cert_file?"),
        ("MTLS", tls, None, f"{CLOSED}does this listener speak tls, and does it want sasl, or a tls.cert_file?"),
        ("SSL", untrusted, None, "self-signed certificate; name its authority with sink.kafka.tls.ca_file"),
        ("SASL_PLAINTEXT", None, plain, f"Authentication failed: Invalid username or password{see_sasl}"),
        ("SASL_PLAINTEXT", None, scram, see_sasl),
        ("PLAINTEXT", None, plain, "leave sink.kafka.sasl out"),
    ):
        address = guarded.listener(listener)
        found = await failing("sink.kafka metrics", KafkaConnection(brokers=[address], tls=with_tls, sasl=sasl))
        assert found.startswith(f"sink.kafka metrics: {address}: "), listener
        assert found.endswith(told), listener


@pytest.mark.real
async def test_a_topic_that_is_missing_is_told_with_what_to_do(guarded: Kafka) -> None:
    found = await failing("sink.kafka", KafkaConnection(brokers=[guarded.address]))
    assert found == "sink.kafka: topic topic does not exist; create it, or give auto.create.topics.enable"


async def test_nobody_there_is_told_with_the_address() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        assert await failing("sink.kafka", KafkaConnection(brokers=[address])) == f"sink.kafka: {address}: Connection refused"
