"""Topic ids: what tells a topic from one of the same name that was deleted. aiokafka asks for metadata by an older version than has them.

Request and response: https://kafka.apache.org/protocol#The_Messages_Metadata, version 12 (Kafka 3.1).
"""

import random
from collections.abc import Sequence
from io import BytesIO
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, NodeNotReadyError
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import AbstractType, Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

_NO_ID = bytes(16)


class _Uuid(AbstractType):  # type: ignore[misc]  # aiokafka has no types
    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        return data.read(16)


_TEXT, _TAGS = CompactString("utf-8"), ("tags", TaggedFields)
_PARTITION = (
    ("error_code", Int16), ("partition_index", Int32), ("leader_id", Int32), ("leader_epoch", Int32), ("replicas", CompactArray(Int32)),
    ("isr", CompactArray(Int32)), ("offline", CompactArray(Int32)), _TAGS,
)  # fmt: skip
_TOPIC = (
    ("error_code", Int16), ("name", _TEXT), ("topic_id", _Uuid), ("is_internal", Boolean), ("partitions", CompactArray(*_PARTITION)),
    ("operations", Int32), _TAGS,
)  # fmt: skip


class _Response(Response):  # type: ignore[misc]  # likewise
    API_KEY, API_VERSION = 3, 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", CompactArray(("node_id", Int32), ("host", _TEXT), ("port", Int32), ("rack", _TEXT), _TAGS)),
        ("cluster_id", _TEXT),
        ("controller_id", Int32),
        ("topics", CompactArray(*_TOPIC)),
        _TAGS,
    )


class _Struct(RequestStruct):  # type: ignore[misc]  # likewise
    FLEXIBLE_VERSION = True
    API_KEY, API_VERSION = 3, 12
    RESPONSE_TYPE = _Response
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("name", _TEXT), _TAGS)), ("allow_creation", Boolean), ("operations", Boolean), _TAGS
    )


class _Request(Request[_Struct]):  # type: ignore[misc]  # likewise
    API_KEY = 3

    def __init__(self, topics: Sequence[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_Struct]) -> _Struct:
        topics: list[tuple[bytes, str, dict[int, bytes]]] = [(_NO_ID, topic, {}) for topic in self._topics]
        return request_struct_class(topics, False, False, {})


async def read_topic_ids(client: AIOKafkaClient, topics: Sequence[str]) -> dict[str, str]:
    """Return the id of each topic that is there, in hexadecimal; none of a broker that has none.

    Asks one broker after the other. Raises KafkaError or OSError where none answers.
    """
    problem: Exception = NodeNotReadyError("no broker is known")
    nodes = [broker.nodeId for broker in client.cluster.brokers()]
    for node in random.sample(nodes, len(nodes)):
        try:
            answer: Any = await client.send(node, _Request(topics))
            break
        except NotImplementedError:  # how aiokafka tells that the broker does not know the version
            return {}
        except (KafkaError, OSError) as error:
            problem = error
    else:
        raise problem
    found = {topic[1]: topic[2].hex() for topic in answer.topics if topic[0] == 0}
    return {topic: topic_id for topic, topic_id in found.items() if topic_id != _NO_ID.hex()}
