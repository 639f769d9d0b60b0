"""What the one file holds: every command, the page with its library, the bill of materials and the licences."""

import importlib
import json
import re
import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from fairlead import __version__
from fairlead._native.compress import zstd_decompress
from fairlead.cli import COMMANDS
from tests.e2e.kind import kind_of
from tests.e2e.page import UP, Answer, get, url_of
from tests.rig.emulation import machine_of
from tests.support.program import Start, fairlead
from tests.support.receiver import Receiver
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e
STATIC = Path(__file__).parents[2] / "src" / "fairlead" / "web" / "static"
NATIVE = Path(__file__).parents[2] / "native"
API_VERSIONS = 18
"""The key of the request that a Kafka client sends first."""
VECTOR_INSTRUCTIONS = ("sse4_2", "pclmulqdq", "avx2", "avx512f", "asimd", "crc32", "pmull")
EMULATED = {"aarch64": ["asimd", "crc32", "pmull"], "riscv64": []}
"""Processor -> those of them that it has in qemu-user 7.2, where a program reads this machine's /proc/cpuinfo."""
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


def lines_of_commands() -> Iterator[str]:
    """Yield each command, and those below it."""
    yield ""
    for name in COMMANDS:
        command = importlib.import_module(f"fairlead.commands.{name}").command
        yield name
        if isinstance(command, click.Group):
            yield from (f"{name} {below}" for below in command.commands)


def run(binary: Path, *arguments: str) -> str:
    """Run a command to its end and return what it printed."""
    done = subprocess.run([str(binary), *arguments], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("words", list(lines_of_commands()))
def test_help_is_printed(binary: Path, words: str) -> None:
    told = run(binary, *words.split(), "--help")
    assert told.startswith(f"Usage: {f'fairlead {words}'.strip()} ")
    assert run(binary, *words.split(), "-h") == told


def test_version_is_that_of_the_source(binary: Path) -> None:
    assert run(binary, "--version") == f"fairlead {__version__}\n"


def test_version_tells_what_is_inside(binary: Path) -> None:
    told = json.loads(run(binary, "version", "--json"))
    assert told["version"] == __version__
    assert re.fullmatch(r"[0-9a-f]{12}(-dirty)?", told["commit"])
    assert told["native"] == sorted(file.stem for file in NATIVE.glob("*.pyx"))
    assert {"compress", "kafkabatch"} <= set(told["native"])
    assert {"python3.13", "openssl", "sqlite3", "lz4", "libzstd", "aiohttp", "aiokafka", "uvloop", "orjson", "msgspec", "uPlot"} <= {
        row["name"] for row in told["inputs"]
    }


def test_version_tells_the_kind_of_file(binary: Path) -> None:
    told = json.loads(run(binary, "version", "--json"))
    kind, machine = kind_of(binary), machine_of(binary)
    assert told["platform"] == f"linux-{machine}"
    if "glibc" in kind:
        assert (told["kind"], told["libc_kind"]) == (f"linux-{machine}", "glibc")
        assert told["libc_floor"] == ("2.27" if machine == "riscv64" else "2.17")
        assert told["libc"].startswith("glibc 2.")
    else:
        assert (told["kind"], told["libc_kind"], told["libc_floor"]) == (f"linux-{machine}-static", "musl", None)
        assert told["libc"] == "musl"


def test_every_input_has_version_licence_and_hash(binary: Path) -> None:
    inputs = json.loads(run(binary, "version", "--json"))["inputs"]
    assert not [row["name"] for row in inputs if not (row["version"] and row["license"])]
    unhashed = {row["name"] for row in inputs if not row["sha256"]}
    assert unhashed <= {"Rust standard library", "zig runtime (compiler-rt, libunwind)"}, "only what comes with the compilers has no hash"
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for row in inputs for digest in row["sha256"])
    assert len({row["name"] for row in inputs}) == len(inputs)


@pytest.mark.parametrize(
    ("component", "words"),
    [
        ("Fairlead", "Apache License"),
        ("python3.13", "PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2"),
        ("openssl", "Apache License"),
        ("sqlite3", "public domain"),
        ("lz4", "Redistributions in binary form must reproduce the above copyright notice"),
        ("libzstd", "Redistributions in binary form must reproduce the above copyright notice"),
        ("aiohttp", "Apache License"),
        ("aiokafka", "Apache License"),
        ("uPlot", "Permission is hereby granted, free of charge"),
    ],
)
def test_licences_are_printed(binary: Path, component: str, words: str) -> None:
    rule = "=" * 100
    block = re.compile(rf"^{rule}\n{re.escape(component)}\b[^\n]*\n{rule}\n(.*?)(?=^{rule}$|\Z)", re.MULTILINE | re.DOTALL)
    found = block.search(run(binary, "version", "--licenses"))
    assert found, f"no heading {component}"
    assert words.lower() in found[1].lower()


def test_every_input_has_its_licence_text(binary: Path) -> None:
    told = run(binary, "version", "--licenses")
    assert "See the licence named above." not in told


def write_agent(folder: Path, sink: dict[str, object]) -> str:
    """Write a configuration, JSON being YAML, that ships a line; return its path."""
    (folder / "app.log").write_text("shipped\n")
    config = {"state_dir": f"{folder}/state", "logs": [{"paths": [f"{folder}/*.log"]}], "sink": sink}
    (folder / "agent.yaml").write_text(json.dumps(config))
    return f"{folder}/agent.yaml"


def test_kafka_is_spoken(start: Start, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as broker:
        broker.settimeout(20)
        address = f"127.0.0.1:{broker.getsockname()[1]}"
        running = start("agent", "-c", write_agent(tmp_path, {"kafka": {"brokers": [address], "topic": "logs"}}))
        connection, _ = broker.accept()
        with connection, connection.makefile("rb") as stream:
            size, key, version, _, name = struct.unpack(">ihhih", stream.read(14))
            assert (key, version) == (API_VERSIONS, 0)
            assert stream.read(name) == b"fairlead"
            assert size == 10 + name
        assert running.end() == 0


def test_zstd_is_spoken(start: Start, tmp_path: Path) -> None:
    receiver = Receiver()
    running = start("agent", "-c", write_agent(tmp_path, {"http": {"url": receiver.url, "compression": "zstd"}}))
    wait_until(lambda: [posted for posted in receiver.posted if posted.headers["Fairlead-Kind"] == "log"], "the line")
    assert running.end() == 0
    receiver.close()
    [posted] = [posted for posted in receiver.posted if posted.headers["Fairlead-Kind"] == "log"]
    assert posted.headers["Content-Encoding"] == "zstd"
    assert json.loads(zstd_decompress(posted.body, 1 << 20))["message"] == "shipped"


def test_every_file_of_the_page_is_served(start: Start, tmp_path: Path) -> None:
    running = start(*UP, "--state-dir", f"{tmp_path}/state", "--logs", f"{tmp_path}/*.log")
    url = url_of(running)
    assert get(url).body == (STATIC / "index.html").read_bytes()
    for file in sorted(file for file in STATIC.rglob("*") if file.is_file() and file.name != "index.html"):
        answer = get(f"{url}/static/{file.relative_to(STATIC)}")
        assert answer.body == file.read_bytes()
        assert kind(answer) == TYPES[file.suffix]
    library = get(f"{url}/static/vendor/uPlot.esm.js")
    assert kind(library) == "text/javascript"
    assert b"uPlot" in library.body
    assert kind(get(f"{url}/static/vendor/uPlot.min.css")) == "text/css"
    assert running.end() == 0


def kind(answer: Answer) -> str:
    return answer.headers.get_content_type()


@pytest.mark.kind("native")
def test_kernels_use_the_vector_instructions_that_the_processor_has() -> None:
    told = json.loads(fairlead("version", "--json").stdout)["cpu_features"]
    line = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith(("flags", "Features"))), "")
    assert told == [name for name in VECTOR_INSTRUCTIONS if name in line.split()]


@pytest.mark.kind("foreign")
def test_kernels_use_the_vector_instructions_that_the_emulated_processor_has(binary: Path) -> None:
    assert json.loads(run(binary, "version", "--json"))["cpu_features"] == EMULATED[machine_of(binary)]
