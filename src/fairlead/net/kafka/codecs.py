"""Lets aiokafka's consumer read lz4 and zstd by our own kernel: it asks for cramjam, a library that brings ten codecs and Rust.

Import this before a consumer is made. Snappy stays unread: a batch of it fails with its name.
"""

from types import SimpleNamespace

from aiokafka import codec

from fairlead._native import compress

LIMIT_BYTES = 128 << 20
"""A batch that unpacks to more is refused."""


def _unpack_lz4(data: bytes) -> bytes:
    plain: bytes = compress.lz4_decompress(data, LIMIT_BYTES)
    return plain


def _unpack_zstd(data: bytes) -> bytes:
    plain: bytes = compress.zstd_decompress(data, LIMIT_BYTES)
    return plain


def _no_snappy(data: bytes) -> bytes:
    raise ValueError("snappy is not read; let the producer use lz4, zstd or gzip")


codec.cramjam = SimpleNamespace(
    lz4=SimpleNamespace(decompress=_unpack_lz4, compress=compress.lz4_compress),
    zstd=SimpleNamespace(decompress=_unpack_zstd, compress=compress.zstd_compress),
    snappy=SimpleNamespace(decompress_raw=_no_snappy, compress_raw=_no_snappy),
)
