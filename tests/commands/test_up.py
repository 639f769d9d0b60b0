"""`fairlead up` as a process: what it watches, how it ends, what kill -9 leaves, what SIGHUP changes."""

import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.support.program import PROGRAM, Running, Start, fairlead, logs
from tests.support.waiting import wait_until

pytestmark = pytest.mark.real


class Up:
    """Starts `fairlead up` on a free port with its state and logs in a folder."""

    def __init__(self, folder: Path, start: Start) -> None:
        self.folder, self.state, self._start = folder, folder / "state", start
        self.log = folder / "app.log"
        self.log.write_text("")
        self.running: Running | None = None
        self.url = ""

    def start(self, *arguments: str, env: dict[str, str] | None = None, logs: bool = True) -> Running:
        chosen = ["--logs", f"{self.folder}/*.log"] if logs else []
        self.running = self._start("up", "--state-dir", str(self.state), "--listen", "127.0.0.1:0", *chosen, *arguments, env=env)
        self.url = self.running.expect(r"fairlead watches \S+: (\S+)")[1]
        return self.running

    def append(self, *lines: str) -> None:
        with self.log.open("a") as stream:
            stream.writelines(f"{line}\n" for line in lines)

    def get(self, path: str) -> str:
        return _get(self.url + path)


@pytest.fixture
def up(tmp_path: Path, start: Start) -> Up:
    """A host to watch."""
    return Up(tmp_path, start)


def test_up_shows_metrics_and_lines_and_ends_cleanly(up: Up) -> None:
    running = up.start()
    up.append("ERROR something broke")
    wait_until(lambda: "node_load1" in up.get("/metrics"), "the host's metrics")
    wait_until(lambda: json.loads(up.get("/api/v1/logs?q=broke"))["records"], "the line")
    assert up.get("/readyz?verbose").endswith("readyz check passed\n")
    assert (up.state.stat().st_mode & 0o777, (up.state / "store.db").stat().st_mode & 0o777) == (0o700, 0o600)
    assert running.end(signal.SIGTERM) == 0
    assert [record["message"] for record in logs(up.state, "broke")] == ["ERROR something broke"]
    assert fairlead("store", "verify", "--state-dir", str(up.state)).stdout == "the store is sound\n"


def test_ctrl_c_ends_with_130(up: Up) -> None:
    assert up.start().end(signal.SIGINT) == 130


def test_kill_9_loses_and_doubles_nothing(up: Up) -> None:
    written: list[str] = []
    for round_ in range(4):
        running = up.start()
        lines = [f"round {round_} line {i}" for i in range(3000)]
        up.append(*lines)
        written += lines
        wait_until(lambda: len(logs(up.state)) > len(written) - 2900, "some of the lines")  # noqa: B023 - awaited in the round
        running.end(signal.SIGKILL)
    up.start()
    wait_until(lambda: len(logs(up.state)) >= len(written), "all lines")
    found = sorted(logs(up.state), key=lambda record: int(str(record["log.offset"])))
    assert [record["message"] for record in found] == written
    assert len({record["fairlead.source"] for record in found}) == 1


def test_a_second_one_and_a_port_in_use_are_refused(up: Up, tmp_path: Path) -> None:
    up.start()
    second = fairlead("up", "--state-dir", str(up.state), "--listen", "127.0.0.1:0")
    assert second.returncode == 2
    assert "in use by another fairlead" in second.stderr
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        third = fairlead("up", "--state-dir", str(tmp_path / "other"), "--listen", address)
    assert third.returncode == 2
    assert f"{address}: in use; give another address with --listen" in third.stderr


def test_sighup_takes_the_new_configuration_and_refuses_a_wrong_one(up: Up, tmp_path: Path) -> None:
    file = tmp_path / "up.yaml"
    file.write_text("metrics: {cpu: 1s}\n")
    running = up.start("--config", str(file))
    file.write_text("metrics: {cpu: 1s}\nredact: [5]\n")
    running.process.send_signal(signal.SIGHUP)
    running.expect(r"configuration refused, the old one goes on.*up\.yaml:2:10")
    file.write_text("metrics: {cpu: 2s}\nredact: ['password=\\S+']\n")
    running.process.send_signal(signal.SIGHUP)
    running.expect("configuration reloaded")
    assert json.loads(up.get("/api/v1/status"))["intervals"]["cpu"] == 2.0
    up.append("login password=hunter2 ok")
    wait_until(lambda: logs(up.state, "login"), "the line")
    assert logs(up.state, "login")[0]["message"] == "login [REDACTED] ok"
    assert not any("hunter2" in path.read_bytes().decode(errors="replace") for path in up.state.iterdir() if path.is_file())


def test_systemd_is_told_of_ready_reloading_and_stopping(up: Up, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(str(tmp_path / "notify"))
        notified.settimeout(10)
        running = up.start(env={"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"})
        running.process.send_signal(signal.SIGHUP)
        said: list[str] = []
        while "RELOADING=1" not in said or "WATCHDOG=1" not in said or said[-1] != "READY=1":
            said += notified.recv(4096).decode().splitlines()
        assert said[0] == "READY=1" or "READY=1" in said[:4]
        running.end(signal.SIGTERM)
        notified.setblocking(False)
        while "STOPPING=1" not in said:
            said += notified.recv(4096).decode().splitlines()


def test_memory_keeps_no_state(tmp_path: Path, start: Start) -> None:
    running = start("up", "--memory", "--listen", "127.0.0.1:0", "--logs", f"{tmp_path}/*.log", env={"HOME": str(tmp_path)})
    try:
        url = running.expect(r"fairlead watches \S+: (\S+)")[1]
        (tmp_path / "a.log").write_text("in memory\n")

        def found() -> bool:
            with urllib.request.urlopen(f"{url}/api/v1/logs?q=memory", timeout=10) as answer:
                return bool(json.load(answer)["records"])

        wait_until(found, "the line")
    finally:
        assert running.end() == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.log"]


def test_a_full_disk_stops_the_reading_until_there_is_space(up: Up, tmp_path: Path) -> None:
    up.state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(up.state)], check=True)
    try:
        ballast = up.state / "ballast"
        up.start()
        up.append("before")
        wait_until(lambda: logs(up.state, "before"), "the first line")
        fill(ballast)
        up.append(*(f"during {i} " + "y" * 300 for i in range(3000)))
        wait_until(lambda: "[-]store failed" in _readyz(up.url), "the page to say so")
        ballast.unlink()
        wait_until(lambda: len(logs(up.state, "during")) == 3000, "every line", 40)
        wait_until(lambda: _readyz(up.url).endswith("passed\n"), "readiness")
        assert [record["message"] for record in logs(up.state, "during")] == [f"during {i} " + "y" * 300 for i in range(3000)]
    finally:
        if up.running is not None:
            up.running.end(signal.SIGKILL)
        subprocess.run(["umount", str(up.state)], check=True)


def fill(file: Path) -> None:
    """Write until the disk is full."""
    done = subprocess.run(["dd", "if=/dev/zero", f"of={file}", "bs=4096"], check=False, capture_output=True, text=True)
    assert "No space left on device" in done.stderr


def _readyz(url: str) -> str:
    request = urllib.request.Request(f"{url}/readyz?verbose")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return error.read().decode()


def test_an_unusable_state_directory_says_what_to_give(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = fairlead("up", "--state-dir", str(tmp_path / "file"))
    assert done.returncode == 2
    assert "--state-dir" in done.stderr


def test_an_unprivileged_user_in_adm_sees_what_it_may_and_is_told_the_rest(start: Start) -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for file, mode, group in (("open.log", 0o640, 4), ("secret.log", 0o600, 0)):
            (folder / file).write_text(f"line of {file}\n")
            (folder / file).chmod(mode)
            os.chown(folder / file, 0, group)
        home = folder / "home"
        home.mkdir()
        os.chown(home, 54321, 54321)
        running = start(
            "up", "--listen", "127.0.0.1:0", "--logs", f"{folder}/*.log", env={"HOME": str(home), "XDG_STATE_HOME": ""},
            before=["setpriv", "--reuid=54321", "--regid=54321", "--groups=4"],
        )  # fmt: skip
        running.expect(r"file is not followed.*secret\.log.*cannot be read by this user; run as root or in the group adm")
        url = running.expect(r"fairlead watches \S+: (\S+)")[1]
        wait_until(lambda: "line of open.log" in _get(f"{url}/api/v1/logs"), "the line that it may read")
        assert "fairlead_log_unreadable 1" in _get(f"{url}/metrics")
        assert "secret" not in _get(f"{url}/api/v1/logs")
        assert (home / ".local/state/fairlead/store.db").stat().st_uid == 54321
        assert running.end() == 0


def test_a_line_of_half_a_gigabyte_is_cut_in_bounded_memory_and_the_next_is_intact(up: Up) -> None:
    with up.log.open("wb") as stream:
        for _ in range(512):
            stream.write(b"x" * (1 << 20))
        stream.write(b"\nthe next line\n")
    running = up.start("--backfill", "1GiB")
    wait_until(lambda: len(logs(up.state)) == 2, "both lines", 60)
    long, following = logs(up.state)
    assert (len(str(long["message"])), long["fairlead.flags"], long["fairlead.end"]) == (1 << 20, ["truncated"], (512 << 20) + 1)
    assert (following["message"], following["log.offset"]) == ("the next line", (512 << 20) + 1)
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{running.process.pid}/status").read_text())
    assert peak
    assert int(peak[1]) < 150_000, "memory grows with the line"


def test_its_own_log_and_state_are_not_followed(up: Up) -> None:
    up.state.mkdir()
    (up.state / "kept.log").write_text("not a log\n")
    with (up.folder / "own.log").open("w") as own:
        arguments = ["up", "--listen", "127.0.0.1:0", "--state-dir", str(up.state), "--logs", f"{up.folder}/**/*.log"]
        process = subprocess.Popen([*PROGRAM, *arguments], stdout=own, stderr=own)
    try:
        wait_until(lambda: "started" in (up.folder / "own.log").read_text(), "the start")
        up.append("a line")
        wait_until(lambda: logs(up.state), "the line")
        assert [record["message"] for record in logs(up.state)] == ["a line"]
    finally:
        process.terminate()
        assert process.wait(20) == 0


def test_a_read_only_state_directory_says_what_to_give(up: Up) -> None:
    up.state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(up.state)], check=True)
    try:
        done = fairlead("up", "--state-dir", str(up.state), "--listen", "127.0.0.1:0")
    finally:
        subprocess.run(["umount", str(up.state)], check=True)
    assert done.returncode == 2
    assert "Read-only file system; give a directory that can be written with --state-dir DIR" in done.stderr


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())
