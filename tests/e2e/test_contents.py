"""What the one file holds: every command, the page with its library, the bill of materials and the licences."""

import importlib
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from fairlead import __version__
from fairlead.cli import COMMANDS
from tests.e2e.page import UP, Answer, get, url_of
from tests.support.program import Start

pytestmark = pytest.mark.e2e
STATIC = Path(__file__).parents[2] / "src" / "fairlead" / "web" / "static"
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
    assert (told["kind"], told["libc_kind"], told["libc_floor"]) == ("linux-x86_64", "glibc", "2.17")
    assert told["libc"].startswith("glibc 2.")
    assert told["native"] == ["linescan", "oscalls", "procparse"]
    assert {"python3.13", "openssl", "sqlite3", "aiohttp", "uvloop", "orjson", "msgspec", "uPlot"} <= {
        row["name"] for row in told["inputs"]
    }


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
        ("aiohttp", "Apache License"),
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
