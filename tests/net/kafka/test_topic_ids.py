"""Topic ids, as a real broker gives them."""

import asyncio

import pytest
from aiokafka.client import AIOKafkaClient

from fairlead.net.kafka.topic_ids import read_topic_ids
from tests.rig.kafka import Kafka

pytestmark = pytest.mark.real


async def test_a_topic_has_another_id_when_it_was_deleted_and_made_anew(kafka: Kafka) -> None:
    topics = [await asyncio.to_thread(kafka.new_topic, "ids", partitions) for partitions in (1, 3)]
    client = AIOKafkaClient(bootstrap_servers=kafka.address)
    await client.bootstrap()
    try:
        before = await read_topic_ids(client, [*topics, "missing"])
        await asyncio.to_thread(kafka.delete_topic, topics[0])
        assert await read_topic_ids(client, topics) == {topics[1]: before[topics[1]]}
        await asyncio.to_thread(kafka.create_topic, topics[0])
        after = await read_topic_ids(client, topics)
    finally:
        await client.close()
    assert set(before) == set(after) == set(topics)
    assert before[topics[0]] != after[topics[0]]
    assert before[topics[1]] == after[topics[1]]
