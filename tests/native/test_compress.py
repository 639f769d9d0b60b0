"""LZ4, zstd and CRC-32C: the same tests over the compiled kernel and its pure twin, and the kernel beside the programs lz4 and zstd."""

import random
import subprocess
import tracemalloc
from array import array
from contextlib import suppress
from importlib.machinery import EXTENSION_SUFFIXES
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead._native import compress, compress_pure

TWINS = pytest.mark.parametrize("kernel", [compress, compress_pure], ids=["native", "pure"])
CODECS = pytest.mark.parametrize("codec", ["lz4", "zstd"])

WORDS = [b"alpha", b"beta", b"\0", b"\n", b"gamma gamma", b"delta" * 9]
TEXT = b" ".join(random.Random(5).choices(WORDS, k=40_000))
NOISE = random.Random(5).randbytes(150_000)
CONTENTS = pytest.mark.parametrize(
    "content",
    [b"", b"a", b"abc" * 5, bytes(65536), bytes(500_000), NOISE[:65536], NOISE[:65537], NOISE, TEXT],
    ids=["empty", "byte", "short", "block", "growing", "noise-block", "noise-over", "noise", "text"],
)
SKIPPABLE = b"\x5a\x2a\x4d\x18\x05\0\0\0hello"


def pack(kernel: Any, codec: str, content: bytes, *level: int) -> bytes:
    packed: bytes = getattr(kernel, f"{codec}_compress")(content, *level)
    return packed


def unpack(kernel: Any, codec: str, packed: bytes, limit: int = 1 << 20) -> bytes:
    content: bytes = getattr(kernel, f"{codec}_decompress")(packed, limit)
    return content


def program(*argv: str, stdin: bytes) -> bytes:
    return subprocess.run(argv, input=stdin, stdout=subprocess.PIPE, check=True, timeout=30).stdout


def test_the_compiled_kernel_is_what_is_loaded() -> None:
    assert str(compress.__file__).endswith(tuple(EXTENSION_SUFFIXES))


@TWINS
@CODECS
@CONTENTS
def test_content_comes_back_when_compressed(kernel: Any, codec: str, content: bytes) -> None:
    packed = pack(kernel, codec, content)
    assert unpack(kernel, codec, packed) == content
    assert unpack(compress, codec, packed) == content


@CONTENTS
def test_the_twin_reads_what_the_kernel_compressed_by_lz4(content: bytes) -> None:
    for level in (-100, 0, 3, 12):
        assert unpack(compress_pure, "lz4", pack(compress, "lz4", content, level)) == content


@CODECS
@CONTENTS
def test_the_program_reads_what_the_kernel_compressed(codec: str, content: bytes) -> None:
    for level in (-5, 0, 9):
        assert program(codec, "-dcq", stdin=pack(compress, codec, content, level)) == content


@TWINS
@pytest.mark.parametrize("flags", ["-1", "-B4", "-B7 -9", "-B4 -BD", "-B5 -BD -BX", "--content-size", "--no-frame-crc"])
def test_every_kind_of_lz4_frame_is_read(kernel: Any, flags: str) -> None:
    assert unpack(kernel, "lz4", program("lz4", "-cq", *flags.split(), stdin=TEXT)) == TEXT


@pytest.mark.parametrize("flags", ["-1", "-19", "--fast=5", "--ultra -22", "--no-check", "--long=27"])
def test_every_kind_of_zstd_frame_is_read(flags: str) -> None:
    assert unpack(compress, "zstd", program("zstd", "-cq", *flags.split(), stdin=TEXT)) == TEXT


def test_lz4_blocks_are_independent_and_of_64_kb_as_kafka_wants_them() -> None:
    assert pack(compress, "lz4", TEXT)[:7] == pack(compress_pure, "lz4", TEXT)[:7] == bytes.fromhex("04224d18604082")


@TWINS
@CODECS
def test_frames_one_behind_the_other_are_read_as_one(kernel: Any, codec: str) -> None:
    frames = pack(kernel, codec, b"one") + SKIPPABLE + pack(kernel, codec, b"") + pack(kernel, codec, b" two")
    assert unpack(kernel, codec, frames) == b"one two"


@TWINS
@CODECS
@pytest.mark.parametrize("content", [b"abc" * 5, NOISE[:70_000]], ids=["short", "long"])
def test_more_than_the_limit_is_refused(kernel: Any, codec: str, content: bytes) -> None:
    packed = pack(kernel, codec, content)
    assert unpack(kernel, codec, packed, len(content)) == content
    for limit in (0, 1, len(content) - 1):
        with pytest.raises(ValueError, match=f"more than {limit} bytes"):
            unpack(kernel, codec, packed, limit)
    with pytest.raises(ValueError, match="negative"):
        unpack(kernel, codec, packed, -1)


@CODECS
@pytest.mark.parametrize("sized", [True, False])
def test_a_bomb_takes_no_memory_when_it_is_refused(codec: str, sized: bool) -> None:
    content = bytes(64 << 20)
    flags = ["--content-size"] if codec == "lz4" and sized else []
    bomb = pack(compress, codec, content) if codec == "zstd" and sized else program(codec, "-cq", *flags, stdin=content)
    tracemalloc.start()
    with pytest.raises(ValueError, match="more than 100000 bytes"):
        unpack(compress, codec, bomb, 100_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_a_zstd_frame_that_claims_petabytes_is_refused() -> None:
    frame = bytes.fromhex("28b52ffd") + b"\xe0" + (1 << 50).to_bytes(8, "little") + b"\x01\0\0"
    with pytest.raises(ValueError, match="zstd"):
        unpack(compress, "zstd", frame)


@TWINS
@CODECS
def test_what_is_cut_is_refused_at_every_length(kernel: Any, codec: str) -> None:
    packed = pack(kernel, codec, b"abcdefgh" * 20)
    for size in range(len(packed)):
        with pytest.raises(ValueError, match=codec):
            unpack(kernel, codec, packed[:size])


@TWINS
@CODECS
@pytest.mark.parametrize("tail", [b"x", b"rubbish", bytes(100)])
def test_rubbish_behind_a_frame_is_refused(kernel: Any, codec: str, tail: bytes) -> None:
    with pytest.raises(ValueError, match=codec):
        unpack(kernel, codec, pack(kernel, codec, b"content") + tail)


@CODECS
@given(data=st.data())
def test_flipped_bytes_never_do_more_than_raise_value_error(codec: str, data: st.DataObject) -> None:
    content = TEXT[: data.draw(st.sampled_from([10, 1000, 70_000]))]
    packed = bytearray(pack(compress, codec, content))
    places = st.integers(0, min(len(packed) - 1, 300)) | st.integers(0, len(packed) - 1)
    for place, byte in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=5)):
        packed[place] = byte
    with suppress(ValueError):
        assert len(unpack(compress, codec, bytes(packed), 100_000)) <= 100_000


@CODECS
@given(data=st.binary(max_size=200), magic=st.sampled_from([b"", b"\x04\x22\x4d\x18", b"\x28\xb5\x2f\xfd", SKIPPABLE[:4]]))
def test_rubbish_never_does_more_than_raise_value_error(codec: str, data: bytes, magic: bytes) -> None:
    with suppress(ValueError):
        assert len(unpack(compress, codec, magic + data, 1000)) <= 1000


@given(data=st.binary(max_size=60))
def test_both_twins_agree_on_what_an_lz4_block_holds(data: bytes) -> None:
    frame = bytes.fromhex("04224d18604082") + len(data).to_bytes(4, "little") + data + bytes(4)

    def outcome(kernel: Any) -> bytes | None:
        try:
            return unpack(kernel, "lz4", frame)
        except ValueError:
            return None

    # liblz4 also refuses what no compressor ends a block with, the twin only what cannot be read.
    native = outcome(compress)
    assert native is None or native == outcome(compress_pure)


@TWINS
@pytest.mark.parametrize("name", ["crc32c", "crc32c_portable"])
@pytest.mark.parametrize(
    ("data", "crc"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_crc32c_is_what_rfc_3720_says(kernel: Any, name: str, data: bytes, crc: int) -> None:
    assert getattr(kernel, name)(data) == crc


@pytest.mark.parametrize("size", [*range(18), 3071, 3072, 3073, 6144, 9999, 70_000])
def test_crc32c_is_the_same_by_instruction_table_and_twin(size: int) -> None:
    for begin in (0, 1, 5):
        data = NOISE[begin : begin + size]
        assert compress.crc32c(data, 77) == compress.crc32c_portable(data, 77) == compress_pure.crc32c(data, 77)


@TWINS
@given(pieces=st.lists(st.binary(max_size=40), max_size=6))
def test_crc32c_goes_on_from_piece_to_piece(kernel: Any, pieces: list[bytes]) -> None:
    crc = 0
    for piece in pieces:
        crc = kernel.crc32c(piece, crc)
    assert crc == compress.crc32c(b"".join(pieces))


@TWINS
@CODECS
def test_any_contiguous_buffer_is_taken(kernel: Any, codec: str) -> None:
    numbers = array("q", range(100))
    for buffer in (numbers, memoryview(numbers), bytearray(numbers.tobytes()), memoryview(numbers.tobytes())[8:]):
        plain = bytes(memoryview(buffer).cast("B"))
        packed = getattr(kernel, f"{codec}_compress")(buffer)
        assert getattr(kernel, f"{codec}_decompress")(bytearray(packed), 1000) == plain
        assert kernel.crc32c(buffer) == kernel.crc32c(plain)


@CODECS
def test_what_is_no_contiguous_buffer_is_refused(codec: str) -> None:
    with pytest.raises(BufferError):
        getattr(compress, f"{codec}_compress")(memoryview(b"abcdef")[::2])
    with pytest.raises(TypeError):
        getattr(compress, f"{codec}_decompress")("text", 10)
