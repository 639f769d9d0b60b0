"""The input of the case `json`: events of a shop's services, a JSON object a line, the same bytes for the same seed.

Whatever encodes them again must write the same bytes, so what encoders differ about is left out: integral floats, keys of a map out of
order, microseconds that end with a zero, U+2028.
"""

import json
import random
from collections.abc import Iterator

_NAMES = ("checkout", "cart", "search", "payment", "ranking")
_TAGS = ("eu", "canary", "mobile", "retry", "batch", "größe", "日本")
_MESSAGES = ('order "accepted"', "price <changed> & stored", "C:\\shop\\cart", "Zahlung für Straße 7", "line one\nline two")


def event_lines(count: int, seed: int = 1) -> Iterator[bytes]:
    """Yield `count` events of about 410 bytes, newline included; a quarter of them failed."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    for number in range(count):
        yield json.dumps(_event(chance, number), separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _event(chance: random.Random, number: int) -> dict[str, object]:
    name = chance.choice(_NAMES)
    micros = chance.randrange(100_000) * 10 + chance.randrange(1, 10)
    failed = chance.random() < 0.25
    day, minute = f"2026-{chance.randrange(1, 13):02d}-{chance.randrange(1, 29):02d}", f"{chance.randrange(24):02d}:{number % 60:02d}"
    return {
        "id": chance.getrandbits(53),
        "time": f"{day}T{minute}:07.{micros:06d}Z",
        "level": "error" if failed else "info",
        "message": chance.choice(_MESSAGES),
        "duration_ms": chance.randrange(1, 100_000) + chance.choice((0.25, 0.5, 0.125, 0.3)),
        "service": {"name": name, "version": f"1.{chance.randrange(40)}.{chance.randrange(9)}", "port": chance.randrange(1024, 65536)},
        "labels": {"namespace": "shop", "node": f"node-{chance.randrange(200):03d}", "pod": f"{name}-{chance.getrandbits(32):08x}"},
        "tags": chance.sample(_TAGS, chance.randrange(4)),
        "items": [
            {"sku": f"SKU-{chance.randrange(100_000):05d}", "quantity": chance.randrange(1, 9), "price": chance.randrange(1, 500) + 0.95}
            for _ in range(chance.randrange(1, 4))
        ],
        "error": {"code": chance.choice((408, 409, 500, 503)), "retry": chance.random() < 0.5} if failed else None,
    }
