"""What answers of a server, and servers that do not answer, mean to who posts."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from fairlead.core.errors import SinkError, SinkRejected, SinkTooLarge, SinkUnavailable, UsageError
from fairlead.net.answers import ApiError
from fairlead.net.http import Poster
from tests.rig.ports import free_ports
from tests.support.certificate import make_certificate

BODY = b'{"message":"one"}\n'
NGINX = b"<html>\r\n<head><title>400 Bad Request</title></head>\r\n<body><center>nginx</center></body>\r\n</html>"


def own(error: ApiError) -> bytes:
    """Return the body that one of Fairlead's servers gives an error."""
    return error.answer().body  # type: ignore[return-value]  # of a Response it is bytes


OF_BODY = own(ApiError(400, "line 3 is no record", "body"))
OF_HEADER = own(ApiError(400, "no agent id", "header Fairlead-Agent", "1 to 128 of A-Z"))


@contextlib.asynccontextmanager
async def answering(status: int, body: bytes = b"", tls: ssl.SSLContext | None = None, **headers: str) -> AsyncIterator[int]:
    """Answer each request so, on a port of its own."""
    fields = {"Content-Length": str(len(body)), **{name.replace("_", "-"): text for name, text in headers.items()}}
    head = f"HTTP/1.1 {status} Told\r\n" + "".join(f"{name}: {text}\r\n" for name, text in fields.items()) + "\r\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            if await reader.readexactly(1) != b"\x16":  # a TLS handshake
                await reader.readuntil(BODY)
            writer.write(head.encode() + body)
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls) as server:
        yield server.sockets[0].getsockname()[1]


async def posted(url: str, *, token_file: str = "", ca_file: str = "", key: str = "sink.http.url", to_collector: bool = True) -> SinkError:
    """Return what a post ends with."""
    poster = await asyncio.to_thread(Poster, key, url, token_file, ca_file, 10.0)
    await poster.start()
    try:
        await poster.post(BODY, {}, to_collector=to_collector)
    except SinkError as error:
        return error
    finally:
        await poster.close()
    raise AssertionError("it was taken")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        *((status, b"", SinkUnavailable) for status in (301, 302, 307, 400, 401, 402, 403, 404, 405, 408, 409, 415, 421, 426, 429, 451)),
        *((status, b"", SinkUnavailable) for status in (500, 502, 503, 504)),
        (400, NGINX, SinkUnavailable),
        (400, b'{"error": "bad gateway"}', SinkUnavailable),
        (400, OF_HEADER, SinkUnavailable),
        (421, OF_BODY, SinkUnavailable),
        (400, OF_BODY, SinkRejected),
        (422, b"", SinkRejected),
        (413, b"", SinkTooLarge),
    ],
)
async def test_only_what_is_said_of_the_body_is_a_rejection_when_a_collector_is_meant(
    status: int, body: bytes, kind: type[SinkError]
) -> None:
    async with answering(status, body) as port:
        error = await posted(f"http://127.0.0.1:{port}/api/v1/ingest")
        assert type(error) is kind
        assert str(error).startswith(f"http://127.0.0.1:{port}/api/v1/ingest answered {status}")


@pytest.mark.parametrize(
    ("status", "kind"), [(302, SinkRejected), (400, SinkRejected), (403, SinkRejected), (429, SinkUnavailable), (503, SinkUnavailable)]
)
async def test_any_other_server_rejects_with_a_4xx(status: int, kind: type[SinkError]) -> None:
    async with answering(status) as port:
        assert type(await posted(f"http://127.0.0.1:{port}/", key="--push", to_collector=False)) is kind


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (503, own(ApiError(503, "the disk is full")), " answered 503: the disk is full"),
        (400, OF_BODY, " answered 400: line 3 is no record (body)"),
        (400, OF_HEADER, " answered 400: no agent id (header Fairlead-Agent: 1 to 128 of A-Z)"),
        (400, NGINX, " answered 400: 400 Bad Request nginx"),
        (502, b"two\nlines \x1b[31m\x00\xff", " answered 502: two lines [31m \ufffd"),
        (401, b"", " answered 401: it asks for a token; give sink.http.token_file"),
        (404, own(ApiError(404, "nothing is served here")), " answered 404; is this the collector's source.http.listen?"),
        (301, b"", " answered 301; give the address that it points to"),
    ],
)
async def test_the_reason_is_told_in_a_line(status: int, body: bytes, told: str) -> None:
    async with answering(status, body) as port:
        assert str(await posted(f"http://127.0.0.1:{port}/x")) == f"http://127.0.0.1:{port}/x{told}"


async def test_a_long_reason_is_cut() -> None:
    async with answering(500, b"x" * 100_000) as port:
        assert str(await posted(f"http://127.0.0.1:{port}/")).endswith(f"answered 500: {'x' * 300}")


async def test_a_token_that_is_refused_is_named_by_its_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("s3cret\n")
    async with answering(401) as port:
        error = await posted(f"http://127.0.0.1:{port}/", token_file=str(file))
    assert str(error).endswith(f"answered 401: the token of {file} is not accepted; see the collector's tokens_file")


async def test_the_wish_of_a_server_when_to_come_again_is_kept() -> None:
    async with answering(503, Retry_After="7") as port:
        error = await posted(f"http://127.0.0.1:{port}/")
    assert isinstance(error, SinkUnavailable)
    assert error.retry_after_s == 7


async def test_http_and_https_that_are_mixed_up_are_told(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "server")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    async with answering(200, tls=tls) as port:
        assert str(await posted(f"http://127.0.0.1:{port}/")).endswith("; does it speak https?")
        error = str(await posted(f"https://127.0.0.1:{port}/"))
        assert error.startswith(f"https://127.0.0.1:{port}/: its certificate is not trusted (self")
        assert error.endswith("; name its authority with sink.http.ca_file")
    async with answering(200) as port:
        error = str(await posted(f"https://127.0.0.1:{port}/", ca_file=str(certificate)))
        assert error.startswith(f"https://127.0.0.1:{port}/: no TLS is spoken there")
        assert error.endswith("; does it speak http?")


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_nobody_there_is_told_without_the_librarys_internals(scheme: str) -> None:
    [port] = free_ports(1)
    assert str(await posted(f"{scheme}://127.0.0.1:{port}/x")) == f"{scheme}://127.0.0.1:{port}/x: Connection refused"


@pytest.mark.parametrize("key", ["sink.http.url", "--push"])
@pytest.mark.parametrize("url", ["http://u:hunter2@host/x", "ftp://u:hunter2@host", "u:hunter2@host/x", "http://u:hunter2/3@host/x"])
def test_a_secret_in_a_url_is_refused_and_not_repeated(key: str, url: str) -> None:
    with pytest.raises(UsageError, match=r"a user or password in it would be shown; use (sink\.http\.token_file|--token-file)$") as caught:
        Poster(key, url, "", "", 1.0)
    assert "hunter2" not in str(caught.value)


def test_an_at_sign_in_a_path_is_no_secret() -> None:
    Poster("--push", "http://host/metrics/job@site", "", "", 1.0)


def test_errors_of_our_own_servers_are_known_again() -> None:
    assert orjson.loads(OF_BODY) == {"error": {"what": "line 3 is no record", "where": "body", "allowed": ""}}
