"""Debian's Prometheus on a free port, scraping what a test names each second."""

import json
import socket
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.waiting import wait_until


class Prometheus:
    """A server with its data in `folder`; use as a context manager."""

    def __init__(self, folder: Path, target: str, token: str = "") -> None:
        self._folder, self._target, self._token = folder, target, token
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"

    def __enter__(self) -> Self:
        config = self._folder / "prometheus.yaml"
        job: dict[str, object] = {"job_name": "fairlead", "static_configs": [{"targets": [self._target]}]}
        if self._token:
            job["authorization"] = {"credentials": self._token}
        config.write_text(json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": [job]}))
        command = [
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address={self.address}",
        ]
        with (self._folder / "prometheus.log").open("w") as log:
            self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
        wait_until(self._ready, "Prometheus to be ready", 30)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()

    def query(self, expression: str) -> list[dict[str, object]]:
        """Return the series of an instant query; an error of the query raises."""
        url = f"http://{self.address}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            body = json.load(answer)
        assert body["status"] == "success", body
        found: list[dict[str, object]] = body["data"]["result"]
        return found

    def _ready(self) -> bool:
        assert self._process.poll() is None, (self._folder / "prometheus.log").read_text()
        try:
            with urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False
