"""What deploy/ holds works with what Fairlead serves: rules by promtool, and their queries and the dashboard's by a real Prometheus."""

import json
import re
import socket
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.rig.prometheus import Prometheus
from tests.support.program import Start
from tests.support.waiting import wait_until

pytestmark = pytest.mark.real

PROMETHEUS = Path("deploy/prometheus")
QUIET = ("fairlead_sink_errors_total", "fairlead_metrics_overrun_ticks_total", "node_disk_read", "node_disk_write")
"""Series that a healthy host at rest may not have, or whose quotient may be nothing."""


def test_promtool_takes_rules_and_configuration() -> None:
    for command in (
        ["check", "rules", "alerts.yaml"],
        ["test", "rules", "alerts_test.yaml"],
        ["check", "config", "scrape.yaml"],
    ):
        done = subprocess.run(["promtool", *command], cwd=PROMETHEUS, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def alerted() -> set[str]:
    """Return the metrics that the rules ask for."""
    return set(re.findall(r"\b(?:node|fairlead)_\w+", (PROMETHEUS / "alerts.yaml").read_text()))


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path("deploy/grafana/fairlead-host.json").read_text())
    return found


def test_the_dashboard_has_no_two_panels_alike_or_one_over_the_other() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in panels):
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_prometheus_scrapes_it_and_every_query_of_the_dashboard_answers(tmp_path: Path, start: Start) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret")
    (tmp_path / "a.log").write_text("a line\n")
    running = start(
        "up", "--state-dir", f"{tmp_path}/state", "--listen", "127.0.0.1:0", "--logs", f"{tmp_path}/*.log", "--token-file", str(token)
    )
    url = running.expect(r"fairlead watches \S+: (\S+)")[1]
    target = url.removeprefix("http://")
    with Prometheus(tmp_path, target, "s3cret") as prometheus:
        wait_until(lambda: len(prometheus.query("count_over_time(up[1m]) > 4")) == 1, "some scrapes", 40)
        assert prometheus.query("up == 1")
        for panel in dashboard()["panels"]:
            for query in panel.get("targets", []):
                expression = query["expr"].replace("$instance", target).replace("$__rate_interval", "10s")
                found = prometheus.query(expression)
                assert found or any(name in expression for name in QUIET), expression
        names = {name for name in alerted() if not name.startswith("fairlead_agent")}
        missing = {name for name in names if not prometheus.query(f"count({{__name__='{name}'}})")}
        assert missing <= {"fairlead_sink_errors_total", "fairlead_metrics_failed_ticks_total"}
    request = urllib.request.Request(f"{url}/metrics", headers={"Authorization": "Bearer s3cret"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read()
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    assert done.returncode in (0, 3), done.stderr  # 3: lint only, of names that node_exporter gave
    assert b"error" not in done.stderr


def test_a_collector_serves_what_the_rules_ask_of_a_fleet(tmp_path: Path, start: Start) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        intake = f"127.0.0.1:{free.getsockname()[1]}"
    config = tmp_path / "collect.yaml"
    config.write_text(json.dumps({"state_dir": f"{tmp_path}/state", "listen": "127.0.0.1:0", "source": {"http": {"listen": intake}}}))
    url = start("collect", "-c", str(config)).expect(r"fairlead collects: (\S+)")[1]
    heartbeat = {
        "@timestamp": "2026-01-01T12:00:00.000000Z",
        "host.name": "web-1",
        "agent.id": "a1",
        "agent.version": "1",
        "fairlead.heartbeat": {"state": "running", "interval_s": 10, "lag_bytes": 0},
    }
    headers = {"Content-Type": "application/x-ndjson", "Fairlead-Agent": "a1", "Fairlead-Batch": "1", "Fairlead-Kind": "heartbeat"}
    told = urllib.request.Request(f"http://{intake}/api/v1/ingest", json.dumps(heartbeat).encode() + b"\n", headers)
    with urllib.request.urlopen(told, timeout=10) as answer:
        assert json.load(answer) == {"acknowledged": 1}
    with Prometheus(tmp_path, url.removeprefix("http://")) as prometheus:
        wait_until(lambda: prometheus.query('fairlead_agents{state="alive"} == 1'), "the fleet's gauges", 40)
        for name in alerted():
            if name.startswith("fairlead_agent"):
                [series] = prometheus.query(name)
                assert series["metric"]["host"] == "web-1"  # type: ignore[index]  # whatever JSON holds
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        done = subprocess.run(["promtool", "check", "metrics"], input=answer.read(), capture_output=True, check=False)
    assert done.returncode in (0, 3), done.stderr
