"""`source:` of the collector: where agents deliver, and which of them are let in."""

from typing import Annotated

import msgspec

from fairlead.core.units import Size
from fairlead.net.kafka.connection import KafkaConnection
from fairlead.net.listen import is_loopback, split_listen


class HttpSourceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /api/v1/ingest`, as contracts.md describes it.

    `tokens_file` holds `AGENT_ID TOKEN` a line, or `* TOKEN` for all agents without a line of their own. `max_body` bounds a body as it
    is sent, `max_records_bytes` what it holds uncompressed; `waiting` bounds how many requests are taken in at once, and so the memory:
    their number times both sizes.
    """

    listen: str
    tls_cert: str = ""
    tls_key: str = ""
    tokens_file: str = ""
    max_body: Size = Size(16 << 20)
    max_records_bytes: Size = Size(64 << 20)
    waiting: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 16

    def __post_init__(self) -> None:
        try:
            host, _ = split_listen(self.listen)
        except ValueError as error:
            raise ValueError(f"listen: {error}") from None
        if not is_loopback(host) and not self.tokens_file:
            raise ValueError(f"listen: {host} lets others in; allowed without tokens_file are loopback addresses")
        if bool(self.tls_cert) != bool(self.tls_key):
            raise ValueError("has one of tls_cert and tls_key; allowed are both or none")


class KafkaSourceSettings(KafkaConnection, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Topics of agents' records. `instance_id` makes the membership static: a quick restart moves no partitions."""

    topics: Annotated[list[str], msgspec.Meta(min_length=1)]
    group: str = "fairlead"
    instance_id: str = ""
