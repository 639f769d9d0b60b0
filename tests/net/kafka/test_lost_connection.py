"""Writes on a connection that is being reset, as uvloop tells it."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from aiokafka.conn import AIOKafkaConnection, create_conn
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

import fairlead.net.kafka.lost_connection  # noqa: F401 - what is tested
from tests.rig.flaky import Flaky
from tests.rig.kafka import Kafka
from tests.support.waiting import until

pytestmark = pytest.mark.real


async def _ask_on(connection: AIOKafkaConnection, requests: list[Coroutine[Any, Any, object]]) -> None:
    """Send a request at each turn of the loop."""
    while True:
        requests.append(connection.send(MetadataRequest([])))
        await asyncio.sleep(0)


async def test_requests_fail_as_lost_at_any_moment_of_a_reset(kafka: Kafka) -> None:
    with Flaky(kafka.address) as proxy:
        host, port = proxy.address.split(":")
        for _ in range(10):
            connection = await create_conn(host, int(port))
            requests: list[Coroutine[Any, Any, object]] = []
            await asyncio.to_thread(proxy.reset)
            with pytest.raises(KafkaConnectionError):
                await _ask_on(connection, requests)
            await asyncio.gather(*requests, return_exceptions=True)
            await until(lambda: len(asyncio.all_tasks()) == 1, "the reader to end")
