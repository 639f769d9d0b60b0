"""Contenders of the case `json`: each line of a file is decoded, mapped onto a typed model, and encoded again.

The answer is the CRC-32 of all that was encoded, a line each; the twin in Go is bench/go/cmd/jsonmodel.
"""

import datetime
import zlib
from pathlib import Path
from typing import Literal

import msgspec

_BLOCK_BYTES = 1 << 16


class Service(msgspec.Struct, gc=False):
    """Which service an event is of."""

    name: str
    version: str
    port: int


class Item(msgspec.Struct, gc=False):
    """One line of an order."""

    sku: str
    quantity: int
    price: float


class Failure(msgspec.Struct, gc=False):
    """What went wrong."""

    code: int
    retry: bool


class Event(msgspec.Struct):
    """One event; `json_events` makes them."""

    id: int
    time: datetime.datetime
    level: Literal["info", "error"]
    message: str
    duration_ms: float
    service: Service
    labels: dict[str, str]
    tags: list[str]
    items: list[Item]
    error: Failure | None


def by_msgspec(file: Path) -> int:
    """Decode with strict types into structs, some 150 lines at a time."""
    decoder, encoder, checksum = msgspec.json.Decoder(Event), msgspec.json.Encoder(), 0
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            events = decoder.decode_lines(block + stream.readline())
            checksum = zlib.crc32(encoder.encode_lines(events), checksum)
    return checksum
