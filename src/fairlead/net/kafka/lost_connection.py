"""Lets aiokafka understand how uvloop tells that a connection is lost.

A write on a connection that was reset a moment ago is a RuntimeError there ("unable to perform operation on <TCPTransport closed=True"),
until aiokafka's reader has noticed. aiokafka expects an OSError only, and its background tasks end by anything else: that of the metadata,
for one, after which a client never learns of a new leader. Import this before a client is made.
"""

from typing import Any

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError, KafkaError

_send = AIOKafkaConnection.send


def _send_or_break(connection: Any, request: Any, expect_response: bool = True) -> Any:  # noqa: ANN401 - aiokafka has no types
    try:
        return _send(connection, request, expect_response)
    except KafkaError:  # is a RuntimeError, too
        raise
    except RuntimeError as error:
        connection.close(reason=CloseReason.CONNECTION_BROKEN)
        raise KafkaConnectionError(f"Connection at {connection.host}:{connection.port} broken: {error}") from error


AIOKafkaConnection.send = _send_or_break
