"""`fairlead jobs run` as a process."""

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.program import PROGRAM, Start, fairlead

pytestmark = pytest.mark.real


def _input(folder: Path, *jobs: dict[str, Any]) -> str:
    file = folder / "jobs.jsonl"
    file.write_text("".join(json.dumps(job) + "\n" for job in jobs))
    return str(file)


def _sh(script: str, **more: object) -> dict[str, Any]:
    return {"argv": ["sh", "-c", script], **more}


def _told(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_outcomes_come_in_the_order_of_the_input_with_all_fields(tmp_path: Path) -> None:
    file = _input(
        tmp_path,
        _sh("sleep 0.2; echo $WORD; pwd", env={"WORD": "s3cret"}, cwd="/", id="slow"),
        _sh("echo wrong >&2; exit 3"),
        _sh("kill -9 $$"),
        {"argv": ["/no/such/program"]},
    )
    done = fairlead("jobs", "run", file, "--workers", "4")
    first, second, third, fourth = _told(done.stdout)
    assert done.returncode == 1
    assert list(first) == ["id", "state", "exit_code", "signal", "stdout", "stderr", "started", "duration_s", "attempt"]
    assert (first["id"], first["state"], first["exit_code"], first["stdout"]) == ("slow", "completed", 0, "s3cret\n/\n")
    assert (second["id"], second["state"], second["exit_code"], second["stderr"]) == (2, "discarded", 3, "wrong\n")
    assert (third["exit_code"], third["signal"], third["attempt"]) == (None, 9, 1)
    assert (fourth["exit_code"], "No such file" in fourth["stderr"]) == (127, True)
    assert "4 jobs: 1 completed, 3 failed" in done.stderr
    assert "s3cret" not in done.stderr


def test_outcomes_come_as_they_end_where_that_is_wanted(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    file = _input(tmp_path, _sh(f"until [ -e {gate} ]; do sleep 0.01; done", id="a"), _sh(f"touch {gate}", id="b"))
    for option, told in (("--no-keep-order", {"a", "b"}), ("--as-they-end", {"a", "b"})):
        gate.unlink(missing_ok=True)
        done = fairlead("jobs", "run", file, "--workers", "2", option)
        assert (done.returncode, {one["id"] for one in _told(done.stdout)}) == (0, told)


def test_a_wrong_line_of_a_file_is_told_before_anything_runs(tmp_path: Path) -> None:
    file = _input(tmp_path, _sh(f"touch {tmp_path}/ran"), {"argv": ["true"], "priority": 9}, {"argv": ["true"], "id": 1})
    done = fairlead("jobs", "run", file)
    assert (done.returncode, done.stdout, (tmp_path / "ran").exists()) == (2, "", False)
    first, second = done.stderr.splitlines()
    assert first == f"{file}:2: priority: Expected `int` <= 7"
    assert second.startswith(f"{file}:3: id: 1 is that of line 1, too")


def test_a_wrong_line_of_stdin_is_a_failure_and_the_rest_goes_on() -> None:
    text = '{"argv": ["echo", "a"]}\nno\n{"argv": ["echo", "b"]}\n'
    done = subprocess.run([*PROGRAM, "jobs", "run", "-"], input=text, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, [one["stdout"] for one in _told(done.stdout)]) == (1, ["a\n", "b\n"])
    assert "stdin:2: is no JSON object" in done.stderr


def test_the_urgent_go_first_with_one_worker(tmp_path: Path) -> None:
    log, gate = tmp_path / "log", tmp_path / "gate"
    order = list(range(8)) * 3
    random.Random(5).shuffle(order)
    jobs = [_sh(f"echo {priority} >> {log}", priority=priority) for priority in order]
    file = _input(tmp_path, _sh(f"until [ -e {gate} ]; do sleep 0.3; touch {gate}; done", priority=0), *jobs)
    assert fairlead("jobs", "run", file, "--workers", "1").returncode == 0
    assert [int(line) for line in log.read_text().split()] == sorted(order)


def test_a_time_out_ends_grand_children_and_retries_are_counted(tmp_path: Path) -> None:
    count = tmp_path / "count"
    file = _input(
        tmp_path,
        _sh(f"sleep 300 & echo $! > {tmp_path}/child; wait", timeout_s=0.3),
        _sh(f"echo >> {count}; [ $(wc -l < {count}) = 3 ]", retries=5),
    )
    done = fairlead("jobs", "run", file, "--workers", "2")
    late, again = _told(done.stdout)
    assert (done.returncode, late["state"], late["signal"]) == (1, "discarded", 15)
    assert "not done after 0.3 s" in late["stderr"]
    assert not _lives(int((tmp_path / "child").read_text()))
    assert (again["state"], again["attempt"]) == ("completed", 3)


def test_output_beyond_the_bound_is_left_out_and_told(tmp_path: Path) -> None:
    done = fairlead("jobs", "run", _input(tmp_path, _sh("head -c 5000000 /dev/zero | tr '\\0' x")), "--max-output", "1000")
    assert _told(done.stdout)[0]["stdout"] == "x" * 1000
    assert "job 1: stdout: 4999000 bytes beyond --max-output are left out" in done.stderr


def test_a_full_queue_that_rejects_tells_each_job_once(tmp_path: Path) -> None:
    jobs = [_sh("sleep 0.3", id=f"j{number}") for number in range(20)]
    done = fairlead("jobs", "run", _input(tmp_path, *jobs), "--workers", "1", "--queue", "2", "--on-full", "reject")
    told = _told(done.stdout)
    assert (done.returncode, [one["id"] for one in told]) == (1, [job["id"] for job in jobs])
    assert {one["state"] for one in told} == {"completed", "discarded"}
    assert "the queue is full: 2 of 2 jobs wait" in told[-1]["stderr"]


def test_two_thousand_trivial_jobs_end_with_few_descriptors(tmp_path: Path) -> None:
    file = _input(tmp_path, *[{"argv": ["true"]}] * 2000)
    # 64 descriptors are those of two jobs and the program's own: a leak of one a job ends this soon.
    argv = ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh", *PROGRAM, "jobs", "run", file, "--workers", "2"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, [one["id"] for one in _told(done.stdout)]) == (0, list(range(1, 2001))), done.stderr


def test_what_is_proven_done_is_not_repeated_after_kill_9(tmp_path: Path, start: Start) -> None:
    log, journal = tmp_path / "log", str(tmp_path / "journal")
    jobs = [_sh(f"echo begin {number} >> {log}; sleep 0.02; echo end {number} >> {log}; echo {number}") for number in range(40)]
    file = _input(tmp_path, *jobs)
    running = start("jobs", "run", file, "--workers", "2", "--resume", journal)
    _until(lambda: log.exists() and log.read_text().count("end") >= 12)
    running.end(signal.SIGKILL)
    time_ns = (tmp_path / "journal").stat().st_mtime_ns
    proven = sum(b'"done"' in line for line in (tmp_path / "journal").read_bytes().splitlines())
    done = fairlead("jobs", "run", file, "--workers", "2", "--resume", journal)
    assert (done.returncode, [one["stdout"] for one in _told(done.stdout)]) == (0, [f"{number}\n" for number in range(40)])
    # A worker goes on while the end of its job becomes durable: two jobs a worker may be unproven.
    begun = [log.read_text().splitlines().count(f"begin {number}") for number in range(40)]
    assert proven >= 6
    assert set(begun) <= {1, 2}
    assert begun.count(2) <= done.stderr.count("was begun and is not proven done; it runs again") <= 4
    assert f"{40 - proven} completed, {proven} done before" in done.stderr
    assert (tmp_path / "journal").stat().st_mtime_ns > time_ns
    changed = fairlead("jobs", "run", _input(tmp_path, {"argv": ["true"]}), "--resume", journal)
    assert (changed.returncode, "id: 1 is another command in the journal" in changed.stderr) == (2, True)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 1)])
def test_a_signal_ends_what_runs_and_each_job_is_told(tmp_path: Path, start: Start, number: int, code: int) -> None:
    file = _input(tmp_path, *[_sh(f"echo $$ > {tmp_path}/pid; exec sleep 300")] * 3)
    running = start("jobs", "run", file, "--workers", "1")
    _until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
    assert running.end(number) == code
    told = _told("".join(running.out))
    assert [one["state"] for one in told] == ["cancelled"] * 3
    assert [one["signal"] for one in told] == [15, None, None]
    assert not _lives(int((tmp_path / "pid").read_text()))


def test_a_second_signal_kills_what_ignores_the_first(tmp_path: Path, start: Start) -> None:
    file = _input(tmp_path, _sh(f"trap '' TERM; echo $$ > {tmp_path}/pid; while :; do sleep 0.05; done"))
    running = start("jobs", "run", file)
    _until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
    running.process.send_signal(signal.SIGINT)
    running.expect("the next signal kills them")
    assert running.end(signal.SIGINT) == 130
    assert _told("".join(running.out))[0]["signal"] == 9


def test_a_reader_that_goes_away_ends_the_run(tmp_path: Path) -> None:
    file = _input(tmp_path, *[{"argv": ["echo", "a"]}] * 50, _sh("sleep 300"))
    command = f"{' '.join(PROGRAM)} jobs run {file} --workers 1 | head -n 1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=30, check=False)
    assert len(done.stdout.splitlines()) == 1
    assert "Traceback" not in done.stderr


def _until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
