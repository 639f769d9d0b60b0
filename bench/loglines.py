"""The log lines that the scenarios of the pipeline read: 200 bytes each, no two alike, the same on every machine."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench.harness import OUT

LINE_BYTES = 200
DESCRIBED = (
    "Lines are 200 bytes with their newline, made with a fixed seed: RFC 3339 time, level (91 % INFO, 6 % WARN, 3 % ERROR),\n"
    "thread, one of 40 loggers, a 64-bit trace id and a request number that no other line has, one of five sentences with numbers in them\n"
    "(a third of the lines has quotes), filled up by words; 30 words a line by the full-text index's rule, lz4 leaves 31 % of it."
)
_SEED = 20260301
_BEGIN_US = 1_772_366_400_000_000
"""2026-03-01T12:00:00Z."""
_CHUNK_LINES = 20_000
_LEVELS = ("INFO",) * 91 + ("WARN",) * 6 + ("ERROR",) * 3
_LOGGERS = tuple(f"{area}.{part}" for area in ("orders", "payments", "catalog", "search", "session", "stock", "mail", "report")
                 for part in ("Handler", "Repository", "Client", "Worker", "Scheduler"))  # fmt: skip
_AGENTS = ("Mozilla/5.0 (X11; Linux x86_64)", "curl/7.88.1", "okhttp/4.12.0", "Go-http-client/2.0")
_FILLING = (
    "authentication service unavailable, configuration reloaded; replication acknowledged throughout infrastructure, subscription"
    " synchronisation postponed: maintenance window approaching, compensating transaction scheduled automatically"
)


def make_file(lines: int) -> Path:
    """Return a file of so many lines, made where it is not there yet."""
    file = OUT / f"lines-{lines}.log"
    if not file.exists() or file.stat().st_size != lines * LINE_BYTES:
        OUT.mkdir(parents=True, exist_ok=True)
        with file.open("wb") as stream:
            for chunk in chunks(lines):
                stream.write(chunk)
    return file


def chunks(lines: int) -> Iterator[bytes]:
    """Yield the first so many lines, some thousands at a time."""
    made = _lines()
    while lines > 0:
        yield b"".join(next(made) for _ in range(min(lines, _CHUNK_LINES)))
        lines -= _CHUNK_LINES


def _lines() -> Iterator[bytes]:
    rng = random.Random(_SEED)
    fillings = [_FILLING[begin:] + " " + _FILLING for begin in range(len(_FILLING)) if begin == 0 or _FILLING[begin - 1] == " "]
    at_us, number = _BEGIN_US, 0
    stamped, stamp = 0, ""
    while True:
        number += 1
        at_us += rng.randrange(1, 400)
        seconds, micros = divmod(at_us, 1_000_000)
        if seconds != stamped:
            stamped, stamp = seconds, datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        bits = rng.getrandbits(64)
        text = (
            f"{stamp}.{micros:06}Z {_LEVELS[bits % 100]} [worker-{bits >> 8 & 15}] {_LOGGERS[(bits >> 12) % 40]}"
            f" trace={bits:016x} {_sentence(bits >> 20, number)}"
        )
        whole = f"{text} {fillings[(bits >> 40) % len(fillings)]}"[: LINE_BYTES - 1]
        # No space at the end: there are shippers that cut it off.
        yield whole.rstrip().ljust(LINE_BYTES - 1, ".").encode() + b"\n"


def _sentence(bits: int, number: int) -> str:
    kind, small, large = bits % 6, bits >> 3 & 255, bits >> 11 & 0xFFFFF
    if kind < 2:
        return f'request {number} GET /api/v2/items/{large} 200 in {small} ms "{_AGENTS[small & 3]}"'
    if kind == 2:
        return f"query {number} of table customers returned {small} rows in {large} us"
    if kind == 3:
        return f"message {number} published to queue invoices partition {small & 15} offset {large}"
    if kind == 4:
        return f"retry {number} of upstream 10.0.{small}.{large & 255} after connection reset by peer"
    return f"job {number} finished for tenant {small} with {large} bytes written"
