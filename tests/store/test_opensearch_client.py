"""What a cluster can answer on a bad day, and what is made of it: later, never, or only some of it."""

import base64
import contextlib
import ssl
from collections.abc import Iterator
from pathlib import Path

import msgspec
import orjson
import pytest

from fairlead.core.errors import SinkUnavailable, UsageError
from fairlead.net.trust import client_context
from fairlead.store.interface import Intake, Statement
from fairlead.store.opensearch import bulk as bulk_module
from fairlead.store.opensearch.bulk import Bulk, Malformed
from fairlead.store.opensearch.client import Client, Refused
from fairlead.store.opensearch.settings import OpenSearchSettings
from fairlead.store.opensearch.store import OpenSearchStore
from tests.rig.ports import free_ports
from tests.store.cluster import FakeNode, Say, fake_node
from tests.support.certificate import make_certificate
from tests.support.samples import ManualClock, batch

UNAUTHORIZED = Say(401, {"error": {"root_cause": [{"type": "security_exception", "reason": "missing authentication"}]}, "status": 401})
DISK_FULL = Say(403, {"error": {"root_cause": [{"type": "cluster_block_exception", "reason": "disk usage exceeded"}]}, "status": 403})


@pytest.fixture
def node(_leak_check: None) -> Iterator[FakeNode]:
    """A cluster of one."""
    with fake_node() as running:
        yield running


@contextlib.contextmanager
def client_of(*nodes: FakeNode | str, timeout_s: float = 10.0, tls: ssl.SSLContext | None = None) -> Iterator[Client]:
    urls = [one if isinstance(one, str) else one.url for one in nodes]
    with contextlib.closing(Client(OpenSearchSettings(urls), tls, timeout_s)) as client:
        yield client


@pytest.mark.parametrize(
    ("say", "problem", "retry_after_s"),
    [
        (Say(429, {}, retry_after="7"), "answered 429", 7.0),
        (Say(503, {"error": {"type": "no_shard", "reason": "all  shards\nfailed"}}), "answered 503: all shards failed", None),
        (Say(500, b"<html>"), "answered 500", None),
        (Say(408, {}), "answered 408", None),
        (DISK_FULL, "disk usage exceeded", None),
        (Say(200, b"<html>"), "without JSON; is it OpenSearch?", None),
        (Say(200, {"took": 1}, cut=True), "IncompleteRead", None),
    ],
)
def test_what_cannot_be_now_is_asked_later(node: FakeNode, say: Say, problem: str, retry_after_s: float | None) -> None:
    node.say(say)
    with client_of(node) as client:
        with pytest.raises(SinkUnavailable, match=problem) as caught:
            client.ask("GET", "/x")
        assert caught.value.retry_after_s == retry_after_s
        assert str(caught.value).startswith(node.url)
        assert client.ask("GET", "/x") == {}, "the next answer counts"


def test_a_user_who_may_not_is_told_what_to_give(node: FakeNode) -> None:
    node.say(UNAUTHORIZED)
    with client_of(node) as client, pytest.raises(Refused, match=r"missing authentication; give a user .* with username and password_file"):
        client.ask("GET", "/x")


def test_the_password_comes_from_its_file(node: FakeNode, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("s3cret\n")
    with contextlib.closing(Client(OpenSearchSettings([node.url], username="käpt'n", password_file=str(file)))) as client:
        client.ask("GET", "/x")
    assert base64.b64decode(node.asked[0].authorization.removeprefix("Basic ")).decode() == "käpt'n:s3cret"
    with pytest.raises(UsageError, match="No such file or directory; give a file"):
        Client(OpenSearchSettings([node.url], username="a", password_file=str(tmp_path / "none")))


def test_a_node_that_fails_is_passed_over_and_the_one_that_answers_kept(node: FakeNode) -> None:
    [port] = free_ports(1)
    with fake_node() as other, client_of(f"http://127.0.0.1:{port}", node, other) as client:
        node.say(Say(503))
        client.ask("GET", "/1")
        client.ask("GET", "/2")
        assert (node.paths(), other.paths()) == (["GET /1"], ["GET /1", "GET /2"])


def test_no_node_at_all_is_told_with_its_address() -> None:
    [port] = free_ports(1)
    with client_of(f"http://127.0.0.1:{port}") as client, pytest.raises(SinkUnavailable, match=f"127.0.0.1:{port}: Connection refused"):
        client.ask("GET", "/x")


def test_a_node_that_never_answers_is_given_up_in_time(node: FakeNode) -> None:
    node.say(Say(hang=True))
    with client_of(node, timeout_s=0.2) as client, pytest.raises(SinkUnavailable, match="no answer in time"):
        client.ask("POST", "/x", {})


def test_a_connection_is_kept_and_made_anew_where_the_node_closed_it(node: FakeNode) -> None:
    node.say(Say(), Say(close=True), Say(), Say())
    with client_of(node) as client:
        for _ in range(4):
            client.ask("POST", "/x", b"y")
    ports = [asked.client[1] for asked in node.asked]
    assert [ports[0] == ports[1], ports[1] == ports[2], ports[2] == ports[3]] == [True, False, True]


def test_a_certificate_is_verified(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "node")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    with fake_node(server) as node:
        with client_of(node, tls=client_context()) as client, pytest.raises(SinkUnavailable, match=r"not trusted .* with ca_file"):
            client.ask("GET", "/x")
        with client_of(node, tls=client_context(str(certificate))) as client:
            assert client.ask("GET", "/x") == {}


def items(*statuses: int) -> Say:
    error = {"type": "t", "reason": "r", "caused_by": {"reason": "why"}}
    outcomes = [{"create": {"status": status} | ({"error": error} if status >= 300 else {})} for status in statuses]
    return Say(200, {"errors": any(status >= 300 for status in statuses), "items": outcomes})


def test_items_are_created_there_malformed_or_for_later(node: FakeNode) -> None:
    node.say(items(201, 409, 400), items(201, 429, 503))
    with client_of(node) as client:
        bulk = Bulk[str](client, "logs")
        for name in ("new", "there", "odd"):
            bulk.add(b"{}\n{}\n", name)
        bulk.flush()
        assert (bulk.there, bulk.malformed) == (["there"], [Malformed("odd", "t: r: why")])
        for name in ("new", "later", "later"):
            bulk.add(b"{}\n{}\n", name)
        with pytest.raises(SinkUnavailable, match=r"a document was not taken \(503\): t: r: why"):
            bulk.flush()


def test_a_closed_index_makes_no_line_poison(node: FakeNode) -> None:
    closed = {"create": {"status": 400, "error": {"type": "index_closed_exception", "reason": "closed"}}}
    node.say(Say(200, {"errors": True, "items": [closed]}))
    with client_of(node) as client:
        bulk = Bulk[str](client, "logs")
        bulk.add(b"{}\n{}\n", "line")
        with pytest.raises(SinkUnavailable, match="index_closed_exception"):
            bulk.flush()
        assert bulk.malformed == []


def test_a_body_is_bounded_and_one_that_is_too_large_all_the_same_is_halved(node: FakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_module, "BODY_BYTES", 40)
    too_large = Say(413, b"<html>")
    node.say(too_large, items(201), too_large, items(201, 201))
    with client_of(node) as client:
        bulk = Bulk[int](client, "logs")
        for number in range(4):
            bulk.add(b"%d" % number * 20, number)
        bulk.flush()
    assert [asked.body for asked in node.asked] == [b"0" * 20 + b"1" * 20, b"0" * 20, b"1" * 20, b"2" * 20 + b"3" * 20]
    assert [malformed.what for malformed in bulk.malformed] == [1]


def open_store(node: FakeNode, poison: list[tuple[bytes, str]]) -> OpenSearchStore:
    return OpenSearchStore(OpenSearchSettings([node.url]), ManualClock(), poison.extend)


def test_templates_stand_before_the_first_line_and_are_put_once(node: FakeNode) -> None:
    ok = Say(200, {"errors": False, "items": []})
    node.say(Say(503), Say(), Say(), Say(), ok, ok)
    with contextlib.closing(open_store(node, [])) as store:
        with pytest.raises(SinkUnavailable):
            store.write(Intake(batches=[batch("s", 0, ["one"])]))
        for start in (0, 4):
            store.write(Intake(batches=[batch("s", start, ["one"])]))
    templates = ["PUT /_index_template/logs", "PUT /_index_template/logs-ledger"]
    assert node.paths() == ["GET /logs/_mapping", "GET /logs/_mapping", *templates, "POST /logs/_bulk", "POST /logs/_bulk"]


def test_poison_is_told_once_the_rest_is_in(node: FakeNode) -> None:
    poison: list[tuple[bytes, str]] = []
    fine = Say(), Say(), Say()
    again = items(409, 400), items(400), Say(), Say()
    node.say(*fine, items(201, 400), Say(503), *again, Say(503), *again, items(201))
    intake = Intake(batches=[batch("s", 0, ["good", "odd"])], statements=[Statement("agent", "s", "/a.log", 9)])
    with contextlib.closing(open_store(node, poison)) as store:
        for _ in range(2):
            with pytest.raises(SinkUnavailable):
                store.write(intake)
        assert poison == []
        store.write(intake)
    [(record, reason)] = poison
    assert (orjson.loads(record)["message"], reason) == ("odd", "t: r: why")
    looked = ["POST /logs/_refresh", "POST /logs/_search"]
    assert node.paths()[-5:] == ["POST /logs/_bulk", "POST /logs/_bulk", *looked, "POST /logs-sources/_bulk"], (
        "whether what stands has grown is looked at, and statements go behind their lines"
    )


def test_a_user_who_may_not_write_is_no_poison(node: FakeNode) -> None:
    node.say(Say(), Say(), Say(), UNAUTHORIZED)
    with contextlib.closing(open_store(node, [])) as store, pytest.raises(Refused):
        store.write(Intake(batches=[batch("s", 0, ["one"])]))


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"urls": []}, "length >= 1"),
        ({"urls": ["127.0.0.1:9200"]}, "is no URL of a node"),
        ({"urls": ["http://u:p@h"]}, "would be shown"),
        ({"urls": ["http://h:x"]}, "is no URL of a node"),
        ({"urls": ["http://h"], "index": "Logs"}, "is no name of an index"),
        ({"urls": ["http://h"], "index": "logs,*"}, "is no name of an index"),
        ({"urls": ["http://h"], "username": "x"}, "one of username and password_file"),
    ],
)
def test_wrong_settings_are_told(given: dict[str, object], problem: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=problem):
        msgspec.convert(given, OpenSearchSettings)
