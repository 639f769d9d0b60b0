"""The verdict: limits, what a value at a limit does, since when, and what survives a restart."""

from typing import Any

import msgspec
import pytest

from fairlead.core.verdict import Status, Verdict
from fairlead.health.judge import Judge
from fairlead.health.observe import Observation, Volume

WELL = Observation(
    time_s=1000.0, load_per_cpu=0.2, pressure={"cpu": 0.0, "io": 0.0, "memory": 0.0}, available=0.7, volumes=(Volume("/", 0.4, 0.1),)
)


def seen(time_s: float = 1000.0, **changes: Any) -> Observation:
    return msgspec.structs.replace(WELL, time_s=time_s, **changes)


def status(verdict: Verdict, key: str) -> Status:
    return next(finding.status for finding in verdict.findings if finding.key == key)


def test_a_host_that_is_well_is_well() -> None:
    verdict = Judge().judge(WELL)
    assert (verdict.status, verdict.since_s) == (Status.OK, 1000.0)
    assert all(finding.status is Status.OK for finding in verdict.findings)


@pytest.mark.parametrize(
    ("changes", "key", "expected", "said"),
    [
        ({"load_per_cpu": 1.6}, "load", Status.WARNING, "1.60 a CPU"),
        ({"load_per_cpu": 5.0}, "load", Status.CRITICAL, "5.00 a CPU"),
        ({"pressure": {"memory": 0.5}}, "pressure_memory", Status.CRITICAL, "50% of the time some task waits for memory"),
        ({"pressure": {"io": 0.31}}, "pressure_io", Status.WARNING, "waits for I/O"),
        ({"available": 0.03}, "memory", Status.CRITICAL, "3% available"),
        ({"volumes": (Volume("/", 0.2), Volume("/data", 0.96))}, "disk", Status.CRITICAL, "/data is 96% full"),
        ({"volumes": (Volume("/", 0.2, 0.9),)}, "inodes", Status.WARNING, "/ has 90% of its inodes in use"),
        ({"volumes": (Volume("/mnt/nfs", failed=True),)}, "device_/mnt/nfs", Status.CRITICAL, "/mnt/nfs does not answer"),
        ({"error_lines_a_minute": 12.0}, "errors", Status.WARNING, "12 a minute"),
        ({"stale": {"cpu": 9.0}}, "stale", Status.WARNING, "no new sample of cpu (9 s)"),
        ({"problems": {"store": "takes no writes: full"}}, "part_store", Status.CRITICAL, "takes no writes: full"),
        ({"load_per_cpu": None}, "load", Status.UNKNOWN, "not sampled"),
    ],
)
def test_what_is_wrong_is_named_with_its_value(changes: dict[str, Any], key: str, expected: Status, said: str) -> None:
    verdict = Judge().judge(seen(**changes))
    assert status(verdict, key) is expected
    assert verdict.status is expected
    assert said in next(finding.text for finding in verdict.findings if finding.key == key)
    if expected is not Status.UNKNOWN:
        assert said in verdict.summary
        assert verdict.findings[0].key == key, "the worst stands first"


def test_a_value_at_its_limit_does_not_flap() -> None:
    judge = Judge()
    assert status(judge.judge(seen(load_per_cpu=1.5)), "load") is Status.WARNING
    assert status(judge.judge(seen(load_per_cpu=1.4)), "load") is Status.WARNING
    assert status(judge.judge(seen(load_per_cpu=1.34)), "load") is Status.OK
    assert status(judge.judge(seen(load_per_cpu=1.4)), "load") is Status.OK


def test_since_is_when_it_began_and_survives_a_restart() -> None:
    judge = Judge()
    judge.judge(seen(1000))
    judge.judge(seen(2000, available=0.05))
    verdict = judge.judge(seen(2500, available=0.06))
    assert (verdict.status, verdict.since_s) == (Status.WARNING, 2000)
    again = Judge()
    again.restore(judge.state())
    verdict = again.judge(seen(3000, available=0.05))
    assert (verdict.since_s, verdict.findings[0].since_s) == (2000, 2000)
    assert again.judge(seen(4000)).since_s == 4000


def test_a_state_that_cannot_be_read_is_passed_over() -> None:
    for data in (b"", b"[1]", b"\xff", b'{"status": "ill"}'):
        judge = Judge()
        judge.restore(data)
        assert judge.judge(WELL).status is Status.OK
