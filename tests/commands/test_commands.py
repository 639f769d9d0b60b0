"""The commands as processes: their words, their exit codes, what they print."""

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from fairlead.core.clock import SystemClock
from fairlead.store.settings import StoreSettings
from fairlead.store.sqlite import open_store
from tests.support.program import INSTALLED, PROGRAM, Start, fairlead
from tests.support.receiver import Receiver
from tests.support.samples import batch, put
from tests.support.waiting import wait_until

pytestmark = pytest.mark.real


def test_metrics_json_has_the_shape_that_others_rely_on() -> None:
    sample = json.loads(fairlead("metrics", "--json").stdout)
    assert set(sample) == {"@timestamp", "host", "metrics"}
    assert set(sample["host"]) == {"name"}
    assert all(set(metric) == {"name", "type", "labels", "value"} for metric in sample["metrics"])
    assert {"node_load1", "node_cpu_seconds_total", "node_memory_MemTotal_bytes", "process_cpu_seconds_total"} <= {
        m["name"] for m in sample["metrics"]
    }


def test_metrics_as_a_table_show_rates() -> None:
    done = fairlead("metrics", "--only", "cpu,memory")
    assert done.returncode == 0
    assert re.search(r"node_cpu_seconds_total +cpu=0,mode=idle +[\d.]+ %", done.stdout)
    assert re.search(r"node_memory_MemTotal_bytes +[\d.]+ [KMGT]iB", done.stdout)


def test_metrics_stream_prints_an_object_a_tick(start: Start) -> None:
    running = start("metrics", "--stream", "--only", "load", "--interval", "load=200ms")
    wait_until(lambda: len(running.out) >= 3, "three ticks")
    assert running.end(signal.SIGTERM) == 0
    assert all(
        {metric["name"] for metric in json.loads(line)["metrics"]} == {"node_load1", "node_load5", "node_load15"} for line in running.out
    )


def test_metrics_are_pushed_again_after_a_503_and_the_token_stays_out_of_sight(receiver: Receiver, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    receiver.statuses = [503]
    done = fairlead("metrics", "--push", receiver.url, "--token-file", str(token), "--only", "load")
    assert done.returncode == 0, done.stderr
    assert [posted.headers["Authorization"] for posted in receiver.posted] == ["Bearer s3cret"] * 2
    assert json.loads(receiver.posted[1].body)["metrics"][0]["name"] == "node_load1"
    receiver.statuses = [403]
    refused = fairlead("metrics", "--push", receiver.url, "--token-file", str(token), "--only", "load")
    assert refused.returncode == 2
    assert "answered 403" in refused.stderr
    assert "s3cret" not in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["metrics", "--json", "--stream"], "exclude each other"),
        (["metrics", "--only", "gpu"], "gpu is not a collector; allowed are cpu"),
        (["metrics", "--push", "ftp://x"], "is not a URL"),
        (["up", "--interval", "cpu"], "'cpu' has no period"),
        (["up", "--listen", "0.0.0.0:9320"], "lets others in"),
        (["up", "--listen", "nowhere"], "is not an address"),
        (["up", "--backfill", "much"], "is not a size"),
        (["up", "--config", "/nonexistent.yaml"], "give a readable configuration file"),
        (["logs", "--state-dir", "/nonexistent"], "there is no store yet"),
        (["logs", "--since", "soon"], "is not a time"),
        (["store", "verify", "--state-dir", "/nonexistent"], "there is no store yet"),
        (["nothing"], "No such command"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_is_allowed(arguments: list[str], said: str) -> None:
    done = fairlead(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_no_home_and_no_passwd_entry_says_what_to_give() -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("HOME", "XDG_STATE_HOME")}
    nobody = ["setpriv", "--reuid=54321", "--clear-groups", "--inh-caps=-all"]
    done = subprocess.run([*nobody, *PROGRAM, "up"], env=environment, capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stdout) == (2, "")
    assert "give --state-dir DIR" in done.stderr


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A store with a few lines."""
    store = open_store(tmp_path, StoreSettings(), SystemClock())
    put(store, [batch("s", 0, ["one fish", "two \x1b[31m fish", "red herring"])], [], "host")
    put(store, [batch("t", 0, ["boom"], "/var/log/b.log", "error")], [], "host")
    store.close()
    return tmp_path


def test_logs_print_what_matches_and_escape_what_would_steer_a_terminal(state: Path) -> None:
    done = fairlead("logs", "--state-dir", str(state), "fish")
    assert [line.split(" ", 2)[1:] for line in done.stdout.splitlines()] == [
        ["/var/log/app.log", "one fish"],
        ["/var/log/app.log", r"two \x1b[31m fish"],
    ]
    assert fairlead("logs", "--state-dir", str(state), "nothing at all").returncode == 0
    assert fairlead("logs", "--state-dir", str(state), "--limit", "1").stdout.count("\n") == 1
    assert "boom" in fairlead("logs", "--state-dir", str(state), "--level", "err").stdout
    assert "boom" in fairlead("logs", "--state-dir", str(state), "--", "-fish", "-herring").stdout
    records = [json.loads(line) for line in fairlead("logs", "--json", "--state-dir", str(state)).stdout.splitlines()]
    assert len(records) == 4
    assert records == sorted(records, key=lambda record: str(record["@timestamp"]))
    assert {"event.ingested", "fairlead.source", "fairlead.end", "agent.id"} <= records[0].keys()


def test_logs_follow_what_is_stored_and_end_with_sigterm(state: Path, start: Start) -> None:
    running = start("logs", "--follow", "--json", "--state-dir", str(state), "fish")
    wait_until(lambda: len(running.out) == 2, "what is there")
    store = open_store(state, StoreSettings(), SystemClock())
    put(store, [batch("u", 0, ["new fish", "new bird"])], [], "host")
    store.close()
    wait_until(lambda: len(running.out) == 3, "the new line")
    assert running.end(signal.SIGTERM) == 0
    assert json.loads(running.out[2])["message"] == "new fish"


def test_store_is_exported_and_verified(state: Path) -> None:
    done = fairlead("store", "export", "--state-dir", str(state))
    assert len(done.stdout.splitlines()) == 4
    assert fairlead("store", "verify", "--state-dir", str(state)).returncode == 0


def test_collect_answers_under_a_further_name(tmp_path: Path, start: Start) -> None:
    file = tmp_path / "collect.yaml"
    file.write_text(f"source: {{http: {{listen: '127.0.0.1:0'}}}}\nlisten: 127.0.0.1:0\nstate_dir: {tmp_path}/state\n")
    running = start("collect", "-c", str(file), "--allowed-host", "logs.example")
    url = running.expect(r"fairlead collects: (http://\S+)")[1]
    statuses = {}
    for name in ("logs.example", "other.example"):
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", "/livez", headers={"Host": name})
            statuses[name] = connection.getresponse().status
    assert statuses == {"logs.example": 200, "other.example": 421}


def test_validate_knows_a_collectors_file_by_its_source(tmp_path: Path) -> None:
    file = tmp_path / "collect.yaml"
    file.write_text("source: {kafka: {brokers: ['127.0.0.1:1'], topics: [logs], sasl: {username: u, password_file: /none}}}\n")
    done = fairlead("validate", str(file))
    assert done.returncode == 2
    assert f"{file}:1:28: warning: source.kafka.brokers[0]: 127.0.0.1:1 does not answer" in done.stdout
    assert "source.kafka.sasl.password_file: /none: No such file or directory" in done.stdout
    file.write_text("source: {}\n")
    assert "source: names no source; allowed are kafka and http, or both" in fairlead("validate", str(file)).stdout


def test_validate_tells_every_finding_with_its_place(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("x\n")
    token.chmod(0o644)
    file = tmp_path / "up.yaml"
    file.write_text(f"token_file: {token}\nlogs:\n  - paths: [relative.log, {tmp_path}/none-*.log]\nredact:\n  - '('\n")
    done = fairlead("validate", str(file))
    assert done.returncode == 2
    lines = done.stdout.splitlines()
    assert any(line.startswith(f"{file}:1:13: warning: token_file: ") and "chmod 600" in line for line in lines), lines
    assert any(line.startswith(f"{file}:3:13: logs[0].paths[0]: relative.log is not absolute") for line in lines), lines
    assert any("matches no file now" in line and ":3:27:" in line for line in lines), lines
    assert any(line.startswith(f"{file}:5:5: redact[0]: not a regular expression") for line in lines), lines
    file.write_text("metrics: {cpu: 1s}\n")
    clean = fairlead("validate", str(file))
    assert (clean.returncode, clean.stdout) in ((0, ""), (1, clean.stdout))
    file.write_text("sink: {stdout: {}}\nlogs: [{paths: [/nonexistent/*.log]}]\n")
    assert fairlead("validate", str(file)).returncode == 1
    file.write_text("listne: x\n")
    assert fairlead("validate", "--json", str(file)).returncode == 2


@pytest.mark.parametrize("arguments", [["version"], ["metrics", "--json"], ["completion", "fish"]])
def test_output_that_finds_no_room_is_told_in_a_line(arguments: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([*PROGRAM, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=30)
    assert done.returncode == 2
    assert done.stderr == "fairlead: stdout: No space left on device; free some space or write elsewhere\n"


def test_version_names_every_kernel() -> None:
    assert json.loads(fairlead("version", "--json").stdout)["native"] == sorted(
        file.stem for file in (Path(__file__).parents[2] / "native").glob("*.pyx")
    )
    assert re.fullmatch(r"fairlead \d+\.\d+\.\d+\n", fairlead("--version").stdout)


@pytest.mark.parametrize(
    ("words", "expected"),
    [(["fairlead", "me"], ["metrics"]), (["fairlead", "up", "--st"], ["--state-dir"]), (["fairlead", "nonsense", "x"], [])],
)
def test_bash_completes_commands_and_options(words: list[str], expected: list[str]) -> None:
    script = fairlead("completion", "bash").stdout
    asked = f"COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; _fairlead_completion {INSTALLED}"
    done = subprocess.run(
        ["bash", "-c", f'{script}\n{asked}; printf "%s\n" "${{COMPREPLY[@]}}"'], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == expected, done.stderr


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_a_script_and_answers(shell: str) -> None:
    assert "_FAIRLEAD_COMPLETE" in fairlead("completion", shell).stdout
    done = subprocess.run(
        [INSTALLED],
        env={
            **os.environ,
            "_FAIRLEAD_COMPLETE": f"{shell}_complete",
            "COMP_WORDS": "fairlead me",
            "COMP_CWORD": "1" if shell == "zsh" else "me",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert "metrics" in done.stdout, done.stderr
