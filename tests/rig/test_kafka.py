"""The Kafka that other tests rely on: it keeps what it acknowledged, and its faults are real ones."""

import asyncio
import ssl
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError, UnknownTopicOrPartitionError
from aiokafka.helpers import create_ssl_context

from tests.rig.flaky import Flaky, Mode
from tests.rig.kafka import PASSWORD, USER, Kafka
from tests.support.waiting import wait_until

pytestmark = pytest.mark.real


async def test_what_a_client_sent_is_consumed_in_order(kafka: Kafka) -> None:
    topic = kafka.new_topic("sent", partitions=2)
    async with AIOKafkaProducer(bootstrap_servers=kafka.address, enable_idempotence=True) as producer:
        for i in range(10):
            await producer.send_and_wait(topic, b"value %d" % i, b"key", i % 2, headers=[("kind", b"log")])
    found = kafka.consume(topic)
    assert [(r.partition, r.offset) for r in found] == [(part, offset) for part in range(2) for offset in range(5)]
    assert [r.value for r in found] == [b"value %d" % i for i in (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)]
    assert {(r.key, *r.headers) for r in found} == {(b"key", ("kind", b"log"))}


@pytest.mark.parametrize("codec", ["gzip", "lz4", "zstd"])
def test_records_are_read_when_the_broker_compressed_them(kafka: Kafka, codec: str) -> None:
    topic = kafka.new_topic(codec, compression_type=codec)
    values = [b"value %d " % i * 100 for i in range(1000)]
    kafka.produce(topic, *values)
    assert [record.value for record in kafka.consume(topic)] == values


def test_a_topic_that_was_removed_is_empty_when_it_is_made_again(kafka: Kafka) -> None:
    topic = kafka.new_topic("removed")
    kafka.produce(topic, b"before")
    kafka.delete_topic(topic)
    with pytest.raises(UnknownTopicOrPartitionError):
        kafka.delete_topic(topic)
    kafka.create_topic(topic)
    kafka.produce(topic, b"after")
    assert [record.value for record in kafka.consume(topic)] == [b"after"]


def test_a_message_is_refused_when_the_topic_forbids_its_size(kafka: Kafka) -> None:
    topic = kafka.new_topic("small", max_message_bytes=1000)
    with pytest.raises(MessageSizeTooLargeError):
        kafka.produce(topic, b"x" * 2000)
    assert kafka.consume(topic) == []


def test_a_broker_keeps_its_records_when_it_is_killed(kafka: Kafka) -> None:
    topic = kafka.new_topic("kept")
    kafka.produce(topic, b"one", b"two")
    kafka.kill()
    kafka.restart()
    kafka.produce(topic, b"three")
    assert [record.value for record in kafka.consume(topic)] == [b"one", b"two", b"three"]


async def test_a_broker_answers_only_after_it_was_resumed(kafka: Kafka) -> None:
    topic = kafka.new_topic("paused")
    async with AIOKafkaProducer(bootstrap_servers=kafka.address) as producer:
        await producer.send_and_wait(topic, b"before")
        kafka.pause()
        sent = await producer.send(topic, b"while")
        assert not (await asyncio.wait([sent], timeout=0.2))[0]
        kafka.resume()
        await sent
    assert [record.value for record in kafka.consume(topic)] == [b"before", b"while"]


async def test_listeners_let_in_whom_they_should(tmp_path: Path) -> None:
    with Kafka(tmp_path, tls=True, sasl=True) as kafka:
        topic = kafka.new_topic("secure")
        trust, with_certificate = (create_ssl_context(cafile=str(kafka.authority)) for _ in range(2))
        with_certificate.load_cert_chain(*kafka.client_certificate)
        for listener in ("SSL", "MTLS", "SASL_PLAINTEXT", "SASL_SSL"):
            for mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")[: 3 if "SASL" in listener else 1]:
                producer = AIOKafkaProducer(
                    bootstrap_servers=kafka.listener(listener), security_protocol=listener.replace("MTLS", "SSL"),
                    ssl_context=with_certificate if listener == "MTLS" else trust,
                    sasl_mechanism=mechanism, sasl_plain_username=USER, sasl_plain_password=PASSWORD,
                )  # fmt: skip
                async with producer:
                    await producer.send_and_wait(topic, f"{listener} {mechanism}".encode())
        assert len(kafka.consume(topic)) == 8
        host, port = kafka.listener("MTLS").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), ssl=trust)
        with pytest.raises(ssl.SSLError):
            await reader.read()
        writer.close()


def test_a_produce_is_repeated_when_its_answer_was_cut_off(tmp_path: Path) -> None:
    async def produce(proxy: Flaky, topic: str) -> None:
        async with AIOKafkaProducer(bootstrap_servers=proxy.address, enable_idempotence=True, retry_backoff_ms=20) as producer:
            await producer.send_and_wait(topic, b"one")
            before = proxy.connections
            proxy.reset_after(10, "down")
            await producer.send_and_wait(topic, b"two")
            assert proxy.resets == 1
            assert proxy.connections > before
            proxy.switch(Mode.REFUSE)
            sent = await producer.send(topic, b"three")
            assert not (await asyncio.wait([sent], timeout=0.2))[0]
            proxy.switch(Mode.PASS)
            await sent

    with Flaky() as proxy, Kafka(tmp_path, advertised=[proxy.address]) as kafka:
        proxy.target = kafka.address
        topic = kafka.new_topic("cut")
        # Not on uvloop: there a write to a connection that was just reset is a RuntimeError, and ends aiokafka's producer.
        asyncio.run(produce(proxy, topic))
        assert [record.value for record in kafka.consume(topic)] == [b"one", b"two", b"three"]


def test_three_nodes_go_on_when_one_is_killed(tmp_path: Path) -> None:
    with Kafka(tmp_path, nodes=3) as kafka:
        topic = kafka.new_topic("copied", partitions=3)
        kafka.produce(topic, b"before")
        kafka.kill(2)
        kafka.produce(topic, b"while")
        kafka.restart()
        kafka.produce(topic, b"after")
        wait_until(lambda: len(kafka.consume(topic)) == 3, "three records")
