"""Fetched batches as they come out of aiokafka's fetcher: whole, a piece at a time, and the position behind each."""

import struct
from array import array
from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.structs import TopicPartition

from fairlead._native import compress, kafkabatch
from fairlead.net.kafka import consumer
from fairlead.net.kafka.consumer import Piece

PARTITION = TopicPartition("logs", 0)
NO_TRANSACTIONS = None


def a_batch(base: int, count: int, *, offsets: int = 0, attributes: int = 0, size: int = 4) -> bytes:
    """A sealed batch of records from an offset on; `offsets`: how many offsets it covers, where compaction left fewer records."""
    lines = [f"{base + i:0{size}}".encode() for i in range(count)]
    ends = array("q", [(size + 1) * i + size for i in range(count)])
    batch = kafkabatch.build([(b"key", (), b"\n".join(lines), 0, ends, 0, count)], 0, 0)
    kafkabatch.seal(batch, 1, 0, 0)
    struct.pack_into(">q", batch, 0, base)
    struct.pack_into(">h", batch, 21, attributes)
    struct.pack_into(">i", batch, 23, (offsets or count) - 1)
    struct.pack_into(">I", batch, 17, compress.crc32c(bytes(batch[21:])))
    return bytes(batch)


def fetched(data: bytes, position: int, mark: Any = consumer._as_pieces) -> Any:
    """What the fetcher makes of an answer; by the names under which it finds the classes."""
    return fetcher.PartitionRecords(PARTITION, fetcher.MemoryRecords(data), NO_TRANSACTIONS, position, None, mark, True, 0)


def pieces(data: bytes, position: int) -> list[tuple[Piece, int]]:
    found = fetched(data, position)
    return [(piece, found.next_fetch_offset) for piece in found]


def offsets(piece: Piece) -> list[int]:
    return [offset for offset, *_ in piece.records()]


def test_batches_come_whole_and_the_position_is_behind_them() -> None:
    [(piece, position)] = pieces(a_batch(5, 3) + a_batch(8, 2), 5)
    assert (offsets(piece), piece.next, position) == ([5, 6, 7, 8, 9], 10, 10)
    assert [value for _, _, _, value, _ in piece.records()] == [b"0005", b"0006", b"0007", b"0008", b"0009"]


def test_records_before_the_position_are_left_out() -> None:
    [(piece, position)] = pieces(a_batch(0, 10), 7)
    assert (offsets(piece), position) == ([7, 8, 9], 10)


def test_offsets_without_records_are_passed_over() -> None:
    [(piece, position)] = pieces(a_batch(0, 2, offsets=20) + a_batch(20, 1, attributes=0x20), 0)
    assert (offsets(piece), position) == ([0, 1], 21)


def test_a_batch_that_is_cut_is_left_for_the_next_fetch() -> None:
    whole, cut = a_batch(0, 3), a_batch(3, 3)
    for size in (1, 11, 60, 61, len(cut) - 1):
        [(piece, position)] = pieces(whole + cut[:size], 0)
        assert (offsets(piece), position) == ([0, 1, 2], 3)
        assert pieces(cut[:size], 3) == []


def test_pieces_end_at_a_batch_when_they_are_large_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"".join(a_batch(10 * i, 10) for i in range(7))
    monkeypatch.setattr(consumer, "PIECE_RECORDS", 25)
    assert [(len(offsets(piece)), piece.first, position) for piece, position in pieces(data, 0)] == [
        (30, 0, 30),
        (30, 30, 60),
        (10, 60, 70),
    ]
    monkeypatch.setattr(consumer, "PIECE_BYTES", 2 * len(a_batch(0, 10)) - 1)
    assert [len(offsets(piece)) for piece, _ in pieces(data, 0)] == [20, 20, 20, 10]


@pytest.mark.parametrize("at", [16, 17, 21, 50, 70])
def test_damage_is_told_as_an_error_of_kafkas(at: int) -> None:
    data = bytearray(a_batch(7, 3))
    data[at] ^= 0xFF
    [(piece, _)] = pieces(bytes(data), 7)
    with pytest.raises(CorruptRecordException, match="from offset 7 on: record batch at byte 0 "):
        piece.records()


def test_other_consumers_get_their_records_as_before() -> None:
    found = list(fetched(a_batch(5, 3), 5, None))
    assert [(record.offset, record.value) for record in found] == [(5, b"0005"), (6, b"0006"), (7, b"0007")]
