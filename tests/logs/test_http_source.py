"""The collector's intake from outside: what is taken, what is refused and how, and what a bad client can do."""

import asyncio
import gzip
import random
import ssl
import string
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import pytest

from fairlead._native.compress import zstd_compress
from fairlead.core.errors import SinkRejected, SinkUnavailable, UsageError
from fairlead.logs.collector import request_body
from fairlead.logs.collector.agent_tokens import AgentTokens
from fairlead.logs.collector.http_source import IngestRejected, Posted, PostedKind
from fairlead.logs.collector.settings import HttpSourceSettings
from fairlead.logs.settings import HttpSinkSettings
from fairlead.logs.sinks.http import HttpSink
from fairlead.net import httpserver
from fairlead.net.aio import aiohttp
from tests.logs.serving import LINES, WAITING, ServedSource, request, serving
from tests.support.certificate import make_certificate
from tests.support.samples import ManualClock, batch
from tests.support.waiting import until
from tests.web.serving import serving as page

ZSTD_OF_ZEROS = zstd_compress(bytes(64 << 20))
GZIP_OF_ZEROS = gzip.compress(bytes(64 << 20), 1)
KINDS: tuple[PostedKind, ...] = ("log", "heartbeat", "metric")


def status_of(answer: bytes) -> int:
    """Return the status of the first answer, 0 without one."""
    return int(answer.split(b" ", 2)[1]) if answer else 0


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        (None, LINES),
        ("identity", LINES),
        ("gzip", gzip.compress(LINES)),
        ("GZIP", gzip.compress(LINES)),
        ("zstd", zstd_compress(LINES)),
        ("identity", b""),
        ("gzip", gzip.compress(b"")),
    ],
)
async def test_records_are_taken_in_each_coding(coding: str | None, body: bytes) -> None:
    async with serving() as made:
        answer = await made.post(body, Content_Encoding=coding)
        lines = LINES if len(body) > 20 else b""
        assert (answer.status, answer.body) == (200, {"acknowledged": lines.count(b"\n")})
        assert made.taken == [Posted("a1", 7, "log", lines)]
        assert made.counted("fairlead_ingest_requests_total", "200") == 1
        assert made.counted("fairlead_ingest_bytes_total") == len(body)


async def test_a_chunked_body_and_each_kind_are_taken() -> None:
    async def pieces() -> Any:
        for i in range(0, len(LINES), 5):
            yield LINES[i : i + 5]

    async with serving() as made:
        for number, kind in enumerate(KINDS):
            assert (await made.post(pieces(), Fairlead_Kind=kind, Fairlead_Batch=str(number))).status == 200
        assert made.taken == [Posted("a1", number, kind, LINES) for number, kind in enumerate(KINDS)]


async def test_requests_in_a_row_on_one_connection_are_answered_in_order() -> None:
    async with serving() as made:
        sent = b"".join(request(Fairlead_Batch=str(number)) for number in range(5)) + request(Fairlead_Batch="5", Connection="close")
        answer = await made.exchange(sent)
        assert answer.count(b"HTTP/1.1 200 OK") == 6
        assert [posted.number for posted in made.taken] == list(range(6))


async def test_a_client_that_asks_before_it_sends_is_told_to_go_on() -> None:
    async with serving() as made:
        reader, writer = await made.connect()
        head, _, body = request(Expect="100-continue", Connection="close").partition(b"\r\n\r\n")
        writer.write(head + b"\r\n\r\n")
        assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10) == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert status_of(await asyncio.wait_for(reader.read(), 10)) == 200
        writer.close()


TOKENS = "# agents\n\na1 first-secret\n  a2\tsecond-secret  \n* secret-of-all\n"


@pytest.mark.parametrize(
    ("agent", "authorization", "status"),
    [
        ("a1", "Bearer first-secret", 200),
        ("a2", "bearer second-secret", 200),
        ("a3", "Bearer secret-of-all", 200),
        ("a1", "Bearer secret-of-all", 401),
        ("a1", "Bearer second-secret", 401),
        ("a3", "Bearer first-secret", 401),
        ("a1", "Basic first-secret", 401),
        ("a1", "first-secret", 401),
        ("a1", "Bearer", 401),
        ("a1", "Bearer f\u00efrst-secret", 401),
        ("a1", None, 401),
        ("*", "Bearer secret-of-all", 400),
    ],
)
async def test_an_agent_is_known_by_its_token_only(tmp_path: Path, agent: str, authorization: str | None, status: int) -> None:
    file = tmp_path / "tokens"
    file.write_text(TOKENS)
    async with serving(tokens_file=str(file)) as made:
        answer = await made.post(Fairlead_Agent=agent, Authorization=authorization)
        assert answer.status == status
        assert "secret" not in str(answer)
        assert len(made.taken) == (status == 200)
        assert ("WWW-Authenticate" in answer.headers) == (status == 401)
        assert (await made.post(path="/livez", method="GET")).status == 200


async def test_bytes_that_are_no_text_in_a_token_are_a_wrong_token(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "tokens"
    file.write_text(TOKENS)
    async with serving(tokens_file=str(file)) as made:
        sent = request(Authorization="Bearer ?", Connection="close").replace(b"Bearer ?", b"Bearer \xff\xfe")
        assert status_of(await made.exchange(sent)) == 401
    assert [record.getMessage() for record in caplog.records] == ["an agent's token is refused, see tokens_file"]


async def test_wrong_tokens_are_counted_and_a_right_one_passes_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(TOKENS)
    async with serving(tokens_file=str(file)) as made:
        answers = [await made.post(Authorization="Bearer no", Fairlead_Agent=f"a{i}") for i in range(12)]
        assert [answer.status for answer in answers] == [401] * 10 + [429] * 2
        assert answers[-1].headers["Retry-After"] == "60"
        assert (await made.post(Authorization="Bearer first-secret")).status == 200
        await made.clock.advance(61)
        assert (await made.post(Authorization="Bearer no")).status == 401


async def test_refused_tokens_and_batches_are_told_once_a_minute(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "tokens"
    file.write_text(TOKENS)
    right = {"Authorization": "Bearer first-secret"}
    async with serving(tokens_file=str(file)) as made:
        for minute in range(2):
            for _ in range(3 + minute):
                await made.post(Authorization="Bearer s3cret")
                made.errors.append(IngestRejected("line 3 is no record"))
                assert (await made.post(**right)).status == 400
            await made.clock.advance(60)
        assert (await made.post(path="/", **right)).status == 404
    told = [(record.getMessage(), vars(record)["fields"]) for record in caplog.records]
    who = {"agent": "a1", "address": "127.0.0.1"}
    token = "an agent's token is refused, see tokens_file", who | {"problem": "a token of this agent is needed"}
    batch_ = "a batch is refused", who | {"status": 400, "problem": "line 3 is no record", "where": "body"}
    assert told == [(message, fields | {"refused": count}) for count in (1, 3) for message, fields in (token, batch_)]
    assert "s3cret" not in caplog.text


async def test_tokens_are_read_anew_and_a_broken_file_leaves_the_old_ones(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("a1 old\n")
    async with serving(tokens_file=str(file)) as made:
        file.write_text("a1 new\n")
        await asyncio.to_thread(made.source.reload)
        assert [(await made.post(Authorization=f"Bearer {token}")).status for token in ("old", "new")] == [401, 200]
        file.write_text("a1\n")
        with pytest.raises(UsageError):
            await asyncio.to_thread(made.source.reload)
        assert (await made.post(Authorization="Bearer new")).status == 200


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "holds no token"),
        ("# only a comment\n", "holds no token"),
        ("a1 s3cret\na2\n", ":2: allowed is AGENT_ID TOKEN"),
        ("a1 s3cret more\n", ":1: allowed is AGENT_ID TOKEN"),
        ("a,1 s3cret\n", ":1: allowed is AGENT_ID TOKEN"),
        ("a1 s3cret\na1 other\n", ":2: this agent has a token already"),
        (None, "No such file or directory"),
    ],
)
def test_a_wrong_tokens_file_is_told_without_its_secrets(tmp_path: Path, content: str | None, told: str) -> None:
    file = tmp_path / "tokens"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UsageError) as caught:
        AgentTokens(str(file))
    assert told in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"listen": "0.0.0.0:9322"}, "listen: 0.0.0.0 lets others in; allowed without tokens_file are loopback addresses"),
        ({"listen": "[::]:9322"}, "listen: :: lets others in"),
        ({"listen": "9322"}, "is not an address to listen on"),
        ({"listen": "127.0.0.1:9322", "tls_cert": "a.pem"}, "has one of tls_cert and tls_key"),
    ],
)
def test_settings_that_let_others_in_are_refused(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told.replace("[", r"\[")):
        HttpSourceSettings(**settings)


@pytest.mark.parametrize(
    ("headers", "status", "where"),
    [
        ({"Fairlead-Agent": None}, 400, "header Fairlead-Agent"),
        ({"Fairlead-Agent": "a 1"}, 400, "header Fairlead-Agent"),
        ({"Fairlead-Agent": "a" * 129}, 400, "header Fairlead-Agent"),
        ({"Fairlead-Batch": None}, 400, "header Fairlead-Batch"),
        ({"Fairlead-Batch": "-1"}, 400, "header Fairlead-Batch"),
        ({"Fairlead-Batch": "\u0665"}, 400, "header Fairlead-Batch"),
        ({"Fairlead-Batch": str(1 << 63)}, 400, "header Fairlead-Batch"),
        ({"Fairlead-Batch": "9" * 5000}, 400, "header Fairlead-Batch"),
        ({"Fairlead-Kind": "trace"}, 400, "header Fairlead-Kind"),
        ({"Content-Type": "text/plain"}, 415, "header Content-Type"),
        ({"Content-Encoding": "br"}, 415, "header Content-Encoding"),
        ({"Content-Encoding": "gzip, gzip"}, 415, "header Content-Encoding"),
        ({"Origin": "http://evil.example"}, 403, "header Origin"),
    ],
)
async def test_wrong_headers_are_told_with_their_place(headers: dict[str, Any], status: int, where: str) -> None:
    async with serving() as made:
        answer = await made.post(**headers)
        assert (answer.status, answer.body["error"]["where"]) == (status, where)
        assert made.taken == []
    if where == "header Content-Encoding":
        assert answer.headers["Accept-Encoding"] == "zstd, gzip, identity"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("POST", "/api/v1/ingest/", 404),
        ("POST", "/metrics", 404),
        ("GET", "/api/v1/ingest", 405),
        ("PUT", "/api/v1/ingest", 405),
        ("POST", "/livez", 405),
        ("GET", "/livez", 200),
        ("HEAD", "/livez", 200),
    ],
)
async def test_unknown_paths_and_methods_are_told(method: str, path: str, status: int) -> None:
    async with serving() as made:
        answer = await made.post(b"" if method == "POST" else None, method=method, path=path)
        assert answer.status == status
        assert ("Allow" in answer.headers) == (status == 405)
        assert made.taken == []


async def test_a_body_too_large_is_refused_before_and_while_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpserver, "_LINGER_S", 0.1)
    async with serving(max_body=1000) as made:
        assert (await made.post(b"x" * 1000)).status == 200
        told = await made.post(b"x" * 1001)
        assert (told.status, told.body["error"]["allowed"]) == (413, "at most 1000 bytes")
        assert told.headers["Connection"] == "close"
        head, _, _ = request(b"", Content_Length="", Transfer_Encoding="chunked").partition(b"\r\n\r\n")
        answer = await made.exchange(head + b"\r\n\r\n" + b"400\r\n" + b"x" * 1024 + b"\r\n")
        assert status_of(answer) == 413
        assert b"Connection: close" in answer
        assert len(made.taken) == 1


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("identity", b"x" * 1001),
        ("gzip", gzip.compress(b"x" * 1001)),
        ("zstd", zstd_compress(b"x" * 1001)),
        ("gzip", GZIP_OF_ZEROS),
        ("zstd", ZSTD_OF_ZEROS),
    ],
    ids=["plain", "gzip", "zstd", "gzip bomb", "zstd bomb"],
)
async def test_records_too_large_are_refused(coding: str, body: bytes) -> None:
    async with serving(max_records_bytes=1000) as made:
        answer = await made.post(body, Content_Encoding=coding)
        assert (answer.status, made.taken) == (413, [])


@pytest.mark.parametrize(("coding", "body"), [("gzip", GZIP_OF_ZEROS), ("zstd", ZSTD_OF_ZEROS)], ids=["gzip", "zstd"])
def test_a_bomb_takes_no_more_memory_than_is_allowed(coding: str, body: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(Exception, match="too large"):
        request_body.uncompress(body, coding, 1 << 20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 << 20


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", b"rubbish"),
        ("gzip", b""),
        ("gzip", gzip.compress(LINES)[:-1]),
        ("gzip", gzip.compress(LINES) + b"more"),
        ("gzip", gzip.compress(LINES) * 2),
        ("gzip", zlib.compress(LINES)),
        ("gzip", gzip.compress(LINES)[:-8] + b"12345678"),
        ("zstd", b"rubbish"),
        ("zstd", zstd_compress(LINES)[:-1]),
        ("zstd", zstd_compress(LINES) + b"more"),
        ("zstd", gzip.compress(LINES)),
    ],
)
async def test_a_body_that_is_not_what_its_coding_says_is_refused(coding: str, body: bytes) -> None:
    async with serving() as made:
        answer = await made.post(body, Content_Encoding=coding)
        assert (answer.status, answer.body["error"]["where"]) == (400, "body")
        assert made.taken == []


async def test_what_is_too_much_at_once_is_told_to_come_later() -> None:
    async with serving(waiting=2) as made:
        made.gate.clear()
        first = [asyncio.create_task(made.post(Fairlead_Batch=str(number))) for number in range(2)]
        await until(lambda: made.waiting == 2, "two requests in the store")
        assert not made.readiness.report()[0]
        told = await made.post()
        assert (told.status, told.headers["Retry-After"]) == (429, "1")
        made.gate.set()
        assert [answer.status for answer in await asyncio.gather(*first)] == [200, 200]
        assert made.readiness.report()[0]
        assert (await made.post()).status == 200
        assert made.counted("fairlead_ingest_requests_total", "429") == 1


@pytest.mark.parametrize(
    ("error", "status", "retry_after", "told"),
    [
        (SinkUnavailable("the disk is full", 2.2), 503, "3", "the disk is full"),
        (SinkUnavailable("the store is busy"), 503, "1", "the store is busy"),
        (IngestRejected("line 3 is no record"), 400, None, "line 3 is no record"),
        (ConnectionRefusedError("no store there"), 500, None, "the collector failed; its log says why"),
        (RuntimeError("inner s3cret"), 500, None, "the collector failed; its log says why"),
    ],
)
async def test_what_the_store_says_is_passed_on(error: Exception, status: int, retry_after: str | None, told: str) -> None:
    async with serving() as made:
        made.errors.append(error)
        answer = await made.post()
        assert (answer.status, answer.headers.get("Retry-After"), answer.body["error"]["what"]) == (status, retry_after, told)
        assert (await made.post()).status == 200


async def test_a_slow_body_is_given_up_and_its_place_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "DEADLINE_S", 0.1)
    monkeypatch.setattr(httpserver, "_LINGER_S", 0.1)
    async with serving(waiting=1) as made:
        assert status_of(await made.exchange(request()[:-1])) == 408
        assert (await made.post()).status == 200
        assert len(made.taken) == 1


async def test_a_client_that_says_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpserver, "FIRST_REQUEST_S", 0.1)
    async with serving() as made:
        assert await made.exchange(b"POST /api/v1/ing") == b""


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_client_that_leaves_in_the_middle_hands_nothing_in(chunked: bool, caplog: pytest.LogCaptureFixture) -> None:
    headers = {"Content_Length": "", "Transfer_Encoding": "chunked"} if chunked else {"Content_Length": "1000"}
    async with serving(waiting=1) as made:
        for half_close in (False, True):
            _, writer = await made.connect()
            writer.write(request(b"3e8\r\n{" if chunked else b"{", **headers))
            await until(lambda: not made.readiness.report()[0], "the request")
            if half_close:
                writer.write_eof()
            else:
                writer.transport.abort()
            await until(lambda: made.readiness.report()[0], "the place to be free")
            writer.transport.abort()
        assert (await made.post()).status == 200
        assert len(made.taken) == 1
    assert not caplog.records


async def test_what_an_agent_gave_up_is_taken_in_to_its_end() -> None:
    async with serving() as made:
        made.gate.clear()
        _, writer = await made.connect()
        writer.write(request())
        await until(lambda: made.waiting, "the request in the store")
        writer.transport.abort()
        made.gate.set()
        await until(lambda: made.taken, "the records")


async def test_close_ends_what_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpserver, "_SHUTDOWN_S", 0.05)
    async with serving() as made:
        made.gate.clear()
        hanging = asyncio.create_task(made.post())
        await until(lambda: made.waiting, "the request in the store")
        _, slow = await made.connect()
        slow.write(request()[:-1])
        await until(lambda: made.counted(WAITING) == 2, "the slow one")
        await made.source.close()
        assert isinstance((await asyncio.gather(hanging, return_exceptions=True))[0], aiohttp.ClientError)
        assert (made.waiting, made.taken) == (0, [])
        slow.transport.abort()


async def test_tls_is_spoken_and_nothing_else(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "one")
    context = await asyncio.to_thread(ssl.create_default_context, cafile=str(certificate))
    async with serving(tls_cert=str(certificate), tls_key=str(key)) as made:
        assert made.url.startswith("https://")
        async with aiohttp.ClientSession() as session, session.get(f"{made.source.url}/livez", ssl=context) as answer:
            assert answer.status == 200
        assert await made.exchange(request()) == b""


async def test_a_port_in_use_says_what_to_change() -> None:
    async with serving() as made:
        with pytest.raises(UsageError, match="in use; give another address with source\\.http\\.listen"):
            async with serving(listen=made.source.url.partition("://")[2]):
                pass


def mutated(rng: random.Random) -> bytes:
    """Return a request with a few bytes changed, cut out, doubled or put in, or bytes at random."""
    if rng.random() < 0.1:
        return rng.randbytes(rng.randrange(300))
    coding, body = rng.choice([("", LINES), ("gzip", gzip.compress(LINES)), ("zstd", zstd_compress(LINES))])
    data = bytearray(request(body, Content_Encoding=coding) * rng.choice([1, 1, 2]))
    for _ in range(rng.randrange(1, 5)):
        at, size = rng.randrange(len(data)), rng.randrange(1, 12)
        piece = rng.choice([rng.randbytes(size), b"", bytes(data[at : at + size]) * 2, b"\r\n", b"0", b": "])
        data[at : at + (size if rng.random() < 0.7 else 0)] = piece
    return bytes(data)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the intake give up soon on whoever does not go on."""
    for name in ("FIRST_REQUEST_S", "_KEEPALIVE_S", "_LINGER_S"):
        monkeypatch.setattr(httpserver, name, 0.25)
    monkeypatch.setattr(request_body, "DEADLINE_S", 0.25)


async def test_bytes_at_random_break_nothing(hurried: None, caplog: pytest.LogCaptureFixture) -> None:
    rng = random.Random(5)
    async with serving(waiting=200) as made:
        await asyncio.gather(*(made.exchange(mutated(rng), half_close=True) for _ in range(200)))
        answers = await asyncio.gather(*(made.exchange(mutated(rng)) for _ in range(200)))
        statuses = {status_of(answer) for answer in answers}
        assert {200, 400} <= statuses <= {0, 200, 400, 404, 405, 408, 413, 415}
        assert (await made.post()).status == 200
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("compression", ["zstd", "gzip", "none"])
async def test_the_http_sink_delivers_to_it(tmp_path: Path, compression: Any) -> None:
    tokens, token = tmp_path / "tokens", tmp_path / "token"
    tokens.write_text("agent s3cret\n")
    token.write_text("s3cret\n")
    async with serving(tokens_file=str(tokens), max_records_bytes=4000) as made:
        settings = HttpSinkSettings(made.source.url, token_file=str(token), compression=compression)
        sink = await asyncio.to_thread(HttpSink, settings, "agent", ManualClock())
        await sink.start()
        try:
            await deliver(sink, made)
        finally:
            await sink.close()


async def test_an_agent_that_meets_the_page_instead_waits_and_is_told(tmp_path: Path) -> None:
    async with page(tmp_path) as served:
        for compression in ("zstd", "gzip", "none"):
            settings = HttpSinkSettings(served.url, compression=compression)
            sink = await asyncio.to_thread(HttpSink, settings, "agent", ManualClock())
            await sink.start()
            try:
                for lines in (["one"], ["".join(random.choices(string.ascii_letters, k=2000)) for _ in range(300)]):
                    with pytest.raises(SinkUnavailable, match=r"answered 404; is this the collector's source\.http\.listen\?$"):
                        await sink.send([batch("s", 0, lines)])
            finally:
                await sink.close()


def test_a_path_that_no_collector_has_is_told_with_the_right_one() -> None:
    with pytest.raises(UsageError, match=r"^sink\.http\.url: no collector takes in anything at /ingest; .* /api/v1/ingest$"):
        HttpSink(HttpSinkSettings("http://127.0.0.1:9322/ingest"), "agent", ManualClock())


async def deliver(sink: HttpSink, made: ServedSource) -> None:
    """Send what is taken at the second attempt, what is to be split, and what cannot be."""
    made.errors.append(SinkUnavailable("the disk is full", 2))
    small = [batch("s", 0, ["one", "two"])]
    with pytest.raises(SinkUnavailable) as away:
        await sink.send(small)
    assert away.value.retry_after_s == 2
    await sink.send(small)
    await sink.send([batch("s", 100, [f"line {i}" for i in range(100)])])
    parts = [posted.lines for posted in made.taken]
    assert len(parts) > 5
    assert b"".join(parts).count(b"\n") == 102
    assert [posted.number for posted in made.taken] == sorted({posted.number for posted in made.taken})
    with pytest.raises(SinkRejected):
        await sink.send([batch("s", 9000, ["x" * 5000])])
