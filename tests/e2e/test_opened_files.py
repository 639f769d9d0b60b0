"""What the one file opens, writes and starts, seen by strace: nothing is unpacked, sought or run beside it."""

import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.e2e import tracing
from tests.e2e.page import UP, end_inner, get, inner, url_of, wait_for_line
from tests.support.program import Start

# Of a foreign file, strace would see what qemu opens.
pytestmark = [pytest.mark.e2e, pytest.mark.kind("native")]

LOADER = r"""
/etc/ld\.so\.(cache|preload)
(/usr)?/lib(64)?/(x86_64-linux-gnu/)?(lib(c|m|pthread|dl|rt|util)|ld-linux-x86-64)\.so\.\d
/proc/sys/vm/overcommit_memory
"""
"""CPython's allocator reads overcommit_memory before main()."""
INTERPRETER = r"""
/proc/self/(pyvenv\.cfg|onefile/.*)
/etc/localtime
/usr/share/zoneinfo/.*
/dev/(urandom|null)
"""
"""Below /proc/self nothing can be put."""
PROC = r"""
/proc
/proc/(cpuinfo|diskstats|loadavg|meminfo|stat|vmstat|uptime|version_signature|mounts)
/proc/(net|pressure|sys/fs|sys/kernel)/[\w-]+
/proc/(self|1)/(mounts|stat|status|fd|limits)
/sys/(devices/system|block|class/net)/.*
"""
HTTP = r"""
/etc/(resolv\.conf|hosts|nsswitch\.conf|host\.conf|gai\.conf|passwd|group|mime\.types)
(/etc/ssl|/usr/lib/ssl)/openssl\.cnf
"""
"""aiohttp loads the host's types when it is imported."""
JOURNAL = r"""
(/var/log|/run/log)/journal(/.*)?
/etc/machine-id
"""


def unexpected(paths: set[str], *allowed: str) -> set[str]:
    """Return the paths that match none of the patterns, one a line."""
    patterns = [re.compile(line) for text in allowed for line in text.split()]
    return {path for path in paths if not any(pattern.fullmatch(path) for pattern in patterns)}


def trace(folder: Path, *argv: str) -> list[tracing.Call]:
    """Run a command to its end and return its calls."""
    file = folder / "trace"
    done = subprocess.run([*tracing.traced_by(file), *argv], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return tracing.calls(file)


def test_the_trace_tells_what_a_shell_does(tmp_path: Path) -> None:
    found = trace(tmp_path, "sh", "-c", f"cd {tmp_path}; : > made; mkdir folder; rm made; cat /etc/hostname; true")
    assert {f"{tmp_path}/made", "./folder"} <= tracing.changed(found)
    assert "/etc/hostname" in unexpected(tracing.opened(found), LOADER)
    assert len(tracing.started(found)) > 3


def test_the_trace_tells_the_modules_that_python_seeks(tmp_path: Path) -> None:
    found = trace(tmp_path, sys.executable, "-c", "import json")
    assert any(path.endswith(".pyc") for path in unexpected(tracing.opened(found), LOADER, INTERPRETER, PROC, HTTP))


@pytest.mark.parametrize(
    ("command", "allowed"),
    [
        ("--version", ""),
        ("--help", INTERPRETER),
        ("version --json", INTERPRETER + PROC),
        ("version --licenses", INTERPRETER),
        ("metrics --json", INTERPRETER + PROC),
        ("metrics --only=load", INTERPRETER + PROC),
        ("completion bash", INTERPRETER),
        ("completion zsh", INTERPRETER),
    ],
)
def test_a_command_opens_only_what_it_needs_and_writes_nothing(tmp_path: Path, binary: Path, command: str, allowed: str) -> None:
    found = trace(tmp_path, str(binary), *command.split())
    assert unexpected(tracing.opened(found), LOADER, allowed) == set()
    assert tracing.changed(found) <= {"/dev/null"}
    assert len(tracing.started(found)) == 1, tracing.started(found)
    assert not any(call.name == "memfd_create" for call in found)


def test_up_opens_only_what_it_needs_and_writes_only_its_state(tmp_path: Path, start: Start) -> None:
    (tmp_path / "app.log").write_text("first line\n")
    config, state, file = tmp_path / "up.yaml", tmp_path / "state", tmp_path / "trace"
    config.write_text('journal: "off"\n')
    arguments = ["--config", str(config), "--state-dir", str(state), "--logs", f"{tmp_path}/*.log"]
    running = start(*UP, *arguments, before=tracing.traced_by(file))
    url = url_of(running)
    wait_for_line(url, "first")
    for path in ("/", "/static/main.js", "/metrics", "/readyz?verbose", "/api/v1/status"):
        get(url + path)
    urllib.request.urlopen(f"{url}/api/v1/stream", timeout=10).close()
    inner(running).send_signal(signal.SIGHUP)
    running.expect("configuration reloaded")
    assert end_inner(running) == 0

    found = tracing.calls(file)
    own = f"{re.escape(str(state))}(/.*)?"
    logs = rf"{re.escape(str(tmp_path))}(/app\.log|/up\.yaml)?"
    assert unexpected(tracing.opened(found), LOADER, INTERPRETER, PROC, HTTP, JOURNAL, own, logs) == set()
    assert unexpected(tracing.changed(found), own, "/dev/null") == set()
    assert len(tracing.started(found)) == 1, tracing.started(found)
    assert not any(call.name == "memfd_create" for call in found)


def test_up_starts_nothing_but_journalctl_where_the_journal_is_followed(tmp_path: Path, start: Start) -> None:
    config, file = tmp_path / "up.yaml", tmp_path / "trace"
    config.write_text('journal: "on"\n')
    arguments = ["--config", str(config), "--state-dir", f"{tmp_path}/state", "--logs", f"{tmp_path}/*.log"]
    running = start(*UP, *arguments, before=tracing.traced_by(file))
    url_of(running)
    assert end_inner(running) == 0
    programs = {Path(call.paths[0]).name for call in tracing.calls(file)[1:] if call.name == "execve"}
    assert programs == {"journalctl"}
