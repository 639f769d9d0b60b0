"""`fairlead agent` as a process: what reaches the sink, what a kill, a dead sink and a refusal leave."""

import json
import os
import shlex
import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.support.program import PROGRAM, Running, Start, fairlead
from tests.support.receiver import Posted, Receiver
from tests.support.waiting import wait_until

pytestmark = pytest.mark.real


class Host:
    """A folder with a log, and an agent that follows it."""

    def __init__(self, folder: Path, start: Start) -> None:
        self.folder, self.state, self._start = folder, folder / "state", start
        self.log = folder / "app.log"
        self.log.write_text("")
        self.config = folder / "agent.yaml"

    def configure(self, sink: str, more: str = "") -> None:
        self.config.write_text(f"state_dir: {self.state}\nlogs:\n  - paths: ['{self.folder}/*.log']\njournal: off\nsink: {sink}\n{more}")

    def start(self, sink: str, more: str = "") -> Running:
        self.configure(sink, more)
        running = self._start("agent", "-c", str(self.config))
        running.expect("started")
        return running

    def append(self, *lines: str) -> None:
        with self.log.open("a") as stream:
            stream.writelines(f"{line}\n" for line in lines)

    def out(self) -> list[dict[str, object]]:
        """Return the whole records in the file sink's file; a kill in the middle of a write leaves a torn one, which comes again."""
        file = self.folder / "out.ndjson"
        lines = file.read_text().splitlines(keepends=True) if file.exists() else []
        return [json.loads(line) for line in lines if line.endswith("}\n")]

    @property
    def file_sink(self) -> str:
        return f"{{file: {{path: {self.folder}/out.ndjson}}}}"


@pytest.fixture
def host(tmp_path: Path, start: Start) -> Host:
    """A host with a log."""
    return Host(tmp_path, start)


def messages(records: list[dict[str, object]]) -> list[object]:
    return [record["message"] for record in records if "message" in record]


def test_stdout_gets_a_record_a_line_and_a_sample_a_tick(host: Host) -> None:
    running = host.start("{stdout: {}}", "metrics: {load: 200ms}\n")
    host.append("one", "two")
    wait_until(lambda: sum('"one"' in line or '"two"' in line for line in running.out) == 2, "both lines")
    wait_until(lambda: sum("node_load1" in line for line in running.out) >= 2, "two ticks")
    assert running.end(signal.SIGTERM) == 0
    record = next(json.loads(line) for line in running.out if '"two"' in line)
    assert (record["log.offset"], record["fairlead.end"], record["log.file.path"]) == (4, 8, str(host.log))
    assert record["agent.id"] == (host.state / "agent-id").read_text().strip()


def test_a_clean_end_and_a_new_start_double_nothing(host: Host) -> None:
    for round_ in range(3):
        running = host.start(host.file_sink)
        host.append(*(f"round {round_} line {i}" for i in range(500)))
        wait_until(lambda: len(host.out()) >= 500 * round_ + 100, "some lines")  # noqa: B023 - awaited in the round
        assert running.end(signal.SIGTERM) == 0
    host.start(host.file_sink)
    wait_until(lambda: len(host.out()) >= 1500, "all lines")
    assert messages(host.out()) == host.log.read_text().splitlines()


def test_kill_9_loses_nothing_and_repeats_bear_the_same_key(host: Host) -> None:
    for round_ in range(4):
        running = host.start(host.file_sink)
        host.append(*(f"round {round_} line {i}" for i in range(2000)))
        wait_until(lambda: len(host.out()) >= 2000 * round_ + 100, "some lines")  # noqa: B023 - awaited in the round
        running.end(signal.SIGKILL)
    host.start(host.file_sink)
    written = host.log.read_text().splitlines()
    wait_until(lambda: len({record["log.offset"] for record in host.out()}) >= len(written), "all lines")
    by_key = {(record["fairlead.source"], record["log.offset"]): record["message"] for record in host.out()}
    assert [by_key[key] for key in sorted(by_key, key=lambda key: int(str(key[1])))] == written


def test_a_line_torn_by_a_kill_is_ended_before_the_next(host: Host) -> None:
    (host.folder / "out.ndjson").write_text('{"message": "whole"}\n{"message": "to')
    host.start(host.file_sink)
    host.append("next")
    wait_until(lambda: (host.folder / "out.ndjson").read_text().count("\n") == 3, "the record")
    assert json.loads((host.folder / "out.ndjson").read_text().splitlines()[-1])["message"] == "next"


def test_raw_output_reopened_after_a_rotation(host: Host) -> None:
    out = host.folder / "out.txt"
    running = host.start(f"{{file: {{path: {out}, format: raw}}}}")
    host.append("before")
    wait_until(lambda: out.exists() and out.read_text() == "before\n", "the line")
    out.rename(host.folder / "out.txt.1")
    running.process.send_signal(signal.SIGHUP)
    running.expect("configuration reloaded")
    host.append("after")
    wait_until(lambda: out.exists() and out.read_text() == "after\n", "the line in the new file")
    assert (host.folder / "out.txt.1").read_text() == "before\n"


def test_its_own_output_is_not_followed(host: Host) -> None:
    out = host.folder / "out.log"
    host.start(f"{{file: {{path: {out}}}}}")
    host.append("once")
    wait_until(lambda: out.read_text().count("\n") == 1, "the record")
    host.append("twice")
    wait_until(lambda: out.read_text().count("\n") >= 2, "the other")
    assert messages([json.loads(line) for line in out.read_text().splitlines()]) == ["once", "twice"]


def test_http_sink_waits_splits_and_buries(host: Host, receiver: Receiver) -> None:
    token = host.folder / "token"
    token.write_text("s3cret\n")

    refusals = [401, 503]

    def judge(request: Posted) -> int:
        lines = request.lines
        if request.headers["Fairlead-Kind"] != "log":
            return 200
        if refusals:
            return refusals.pop()
        if len(lines) > 20:
            return 413
        return 422 if any(line["message"] == "poison" for line in lines) and len(lines) == 1 else 413 if any(
            line["message"] == "poison" for line in lines
        ) else 200  # fmt: skip

    receiver.judge = judge
    host.append(*(f"line {i}" for i in range(50)), "poison", *(f"line {i}" for i in range(50, 100)))
    running = host.start(f"{{http: {{url: '{receiver.url}', token_file: {token}}}}}", "metrics: {load: 1s}\n")
    wait_until(lambda: len([r for r in receiver.taken() if r["message"] != "poison"]) == 100, "every line that is not refused")
    wait_until(lambda: receiver.taken("metric"), "a sample")
    assert messages(receiver.taken()) == [f"line {i}" for i in range(100)]
    buried = host.state / "dead-letters.ndjson"
    wait_until(buried.exists, "the dead letter")
    letter = json.loads(buried.read_text())
    assert letter["message"] == "poison"
    assert "answered 422" in letter["error.message"]
    assert {posted.headers["Authorization"] for posted in receiver.posted} == {"Bearer s3cret"}
    assert {posted.headers["Fairlead-Agent"] for posted in receiver.posted} == {(host.state / "agent-id").read_text().strip()}
    numbers = [int(posted.headers["Fairlead-Batch"]) for posted in receiver.posted if posted.headers["Fairlead-Kind"] == "log"]
    assert numbers[0] == numbers[1], "a batch that is sent again keeps its number"
    assert numbers == sorted(numbers)
    assert running.end(signal.SIGTERM) == 0
    assert "s3cret" not in "".join(running.err)


def test_a_dead_sink_stops_the_reading_and_the_end_is_clean(host: Host, receiver: Receiver) -> None:
    receiver.close()
    running = host.start(f"{{http: {{url: '{receiver.url}'}}}}", "listen: 127.0.0.1:0\nmetrics: {load: 1s}\n")
    url = running.expect(r"listening url=(\S+)")[1]
    host.append(*(f"line {i}" for i in range(1000)))
    wait_until(lambda: "[-]sink failed" in get(f"{url}/readyz?verbose"), "readiness to say so")
    text = get(f"{url}/metrics")
    assert f"fairlead_log_lag_bytes {host.log.stat().st_size}" in text
    assert "node_load1 " in text
    assert 'fairlead_sink_errors_total{sink="http"}' in text
    assert get(f"{url}/livez") == "ok\n"
    assert "nothing is served here" in get(f"{url}/")
    assert running.end(signal.SIGTERM) == 0
    again = Receiver(receiver.port)
    try:
        host.start(f"{{http: {{url: '{receiver.url}'}}}}")
        wait_until(lambda: len(again.taken()) == 1000, "every line")
    finally:
        again.close()


def get(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return error.read().decode()


def test_a_reader_that_stalls_keeps_nothing_from_ending(host: Host) -> None:
    host.configure("{stdout: {}}")
    host.append(*("x" * 1000 for _ in range(1000)))
    read, write = os.pipe()
    process = subprocess.Popen([*PROGRAM, "agent", "-c", str(host.config)], stdout=write, stderr=subprocess.DEVNULL)
    os.close(write)
    wait_until(lambda: (host.state / "agent-id").exists(), "the start")
    assert os.read(read, 1) == b"{"
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    os.close(read)


def test_a_reader_that_goes_ends_it(host: Host) -> None:
    host.configure("{stdout: {}}")
    host.append(*("x" * 1000 for _ in range(1000)))
    shell = f"{shlex.join(PROGRAM)} agent -c {host.config} | head -n 1"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {shell}"], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1


def test_a_corrupt_checkpoint_is_moved_aside_and_all_is_read_anew(host: Host) -> None:
    host.append("one")
    running = host.start(host.file_sink)
    wait_until(lambda: messages(host.out()) == ["one"], "the line")
    assert running.end(signal.SIGTERM) == 0
    for slot in host.state.glob("checkpoint.?"):
        slot.write_bytes(b"rubbish")
    running = host.start(host.file_sink)
    running.expect("moved aside")
    wait_until(lambda: messages(host.out()) == ["one", "one"], "the line again")
    assert list(host.state.glob("checkpoint.*.corrupt-*"))


def test_a_wrong_configuration_ends_with_its_place(host: Host) -> None:
    for sink, said in [
        ("{}", ":5:1: sink: names 0 sinks"),
        ("{pulsar: {}}", ":5:8: sink.pulsar: unknown key; allowed are stdout, file, http, kafka"),
        ("{kafka: {topic: logs}}", ":5:8: sink.kafka: the key brokers is missing"),
        ("{kafka: {brokers: [localhost], topic: logs}}", "'localhost' is no address; allowed is HOST:PORT"),
        ("{http: {url: 'ftp://x'}}", "sink.http.url: ftp://x is no URL of a collector"),
        ("{http: {url: 'http://127.0.0.1/logs'}}", "no collector takes in anything at /logs; allowed is http[s]://HOST:PORT"),
        ("{file: {path: /nonexistent/out}}", "sink.file.path: /nonexistent/out: No such file or directory"),
        ("{file: {path: /dev/null}}", "is no regular file"),
        ("{http: {url: 'http://127.0.0.1', compression: snappy}}", "'snappy'"),
    ]:
        host.configure(sink)
        done = fairlead("agent", "-c", str(host.config))
        assert (done.returncode, said in done.stderr, len(done.stderr.splitlines())) == (2, True, 1), (sink, done.stderr)
    host.configure(host.file_sink)
    host.start(host.file_sink)
    second = fairlead("agent", "-c", str(host.config))
    assert second.returncode == 2
    assert "in use by another fairlead" in second.stderr


def test_a_full_disk_under_the_file_sink_loses_nothing(host: Host) -> None:
    small = host.folder / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(small)], check=True)
    try:
        running = host.start(f"{{file: {{path: {small}/out.ndjson}}}}")
        host.append(*(f"line {i} {'x' * 100}" for i in range(2000)))
        running.expect("sink unavailable, reading waits.*No space left")
        subprocess.run(["mount", "-o", "remount,size=16m", str(small)], check=True)
        running.process.send_signal(signal.SIGHUP)
        out = small / "out.ndjson"
        wait_until(lambda: out.read_text().count("\n") == 2000, "every line")
        assert messages([json.loads(line) for line in out.read_text().splitlines()]) == host.log.read_text().splitlines()
        running.end(signal.SIGTERM)
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_an_answer_that_acknowledges_nothing_is_no_delivery(host: Host, receiver: Receiver) -> None:
    receiver.answer = b"<html>welcome</html>"
    running = host.start(f"{{http: {{url: '{receiver.url}'}}}}")
    host.append("precious")
    running.expect("acknowledged nothing; is this a collector")
    receiver.posted.clear()
    receiver.answer = b'{"acknowledged": 1}'
    wait_until(lambda: "precious" in messages(receiver.taken()), "the line")
