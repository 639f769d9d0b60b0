"""A request's body: read within bounds of size and time, and uncompressed within its own."""

import asyncio
import zlib

from fairlead._native.compress import zstd_decompress
from fairlead.net.aio import web
from fairlead.net.answers import ApiError

CODINGS = ("zstd", "gzip", "identity")
DEADLINE_S = 30.0
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


def coding_of(request: web.BaseRequest) -> str:
    """Return the Content-Encoding; ApiError for one that is not taken."""
    coding = request.headers.get("Content-Encoding", "identity").strip().lower() or "identity"
    if coding not in CODINGS:
        raise ApiError(415, "this coding is not taken", "header Content-Encoding", ", ".join(CODINGS))
    return coding


async def read(request: web.BaseRequest, most_bytes: int) -> bytes:
    """Return the body as it was sent; ApiError where it is too large, too slow or broken off."""
    too_large = ApiError(413, "the request is too large", "body", f"at most {most_bytes} bytes")
    if (request.content_length or 0) > most_bytes:
        raise too_large
    if request.headers.get("Expect", "").lower() == "100-continue":
        # aiohttp leaves this to whoever reads the body; curl waits a second for it.
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(DEADLINE_S):
            while part := await request.content.readany():
                size += len(part)
                if size > most_bytes:
                    raise too_large
                parts.append(part)
    except TimeoutError:
        raise ApiError(408, "the body did not come in time", "body", f"{DEADLINE_S:g} s") from None
    except web.RequestPayloadError:
        raise ApiError(400, "the body broke off or is not framed as HTTP says", "body") from None
    return b"".join(parts)


def uncompress(body: bytes, coding: str, most_bytes: int) -> bytes:
    """Return what a body holds; ApiError where it is more than `most_bytes`, or not what its coding says."""
    too_large = ApiError(413, "the records are too large", "body", f"at most {most_bytes} bytes uncompressed")
    if coding == "zstd":
        return _unzstd(body, most_bytes, too_large)
    plain = _gunzip(body, most_bytes) if coding == "gzip" else body
    if len(plain) > most_bytes:
        raise too_large
    return plain


def _gunzip(body: bytes, most_bytes: int) -> bytes:
    """Return the content of one gzip member, or one byte more than `most_bytes` of it. RFC 1952."""
    stream = zlib.decompressobj(_GZIP_WINDOW)
    try:
        plain = stream.decompress(body, most_bytes + 1)
        if len(plain) <= most_bytes and (not stream.eof or stream.unused_data):
            raise ApiError(400, "not one whole gzip member", "body")
    except zlib.error:
        raise ApiError(400, "not gzip", "body") from None
    return plain


def _unzstd(body: bytes, most_bytes: int, too_large: ApiError) -> bytes:
    """Return the content of zstd frames. RFC 8878."""
    try:
        return zstd_decompress(body, most_bytes)
    except ValueError as error:
        if "holds more than" in str(error):
            raise too_large from None
        raise ApiError(400, "not zstd", "body") from None
