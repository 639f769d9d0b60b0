"""Real Kafka for the tests: KRaft brokers from Maven's jars on free ports of 127.0.0.1."""

from tests.rig.kafka.broker import PASSWORD, USER, Kafka
from tests.rig.kafka.client import Consumed

__all__ = ["PASSWORD", "USER", "Consumed", "Kafka"]
