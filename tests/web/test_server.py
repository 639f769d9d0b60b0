"""The server from outside: who is let in, what is answered, and what a bad client can do."""

import asyncio
import json
import ssl
from pathlib import Path

import aiohttp
import pytest
from openapi_spec_validator import validate

from fairlead.core.errors import UsageError
from fairlead.core.sample import MetricType
from fairlead.net import httpserver
from fairlead.net.tls import Certificate
from fairlead.store.interface import Intake
from fairlead.web.routes import ROUTES
from tests.support.certificate import make_certificate
from tests.support.samples import NOON_NS, SECOND_NS, batch, layout, put, tick
from tests.support.waiting import until
from tests.web.serving import serving

CPU = layout(
    "cpu",
    ("node_cpu_seconds_total", MetricType.COUNTER, {"cpu": "0", "mode": "user"}),
    ("node_cpu_seconds_total", MetricType.COUNTER, {"cpu": "1", "mode": "user"}),
)


async def get(url: str, **headers: str) -> tuple[int, str]:
    """Return the status and text of a GET."""
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status, await answer.text()


async def raw(url: str, request: bytes) -> bytes:
    """Send bytes as they are and return what comes back."""
    host, _, port = url.partition("://")[2].rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1:9320", 200),
        ("[::1]", 200),
        ("evil.example", 421),
        ("", 421),
        ("127.0.0.1.evil.example", 421),
        ("allowed.example", 200),
    ],
)
async def test_only_our_names_are_served(tmp_path: Path, host: str, status: int) -> None:
    async with serving(tmp_path, allowed_hosts=["allowed.example"]) as served:
        assert (await get(f"{served.url}/api/v1/verdict", Host=host))[0] == status
        assert (await get(f"{served.url}/livez", Host=host))[0] == status


async def test_a_token_is_asked_for_and_never_shown(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    async with serving(tmp_path, token_file=str(token)) as served:
        for path in ("/metrics", "/api/v1/verdict", "/api/v1/logs", "/api/v1/stream", "/api/v1/openapi.json"):
            assert (await get(served.url + path))[0] == 401, path
        assert (await get(f"{served.url}/api/v1/verdict", Authorization="Bearer s3cret"))[0] == 200
        assert (await get(f"{served.url}/livez"))[0] == 200
        served.readiness.add("store", lambda: "full")
        assert await get(f"{served.url}/readyz?verbose") == (503, "not ready\n")
        assert "[-]store failed: full" in (await get(f"{served.url}/readyz?verbose", Authorization="Bearer s3cret"))[1]
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            async with session.post(f"{served.url}/login", json={"token": "wrong"}) as answer:
                assert answer.status == 401
            async with session.post(f"{served.url}/login", json={"token": "s3cret"}, headers={"Origin": "http://evil.example"}) as answer:
                assert answer.status == 403
            async with session.post(f"{served.url}/login", json={"token": "s3cret"}) as answer:
                assert answer.status == 200
                cookie = answer.headers["Set-Cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=Strict" in cookie
            assert "s3cret" not in cookie
            async with session.get(f"{served.url}/api/v1/verdict") as answer:
                assert answer.status == 200
        statuses = [(await get(f"{served.url}/metrics", Authorization="Bearer no"))[0] for _ in range(12)]
        assert statuses[-1] == 429
        assert (await get(f"{served.url}/metrics", Authorization="Bearer s3cret"))[0] == 200


@pytest.mark.parametrize("header", [b"Authorization: Bearer \xff\xfe", b'Cookie: fairlead_session="\xff\xfe"'])
async def test_a_token_that_is_no_text_is_a_wrong_one(tmp_path: Path, header: bytes, caplog: pytest.LogCaptureFixture) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    async with serving(tmp_path, token_file=str(token)) as served:
        answer = await raw(served.url, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n" + header + b"\r\nConnection: close\r\n\r\n")
        assert answer.split()[1] == b"401"
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize(
    "path",
    ["/static/../server.py", "/static/%2e%2e/server.py", "/static//etc/passwd", "/../../etc/passwd", "/static/..%2fserver.py", "/static"],
)
async def test_static_paths_cannot_be_escaped(tmp_path: Path, path: str) -> None:
    async with serving(tmp_path) as served:
        answer = await raw(served.url, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert answer.split()[1] in (b"404", b"400")


async def test_the_page_and_its_files_are_served_with_their_guards(tmp_path: Path) -> None:
    async with serving(tmp_path) as served, aiohttp.ClientSession() as session:
        for path in ("/", "/static/main.js", "/static/vendor/uPlot.esm.js"):
            async with session.get(served.url + path) as answer:
                assert answer.status == 200, path
                assert answer.headers["Content-Security-Policy"].startswith("default-src 'self';")
                etag = answer.headers["ETag"]
            async with session.get(served.url + path, headers={"If-None-Match": etag}) as answer:
                assert answer.status == 304
        async with session.head(f"{served.url}/") as answer:
            assert answer.status == 200


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("series", "query"),
        ("series?name=a&points=0", "points"),
        ("series?name=a&points=many", "points"),
        ("series?name=a%20b", "name"),
        ("series?name=a&since=5&until=4", "since"),
        ("series?name=a&since=yesterday", "since"),
        ("series?name=a&since=nan", "since"),
        ("logs?limit=1001", "limit"),
        ("logs?limt=1", "query"),
        ("logs?q=a&q=b", "q"),
        ("logs/context?id=", "id"),
        ("logs/context?id=1&before=201", "before"),
    ],
)
async def test_wrong_parameters_are_told_with_their_place(tmp_path: Path, query: str, where: str) -> None:
    async with serving(tmp_path) as served:
        status, text = await get(f"{served.url}/api/v1/{query}")
        assert status == 400, text
        assert json.loads(text)["error"]["where"].startswith(where)


async def test_what_is_not_there_or_not_taken_says_so(tmp_path: Path) -> None:
    async with serving(tmp_path) as served, aiohttp.ClientSession() as session:
        assert (await get(f"{served.url}/api/v1/nothing"))[0] == 404
        assert (await get(f"{served.url}/api/v1/logs/context?id=9"))[0] == 404
        async with session.post(f"{served.url}/metrics") as answer:
            assert answer.status == 405
        async with session.post(f"{served.url}/login", data=b"x" * 100_000) as answer:
            assert answer.status == 413


async def test_series_are_summed_by_a_label(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        await asyncio.to_thread(
            put, served.store, [], [tick("cpu", NOON_NS + i * SECOND_NS, CPU, [i * 0.5, i * 0.25]) for i in range(10)], "host"
        )
        begin = NOON_NS // SECOND_NS
        query = f"{served.url}/api/v1/series?name=node_cpu_seconds_total&by=mode&since={begin}&until={begin + 10}&points=10"
        body = json.loads((await get(query))[1])
        assert [one["labels"] for one in body["series"]] == [{"mode": "user"}]
        assert body["series"][0]["mean"][1:10] == pytest.approx([0.75] * 9)


async def test_logs_are_paged_and_shown_as_ecs(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        await asyncio.to_thread(put, served.store, [batch("s", 0, [f"line {i}" for i in range(5)], level="error")], [], "host")
        first = json.loads((await get(f"{served.url}/api/v1/logs?limit=3"))[1])
        assert [record["message"] for record in first["records"]] == ["line 2", "line 3", "line 4"]
        second = json.loads((await get(f"{served.url}/api/v1/logs?limit=3&before={first['next']}"))[1])
        assert [record["message"] for record in second["records"]] == ["line 0", "line 1"]
        assert second["next"] is None
        assert {"@timestamp", "log.file.path", "log.offset", "host.name", "event.ingested", "fairlead.id"} <= first["records"][0].keys()


async def test_the_stream_tells_what_is_stored(tmp_path: Path) -> None:
    async with (
        serving(tmp_path) as served,
        aiohttp.ClientSession() as session,
        session.get(f"{served.url}/api/v1/stream?q=wanted") as answer,
    ):
        events: list[tuple[str, object]] = []

        async def read() -> None:
            name = ""
            async for line in answer.content:
                if line.startswith(b"event: "):
                    name = line[7:].strip().decode()
                elif line.startswith(b"data: "):
                    events.append((name, json.loads(line[6:])))
                    if name == "logs":
                        return

        reading = asyncio.create_task(read())
        await until(lambda: events, "the first event")
        new = batch("s", 0, ["wanted line", "another"])
        await asyncio.to_thread(put, served.store, [new], [], "host")
        served.feed.publish(Intake(batches=[new], ticks=[("host", [tick("cpu", NOON_NS, CPU, [0, 0])])]))
        await asyncio.wait_for(reading, 10)
        assert events[0][0] == "verdict"
        assert ("tick", {"now": NOON_NS / 1e9, "collectors": ["cpu"]}) in events
        lines = events[-1][1]
        assert isinstance(lines, list)
        assert [record["message"] for record in lines] == ["wanted line"]


async def test_a_client_that_says_nothing_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpserver, "FIRST_REQUEST_S", 0.2)
    async with serving(tmp_path) as served:
        assert await raw(served.url, b"GET / HTTP/1.1\r\nHost: loc") == b""
        assert b"200 OK" in await raw(served.url, b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00", b"400"),
        (b"GET / HTTP/9.9\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", b"400"),
        (b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\nConnection: close\r\n\r\nx", b"413"),
    ],
)
async def test_what_is_no_request_is_refused_and_leaves_no_trace_in_the_log(
    tmp_path: Path, sent: bytes, status: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(tmp_path) as served:
        assert status in (await raw(served.url, sent)).split(b"\r\n")[0]
    assert not [record for record in caplog.records if record.exc_info]


async def test_the_openapi_document_is_valid_and_names_every_route(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        document = json.loads((await get(f"{served.url}/api/v1/openapi.json"))[1])
    validate(document)
    assert {(route.method.lower(), route.path) for route in ROUTES} == {
        (method, path) for path, item in document["paths"].items() for method in item
    }


async def test_a_port_in_use_says_what_to_give(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    async with serving(tmp_path / "a") as served:
        with pytest.raises(UsageError, match="in use; give another address with --listen"):
            async with serving(tmp_path / "b", listen=served.url.partition("://")[2]):
                pass


def test_a_changed_certificate_is_loaded_and_a_broken_one_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    certificate_file, key_file = make_certificate(tmp_path, "one")
    served = Certificate(str(certificate_file), str(key_file))
    assert not served.reload_if_changed()
    other = make_certificate(tmp_path, "two")
    certificate_file.write_bytes(other[0].read_bytes())
    assert not served.reload_if_changed()
    assert "certificate not reloaded, the old one goes on" in caplog.messages
    key_file.write_bytes(other[1].read_bytes())
    assert served.reload_if_changed()
    with pytest.raises(UsageError, match="tls_cert, tls_key"):
        Certificate(str(tmp_path / "none"), str(key_file))


async def test_tls_is_spoken(tmp_path: Path) -> None:
    certificate_file, key_file = make_certificate(tmp_path, "one")
    (tmp_path / "state").mkdir()
    context = await asyncio.to_thread(ssl.create_default_context, cafile=str(certificate_file))
    async with serving(tmp_path / "state", tls_cert=str(certificate_file), tls_key=str(key_file)) as served:
        assert served.url.startswith("https://")
        async with aiohttp.ClientSession() as session, session.get(f"{served.url}/livez", ssl=context) as answer:
            assert answer.status == 200
