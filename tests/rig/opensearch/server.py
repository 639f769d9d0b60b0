"""One node of OpenSearch, killed, stopped, frozen and started again on the same port and data."""

import json
import tempfile
import urllib.request
import uuid
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.rig.jars import fetch_jars
from tests.rig.ports import free_ports
from tests.rig.process import ServerProcess
from tests.support.waiting import wait_until

HERE = Path(__file__).parent
OPTIONS = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-XX:+ExitOnOutOfMemoryError")
READY_DEADLINE_S = 120.0
TRAINED = {"message": "one", "@timestamp": "2026-01-01T00:00:00Z", "number": 1}


class OpenSearch:
    """A node with its data in `folder`; use as a context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = free_ports(2)
        self._options: Sequence[str] = ()
        self.url = f"http://127.0.0.1:{self._ports[0]}"

    def __enter__(self) -> Self:
        jars = fetch_jars(HERE)
        temporary = self._folder / "tmp"
        temporary.mkdir()
        options = self._options or [f"-XX:SharedArchiveFile={jars.class_archive(_train)}"]
        argv = jars.command(
            "Os", str(self._folder / "node"), *map(str, self._ports), options=[*OPTIONS, f"-Djava.io.tmpdir={temporary}", *options]
        )
        self._process = ServerProcess(argv, self._folder / "opensearch.log")
        try:
            self.restart()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """Process id of the latest start."""
        return self._process.pid

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()

    def stop(self) -> None:
        """SIGTERM, and wait for the end."""
        self._process.stop()

    def pause(self) -> None:
        """SIGSTOP."""
        self._process.pause()

    def resume(self) -> None:
        """SIGCONT."""
        self._process.resume()

    def restart(self) -> None:
        """Start it if it does not run, and return once every primary shard is there."""
        if not self._process.running:
            self._process.start()
        wait_until(self.is_ready, "OpenSearch to be ready", READY_DEADLINE_S)

    def is_ready(self) -> bool:
        """True when every primary shard is there; AssertionError when the process has ended."""
        self._process.fail_if_ended()
        try:
            health = self.ask("GET", "/_cluster/health")
        except OSError:
            return False
        return health["status"] in {"yellow", "green"}

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Return the decoded answer of a request with a JSON body, or NDJSON where it is a list; HTTPError when it is refused."""
        lines = body if isinstance(body, list) else [body]
        data = None if body is None else b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        content = "application/x-ndjson" if isinstance(body, list) else "application/json"
        request = urllib.request.Request(self.url + path, data=data, method=method, headers={"Content-Type": content})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def new_index(self, label: str = "index", body: object = None) -> str:
        """Make an index that no other test has, without replicas, and return its name."""
        name = f"{label}-{uuid.uuid4().hex[:8]}"
        self.ask("PUT", f"/{name}", body or {"settings": {"number_of_replicas": 0}})
        return name

    def documents(self, index: str) -> dict[str, dict[str, Any]]:
        """Return all documents of an index, as they stand now, by id."""
        self.ask("POST", f"/{index}/_refresh")
        found: dict[str, dict[str, Any]] = {}
        page = self.ask("POST", f"/{index}/_search?scroll=1m", {"size": 5000, "sort": ["_doc"]})
        while page["hits"]["hits"]:
            found |= {hit["_id"]: hit["_source"] for hit in page["hits"]["hits"]}
            page = self.ask("POST", "/_search/scroll", {"scroll": "1m", "scroll_id": page["_scroll_id"]})
        self.ask("DELETE", "/_search/scroll", {"scroll_id": page["_scroll_id"]})
        return found


def _train(archive: Path) -> None:
    """Run a node once through what tests do, so that its classes are archived."""
    with tempfile.TemporaryDirectory() as name:
        opensearch = OpenSearch(Path(name))
        opensearch._options = [f"-XX:ArchiveClassesAtExit={archive}"]
        with opensearch:
            index = opensearch.new_index()
            opensearch.ask("POST", f"/{index}/_bulk", [{"create": {"_id": "1"}}, TRAINED])
            assert opensearch.documents(index) == {"1": TRAINED}
            opensearch.ask("POST", f"/{index}/_search", {"query": {"match_phrase": {"message": "one"}}})
            opensearch.stop()
