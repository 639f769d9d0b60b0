"""`fairlead service install`: what it writes, judged by systemd's own tools, and what it refuses to write."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from fairlead.commands import systemd_unit
from fairlead.core.errors import UsageError
from tests.support.program import fairlead

pytestmark = pytest.mark.real

EXPOSURE_LIMIT = 2.0
"""Of 10; what systemd calls OK. The network, the host's view of /proc and the group adm are what is left."""


@pytest.fixture
def agent_config(tmp_path: Path) -> Path:
    file = tmp_path / "agent.yaml"
    file.write_text("sink: {stdout: {}}\n")
    return file


def install(folder: Path, *arguments: str) -> str:
    """Write a unit and return its text."""
    done = fairlead("service", "install", *arguments, "--unit-dir", str(folder))
    assert done.returncode == 0, done.stderr
    [file] = folder.glob("*.service")
    return file.read_text()


def analyze(*arguments: str) -> str:
    done = subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, check=False, env={**os.environ, "SYSTEMD_PAGER": ""}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def values(unit: str, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", unit, re.MULTILINE)


@pytest.mark.parametrize("kind", ["up", "agent", "collect"])
def test_the_unit_stands_systemds_own_checks(kind: str, agent_config: Path, tmp_path: Path) -> None:
    folder = tmp_path / "units"
    folder.mkdir()
    config = {"agent": agent_config, "collect": tmp_path / "collect.yaml"}.get(kind)
    (tmp_path / "collect.yaml").write_text("source: {kafka: {brokers: [127.0.0.1:9092], topics: [logs]}}\n")
    unit = install(folder, kind, *(["--config", str(config)] if config else []))
    file = folder / f"fairlead-{kind}.service"
    assert analyze("verify", "--man=no", "--recursive-errors=no", str(file)) == ""
    level = re.search(r"exposure level.*: ([\d.]+) ", analyze("security", "--offline=true", str(file)))
    assert level
    assert float(level[1]) < EXPOSURE_LIMIT, level[0]
    assert file.stat().st_mode & 0o777 == 0o644
    for key, expected in {"Type": "notify", "WatchdogSec": "30s", "User": "fairlead", "ProtectSystem": "strict"}.items():
        assert values(unit, key) == [expected]


def test_install_tells_what_comes_next_and_does_nothing_the_second_time(tmp_path: Path) -> None:
    first = fairlead("service", "install", "up", "--unit-dir", str(tmp_path))
    assert first.stdout.splitlines()[:3] == [f"wrote {tmp_path}/fairlead-up.service", "next:", "  systemctl daemon-reload"]
    assert f"systemctl enable --now {tmp_path}/fairlead-up.service" in first.stdout
    again = fairlead("service", "install", "up", "--unit-dir", str(tmp_path))
    assert again.stdout.startswith("unchanged ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fairlead-up.service"]


def test_a_unit_that_differs_is_replaced_by_force_only(tmp_path: Path) -> None:
    file = tmp_path / "fairlead-up.service"
    file.write_text("[Service]\n")
    refused = fairlead("service", "install", "up", "--unit-dir", str(tmp_path))
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "exists and differs" in refused.stderr
    assert file.read_text() == "[Service]\n"
    assert "ExecStart" in install(tmp_path, "up", "--force")


def test_a_masked_unit_counts_as_one_that_differs(tmp_path: Path) -> None:
    (tmp_path / "fairlead-up.service").symlink_to("/dev/null")
    assert fairlead("service", "install", "up", "--unit-dir", str(tmp_path)).returncode == 2
    assert "ExecStart" in install(tmp_path, "up", "--force")
    assert not (tmp_path / "fairlead-up.service").is_symlink()


def test_print_writes_nothing(tmp_path: Path) -> None:
    done = fairlead("service", "install", "up", "--print", "--unit-dir", str(tmp_path))
    assert done.returncode == 0
    assert done.stdout.startswith("# Written by `fairlead service install up`")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("sink: {stdout: {}}\nlogz: []\n", ":2:1: logz: unknown key"),
        ("sink: {file: {path: out.ndjson}}\n", ":1:21: sink.file.path: out.ndjson is relative"),
        ("sink: {file: {path: /nonexistent/out}}\n", "sink.file.path: /nonexistent is not a directory"),
        ("sink: {stdout: {}}\nstate_dir: var\n", ":2:12: state_dir: var is relative"),
    ],
)
def test_a_wrong_configuration_is_told_with_its_places(content: str, said: str, agent_config: Path, tmp_path: Path) -> None:
    agent_config.write_text(content)
    done = fairlead("service", "install", "agent", "-c", str(agent_config), "--unit-dir", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith(str(agent_config))
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == [agent_config]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["agent"], "give --config FILE"),
        (["agent", "--config", "/nonexistent.yaml"], "give a readable configuration file"),
        (["up", "--name", "a/b"], "a name has letters"),
        (["up", "--name", "a\nUser=root"], "a name has letters"),
        (["up", "--unit-dir", "/nonexistent"], "No such file or directory; run as root, or give --unit-dir"),
        (["down"], "is not one of"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_code_2(arguments: list[str], said: str) -> None:
    done = fairlead("service", "install", *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert said in done.stderr


def test_paths_are_written_in_systemds_way_and_read_so_by_it(tmp_path: Path) -> None:
    odd = tmp_path / 'per%n "cent" \\x41 $HOME ${USER}'
    odd.mkdir()
    config = odd / "it's ; up.yaml"
    config.write_text("{}\n")
    unit = install(tmp_path, "up", "--config", str(config))
    [start] = values(unit, "ExecStart")
    assert start.endswith(f'"{tmp_path}/per%%n \\"cent\\" \\\\x41 $HOME ${{USER}}/it\'s ; up.yaml"')
    assert analyze("verify", "--man=no", "--recursive-errors=no", str(tmp_path / "fairlead-up.service")) == ""


def test_a_newline_in_a_path_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "a\nUser=root.yaml"
    config.write_text("{}\n")
    done = fairlead("service", "install", "up", "--print", "--config", str(config))
    assert (done.returncode, done.stdout) == (2, "")
    assert "cannot hold control characters" in done.stderr


@pytest.mark.parametrize("path", ['/a"b', "/a'b", "/a\\b", "/a\tb", "/a\udcff"])
def test_a_folder_that_no_list_of_paths_can_name_is_refused(path: str) -> None:
    with pytest.raises(UsageError):
        systemd_unit.quote_path(path)


def test_a_file_sink_may_write_to_its_folder_only(agent_config: Path, tmp_path: Path) -> None:
    folder = tmp_path / "100% out"
    folder.mkdir()
    agent_config.write_text(f'sink: {{file: {{path: "{folder}/lines"}}}}\n')
    unit = install(tmp_path, "agent", "-c", str(agent_config))
    assert values(unit, "ReadWritePaths") == [f'"{tmp_path}/100%% out"']
    assert values(unit, "StateDirectory") == ["fairlead-agent"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("{}", {"StateDirectory": ["fairlead"], "Wants": [], "AmbientCapabilities": [""]}),
        ("state_dir: /var/lib/other/place", {"StateDirectory": ["other/place"], "ReadWritePaths": []}),
        ("state_dir: /srv/fairlead", {"StateDirectory": [], "ReadWritePaths": ["/srv/fairlead"]}),
        ("{listen: '0.0.0.0:443', token_file: /etc/token}", {"Wants": ["network-online.target"]}),
        ("listen: 127.0.0.1:80", {"AmbientCapabilities": ["CAP_NET_BIND_SERVICE"], "CapabilityBoundingSet": ["CAP_NET_BIND_SERVICE"]}),
    ],
)
def test_the_unit_follows_the_settings(settings: str, expected: dict[str, list[str]], tmp_path: Path) -> None:
    config = tmp_path / "up.yaml"
    config.write_text(f"{settings}\n")
    unit = install(tmp_path, "up", "--config", str(config))
    assert {key: values(unit, key) for key in expected} == expected


def test_two_services_of_one_host_have_a_state_directory_each(tmp_path: Path) -> None:
    assert "--state-dir /var/lib/fairlead\n" in install(tmp_path, "up")
    (tmp_path / "fairlead-up.service").unlink()
    assert "--state-dir /var/lib/second\n" in install(tmp_path, "up", "--name", "second.service")


def test_what_the_user_of_the_service_cannot_read_is_told(tmp_path: Path) -> None:
    config = tmp_path / "up.yaml"
    config.write_text("{}\n")
    done = fairlead("service", "install", "up", "--print", "--config", str(config))
    assert f"note: {config}: " in done.stderr
    assert "note: " not in done.stdout
