"""Specification of the compression kernel and oracle of native/compress.pyx. Not used to work.

Compression here stores: its frames are valid and as long as their content. LZ4 is decompressed whole, but for checksums, which are
passed over; of zstd only what is stored or repeated (RFC 8878, raw and RLE blocks): the `zstd` program is the oracle for the rest.
Formats: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md and lz4_Block_format.md, RFC 8878, RFC 3720 (appendix B.4).
"""

from functools import cache

from typing_extensions import Buffer

LZ4_MAGIC, ZSTD_MAGIC = 0x184D2204, 0xFD2FB528
SKIPPABLE_MAGIC = 0x184D2A50  # to ...5F
LZ4_BLOCK_BYTES, ZSTD_BLOCK_BYTES = 1 << 16, 1 << 17


class _Reader:
    """Consecutive fields of bytes; a field beyond the end is a ValueError."""

    def __init__(self, data: Buffer, name: str) -> None:
        self.data, self.at, self.name = bytes(data), 0, name

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        if size > len(self.data) - self.at:
            raise ValueError(f"{self.name} data is cut")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, size: int) -> int:
        """Return the next little-endian number."""
        return int.from_bytes(self.take(size), "little")

    @property
    def ended(self) -> bool:
        """Whether all is read."""
        return self.at == len(self.data)


def lz4_compress(data: Buffer, level: int = 0) -> bytes:
    """Return an LZ4 frame as Kafka's clients read it: independent blocks of 64 KB, neither checksums nor content size.

    `level` 0 is fast, negative ones faster, 3 to 12 compress highly.
    """
    content = bytes(data)
    out = LZ4_MAGIC.to_bytes(4, "little") + b"\x60\x40\x82"  # the last byte is the checksum of the two before
    for begin in range(0, len(content), LZ4_BLOCK_BYTES):
        block = content[begin : begin + LZ4_BLOCK_BYTES]
        out += (1 << 31 | len(block)).to_bytes(4, "little") + block
    return out + bytes(4)


def lz4_decompress(data: Buffer, limit: int) -> bytes:
    """Return the content of one or more LZ4 frames of any kind, but those that need a dictionary.

    ValueError when it is more than `limit` bytes, before more is allocated, and for what is cut or corrupt.
    """
    reader, out = _Reader(data, "lz4"), bytearray()
    if limit < 0:
        raise ValueError("limit is negative")
    while True:
        magic = reader.number(4)
        if magic & ~0xF == SKIPPABLE_MAGIC:
            reader.take(reader.number(4))
        elif magic == LZ4_MAGIC:
            _lz4_frame(reader, out, limit)
        else:
            raise ValueError("lz4 data is corrupt")
        if reader.ended:
            return bytes(out)


def _lz4_frame(reader: _Reader, out: bytearray, limit: int) -> None:
    flags, sizes = reader.number(1), reader.number(1)
    if flags >> 6 != 1 or flags & 2 or sizes & 0x8F or sizes >> 4 < 4:
        raise ValueError("lz4 data is corrupt")
    reader.take((8 if flags & 8 else 0) + (4 if flags & 1 else 0) + 1)
    most, base = 1 << 2 * (sizes >> 4) + 8, len(out)
    while size := reader.number(4):
        base = len(out) if flags & 0x20 else base
        stored, size = size >> 31, size & 0x7FFFFFFF
        if size > most:
            raise ValueError("lz4 data is corrupt")
        block = reader.take(size)
        if stored:
            out += block
        else:
            _lz4_block(_Reader(block, "lz4"), out, base, len(out) + most)
        reader.take(4 if flags & 0x10 else 0)
        if len(out) > limit:
            raise ValueError(f"lz4 data holds more than {limit} bytes")
    reader.take(4 if flags & 4 else 0)


def _lz4_block(reader: _Reader, out: bytearray, base: int, most: int) -> None:
    """Append what a block holds to `out`, whose bytes from `base` on it may repeat, up to a length of `most`."""

    def length(nibble: int) -> int:
        more = 255 if nibble == 15 else 0
        while more == 255:
            more = reader.number(1)
            nibble += more
        return nibble

    while True:
        token = reader.number(1)
        out += reader.take(length(token >> 4))
        if reader.ended:
            break
        distance = reader.number(2)
        repeat = 4 + length(token & 15)
        if not 0 < distance <= len(out) - base or len(out) + repeat > most:
            raise ValueError("lz4 data is corrupt")
        for _ in range(repeat):
            out.append(out[-distance])
    if len(out) > most:
        raise ValueError("lz4 data is corrupt")


def zstd_compress(data: Buffer, level: int = 1) -> bytes:
    """Return a zstd frame; `level` is 1 (fast) to 22 (small), negative ones are faster, and 0 is zstd's default, 3."""
    content = bytes(data)
    out = ZSTD_MAGIC.to_bytes(4, "little") + b"\0\x38"  # nothing but a window of 128 KB
    for begin in range(0, len(content), ZSTD_BLOCK_BYTES):
        block = content[begin : begin + ZSTD_BLOCK_BYTES]
        out += (len(block) << 3).to_bytes(3, "little") + block
    return out + b"\1\0\0"  # the last block, and empty


def zstd_decompress(data: Buffer, limit: int) -> bytes:
    """Return the content of one or more zstd frames, but those that need a dictionary.

    ValueError when it is more than `limit` bytes, before more is allocated, and for what is cut or corrupt.
    """
    reader, out = _Reader(data, "zstd"), bytearray()
    if limit < 0:
        raise ValueError("limit is negative")
    while True:
        magic = reader.number(4)
        if magic & ~0xF == SKIPPABLE_MAGIC:
            reader.take(reader.number(4))
        elif magic == ZSTD_MAGIC:
            _zstd_frame(reader, out, limit)
        else:
            raise ValueError("zstd data is corrupt")
        if reader.ended:
            return bytes(out)


def _zstd_frame(reader: _Reader, out: bytearray, limit: int) -> None:
    flags = reader.number(1)
    single, content_size = flags >> 5 & 1, flags >> 6
    reader.take((not single) + (0, 1, 2, 4)[flags & 3] + ((single, 2, 4, 8)[content_size]))
    last = 0
    while not last:
        block = reader.number(3)
        last, kind, size = block & 1, block >> 1 & 3, block >> 3
        if kind == 2:
            raise NotImplementedError("compressed blocks")
        if kind == 3 or size > ZSTD_BLOCK_BYTES:
            raise ValueError("zstd data is corrupt")
        out += reader.take(size) if kind == 0 else reader.take(1) * size
        if len(out) > limit:
            raise ValueError(f"zstd data holds more than {limit} bytes")
    reader.take(4 if flags & 4 else 0)


@cache
def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


def crc32c(data: Buffer, value: int = 0) -> int:
    """Return the CRC-32C of data that follows data whose CRC is `value`."""
    table, crc = _crc_table(), value ^ 0xFFFFFFFF
    for byte in bytes(data):
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


crc32c_portable = crc32c  # the kernel's way on processors without the instruction
