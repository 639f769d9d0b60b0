"""Lines are cut from what is read, whatever its pieces are."""

import asyncio
import os
import threading

import pytest

from fairlead.jobs import lines
from fairlead.jobs.lines import LineReader, split_lines


def _split(data: bytes) -> list[tuple[int, bytes | None]]:
    read, write = os.pipe()

    def feed() -> None:
        with open(write, "wb") as stream:
            stream.write(data)

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        return [line for some in split_lines(read) for line in some]
    finally:
        thread.join()
        os.close(read)


def test_lines_have_their_numbers_and_blank_ones_are_left_out() -> None:
    assert _split(b"a\n\n  \nb\r\nc") == [(1, b"a"), (4, b"b\r"), (5, b"c")]
    assert _split(b"") == []


def test_a_line_longer_than_a_read_is_whole() -> None:
    assert _split(b"x" * 200_000 + b"\nb\n") == [(1, b"x" * 200_000), (2, b"b")]


def test_a_line_that_is_too_long_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 100_000)
    assert _split(b"x" * 400_000 + b"\nb\n") == [(1, None), (2, b"b")]


async def test_a_reader_gives_all_lines_in_order() -> None:
    read, write = os.pipe()
    os.write(write, b"".join(b"%d\n" % number for number in range(5000)))
    os.close(write)
    reader = LineReader(read)
    assert [line async for _, line in reader] == [b"%d" % number for number in range(5000)]
    reader.close()
    os.close(read)
    await asyncio.to_thread(reader._thread.join, 10)
