"""`fairlead collect` into OpenSearch, and the commands that read what it stored."""

import json
import signal
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from fairlead.core.record import to_ecs
from tests.rig.kafka import Kafka
from tests.rig.opensearch import OpenSearch
from tests.rig.ports import free_ports
from tests.support.program import Running, Start, fairlead
from tests.support.samples import batch
from tests.support.waiting import wait_until

pytestmark = pytest.mark.real


@pytest.fixture
def index(opensearch: OpenSearch) -> Iterator[str]:
    """The name of a new index; what begins with it is gone after the test."""
    name = f"lines-{uuid.uuid4().hex[:12]}"
    yield name
    opensearch.ask("DELETE", f"/{name}*")


Configure = Callable[..., Path]


@pytest.fixture
def configure(tmp_path: Path, opensearch: OpenSearch, index: str) -> Configure:
    """Write the configuration of a collector with a state directory of its own."""

    def write(name: str, url: str = opensearch.url, index: str = index, source: dict[str, Any] | None = None) -> Path:
        settings = {
            "state_dir": str(tmp_path / name),
            "source": source or {"http": {"listen": "127.0.0.1:0"}},
            "store": {"opensearch": {"urls": [url], "index": index, "replicas": 0}},
            "listen": "127.0.0.1:0",
        }
        file = tmp_path / f"{name}.yaml"
        file.write_text(json.dumps(settings))
        return file

    return write


class Collector:
    """A running collector, and where it takes and shows."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.page = running.expect(r"fairlead collects: (\S+)")[1]
        self.intake = running.expect(r"agents deliver here.*url=(\S+)")[1]

    def post(self, *records: dict[str, Any], kind: str = "log") -> int:
        """Deliver records as an agent does; return how many were acknowledged."""
        headers = {"Content-Type": "application/x-ndjson", "Fairlead-Agent": "agent", "Fairlead-Batch": "1", "Fairlead-Kind": kind}
        body = b"".join(orjson.dumps(record) + b"\n" for record in records)
        return int(answer(urllib.request.Request(f"{self.intake}/api/v1/ingest", body, headers))["acknowledged"])

    def get(self, path: str, **parameters: object) -> Any:
        """Ask the API."""
        return answer(urllib.request.Request(f"{self.page}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"))


def answer(request: urllib.request.Request) -> Any:
    with urllib.request.urlopen(request, timeout=30) as found:
        return json.load(found)


def refusal(asked: Callable[[], object]) -> tuple[int, str | None, str]:
    """Return status, Retry-After and text of the error that a request ends with."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        asked()
    with caught.value as error:
        return error.code, error.headers["Retry-After"], error.read().decode()


def records(source: str, start: int, *messages: str) -> list[dict[str, Any]]:
    made = batch(source, start, messages)
    return [to_ecs(made, record) for record in made.records]


def test_two_collectors_fill_one_store_that_every_command_reads(start: Start, configure: Configure) -> None:
    files = [configure("one"), configure("other")]
    one, other = (Collector(start("collect", "-c", str(file))) for file in files)
    assert one.post(*records("s", 0, "first", "second")) == 2
    follower = start("logs", "--follow", "--limit", "1", "-c", str(files[1]))
    follower.expect("second")
    assert other.post(*records("s", 0, "first", "second", "third")) == 3
    follower.expect("third")
    assert follower.end(signal.SIGTERM) == 0
    assert [line.split()[-1] for line in follower.out] == ["second", "third"]

    done = fairlead("logs", "--json", "-c", str(files[0]))
    assert [orjson.loads(line)["message"] for line in done.stdout.splitlines()] == ["first", "second", "third"]
    assert fairlead("logs", "third", "-c", str(files[0])).stdout.endswith("third\n")
    done = fairlead("audit", "-c", str(files[1]))
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "lost=0 doubled=0 unknown=0")
    assert "lines=3 bytes=0-19 lost=0 doubled=0 unknown=0 refused=2" in done.stdout

    page = one.get("logs", limit=2)
    assert [record["message"] for record in page["records"]] == ["second", "third"]
    [oldest] = one.get("logs", limit=2, before=page["next"])["records"]
    around = one.get("logs/context", id=oldest["fairlead.id"], before=1, after=1)
    assert [record["message"] for record in around["records"]] == ["first", "second"]
    sample = {"@timestamp": oldest["@timestamp"], "host": {"name": "host"}, "metrics": []}
    sample["metrics"] = [{"name": "node_load1", "type": "gauge", "labels": {}, "value": 0.5}]
    assert one.post(sample, kind="metric") == 1
    since_s = 1767268800
    assert one.get("series", name="node_load1", since=since_s, until=since_s + 10)["series"][0]["mean"][0] == 0.5
    assert [running.end(signal.SIGTERM) for running in (one.running, other.running)] == [0, 0]


def test_one_of_two_collectors_killed_loses_and_doubles_nothing(
    start: Start, configure: Configure, kafka: Kafka, opensearch: OpenSearch, index: str
) -> None:
    topic = kafka.new_topic("shared", partitions=4)
    kafka_source = {"kafka": {"brokers": [kafka.address], "topics": [topic], "group": topic}}
    files = [configure(name, source=kafka_source) for name in ("doomed", "other")]
    doomed, other = (start("collect", "-c", str(file)) for file in files)
    for running in (doomed, other):
        running.expect(rf"partitions assigned.*{topic}/\d,{topic}/\d($|\s)", 60)

    def stored() -> int:
        try:
            return int(opensearch.ask("GET", f"/{index}/_count?ignore_unavailable=true")["count"])
        except urllib.error.HTTPError as error:
            # Its shards begin just now.
            error.close()
            return 0

    deliver(kafka, topic, range(20))
    wait_until(lambda: stored() == 10_000, "the first lines", 60)
    deliver(kafka, topic, range(20, 40))
    doomed.end(signal.SIGKILL)
    wait_until(lambda: stored() == 20_000, "all lines", 60)
    wait_until(lambda: fairlead("audit", "-c", str(files[1])).returncode == 0, "statements to be stored", 60)
    told = json.loads(fairlead("audit", "--json", "-c", str(files[1])).stdout)
    assert (len(told["sources"]), sum(one["lines"] for one in told["sources"])) == (40, 20_000)
    assert (told["lost"], told["doubled"], told["unknown"]) == (0, 0, 0)
    assert other.end(signal.SIGTERM) == 0


def deliver(kafka: Kafka, topic: str, sources: Iterable[int]) -> None:
    """Put 500 lines of each source into a topic, and behind them what its agent says of them."""
    for number in sources:
        source = f"s{number:02d}"
        lines = records(source, 0, *(f"line {i:08d}" for i in range(500)))
        told = lines[-1] | {"fairlead.statement": {"offset": lines[-1]["fairlead.end"], "kind": "file"}}
        kafka.produce(topic, *map(orjson.dumps, lines), key=source.encode(), headers=[("fairlead-kind", b"log")])
        kafka.produce(topic, orjson.dumps(told), key=source.encode(), headers=[("fairlead-kind", b"heartbeat")])


def test_a_gap_in_the_cluster_is_found_by_the_audit(start: Start, configure: Configure) -> None:
    file = configure("one")
    collector = Collector(start("collect", "-c", str(file)))
    collector.post(*records("s", 0, "first"), *records("s", 13, "third"))
    done = fairlead("audit", "-c", str(file), "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["lost"], told["sources"][0]["gaps"]) == (1, 1, [[6, 13]])


def test_a_cluster_that_is_not_there_yet_is_waited_for(start: Start, configure: Configure) -> None:
    [port] = free_ports(1)
    collector = Collector(start("collect", "-c", str(configure("one", f"http://127.0.0.1:{port}"))))
    assert refusal(lambda: collector.post(*records("s", 0, "first")))[:2] == (503, "1")
    for asked in (lambda: answer(urllib.request.Request(f"{collector.page}/readyz")), lambda: collector.get("logs")):
        code, _, text = refusal(asked)
        assert (code, "Connection refused" in text) == (503, True)
    assert collector.running.end(signal.SIGTERM) == 0


def test_a_cluster_that_stands_still_lets_the_collector_end(start: Start, configure: Configure, opensearch: OpenSearch) -> None:
    collector = Collector(start("collect", "-c", str(configure("one"))))
    collector.post(*records("s", 0, "first"))
    opensearch.pause()
    try:
        collector.running.process.send_signal(signal.SIGTERM)
        wait_until(lambda: collector.running.process.poll() is not None, "the collector to end", 60)
        assert collector.running.end() == 0
    finally:
        opensearch.resume()


def test_an_index_of_others_is_refused_at_the_start(start: Start, configure: Configure, opensearch: OpenSearch, index: str) -> None:
    other = opensearch.new_index(f"{index}-others")
    done = fairlead("collect", "-c", str(configure("one", index=other)))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert f"index {other} was not made by fairlead; give another one with store.opensearch.index" in done.stderr


@pytest.mark.parametrize("command", ["audit", "logs"])
def test_a_store_that_is_not_there_is_told(command: str, configure: Configure, index: str) -> None:
    done = fairlead(command, "-c", str(configure("one")))
    assert (done.returncode, f"there is no index {index} yet" in done.stderr) == (2, True)


def test_two_stores_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "collect.yaml"
    file.write_text("source: {http: {listen: 127.0.0.1:0}}\nstore: {sqlite: {}, opensearch: {urls: [http://127.0.0.1:1]}}\n")
    done = fairlead("collect", "-c", str(file))
    assert (done.returncode, done.stderr) == (2, f"{file}:2:1: store: names two stores; allowed is one of sqlite and opensearch\n")
