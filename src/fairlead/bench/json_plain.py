"""The contender of the case `json` that uses the standard library alone: json and dataclasses, as scripts do."""

import datetime
import json
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class Service:
    """Which service an event is of."""

    name: str
    version: str
    port: int


@dataclass(slots=True)
class Item:
    """One line of an order."""

    sku: str
    quantity: int
    price: float


@dataclass(slots=True)
class Failure:
    """What went wrong."""

    code: int
    retry: bool


@dataclass(slots=True)
class Event:
    """One event, as `json_model.Event`; nothing checks the types."""

    id: int
    time: datetime.datetime
    level: str
    message: str
    duration_ms: float
    service: Service
    labels: dict[str, str]
    tags: list[str]
    items: list[Item]
    error: Failure | None

    @classmethod
    def of(cls, told: dict[str, Any]) -> "Event":
        """Map what json decoded."""
        told["time"] = datetime.datetime.fromisoformat(told["time"])
        told["service"] = Service(**told["service"])
        told["items"] = [Item(**item) for item in told["items"]]
        told["error"] = Failure(**told["error"]) if told["error"] else None
        return cls(**told)


def by_standard_library(file: Path) -> int:
    """Decode, map and encode line by line; return the CRC-32 of what was encoded."""
    encode, checksum = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, default=_timestamp).encode, 0
    with file.open("rb") as stream:
        for line in stream:
            event = Event.of(json.loads(line))
            checksum = zlib.crc32(encode(asdict(event)).encode() + b"\n", checksum)
    return checksum


def _timestamp(time: datetime.datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
