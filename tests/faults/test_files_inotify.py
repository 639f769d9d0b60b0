"""inotify's limits reached, in a user namespace of the agent's own: it names the limit, polls instead, and watches again when it may."""

import subprocess

import pytest

from tests.faults.fleet import Fleet
from tests.support.scarce_inotify import WORDS
from tests.support.writers import Settings, write_log

pytestmark = pytest.mark.real
FOLDERS = 6


def set_limit(pid: int, name: str, value: int) -> None:
    """Set a limit of the namespace that a process lives in."""
    command = ["nsenter", f"--target={pid}", "--user", "--preserve-credentials", "sh", "-c"]
    subprocess.run([*command, f"echo {value} > /proc/sys/user/max_inotify_{name}"], check=True, capture_output=True)


def write(fleet: Fleet, epoch: int, lines: int, rotate_every: int = 0) -> None:
    """Write a log in each of some folders, and wait until all is stored."""
    for number in range(FOLDERS):
        folder = fleet.logs / f"app{number}"
        folder.mkdir(exist_ok=True)
        write_log(Settings(f"w{number}", folder / "app.log", fleet.ledgers, epoch, lines, rotate_every=rotate_every, keep=20))
    fleet.wait_stored(fleet.written())


@pytest.mark.parametrize(
    ("limit", "value", "told"),
    [
        ("watches", 3, r"user\.max_inotify_watches is 3 and all are taken"),
        pytest.param("instances", 0, r"user\.max_inotify_instances is 0 and all are taken", marks=pytest.mark.soak),
    ],
)
def test_lines_arrive_by_polling_and_then_by_events_when_a_limit_was_reached(http_fleet: Fleet, limit: str, value: int, told: str) -> None:
    http_fleet.agent_settings["logs"][0]["paths"] = [f"{http_fleet.logs}/**/*.log"]
    http_fleet.start_collector()
    # A shell lowers the limit, and becomes the agent.
    lower = f'echo {value} > /proc/sys/user/max_inotify_{limit}; exec "$@"'
    agent = http_fleet.start_agent(before=(*WORDS, "sh", "-c", lower, "sh"))
    write(http_fleet, 1, lines=10)
    agent.expect(told)
    write(http_fleet, 2, lines=50, rotate_every=10)
    set_limit(agent.process.pid, limit, 100)
    agent.expect("all is watched again")
    write(http_fleet, 3, lines=50, rotate_every=10)
    http_fleet.prove()
    assert agent.end() == 0
