"""Fairlead as the scenarios of the pipeline run it: which program, and its configuration files."""

import os
import platform
import re
import subprocess
from pathlib import Path

import orjson

from bench.harness import BINARY
from bench.peers.peer import Command, Job

FROM_SOURCE = Path("build/out/venv/bin/fairlead")
_SOURCES = ("src", "native", "setup.py", "build/onefile", "build/lock")


def program() -> Path:
    """Return the one file where it is built of what stands here, else the program from source."""
    return (BINARY if BINARY.exists() and not _changed_since(BINARY) else FROM_SOURCE).absolute()


def described() -> str:
    """Return which program is measured."""
    if program().name == BINARY.name and program().parent == BINARY.absolute().parent:
        told = subprocess.run([program(), "version"], capture_output=True, text=True, check=True).stdout
        facts = dict(re.findall(r"^(\w+): +(.*)$", told, re.MULTILINE))
        return f"Fairlead is the one file of commit {facts['commit']}, with Python {facts['python']}."
    return f"Fairlead runs from source, with Python {platform.python_version()}."


def agent_command(job: Job, output: str, **settings: object) -> Command:
    """Return `fairlead agent` that ships a job's file; `output` is raw or json. Its heartbeats go to the topic TOPIC-beats."""
    sink = {"kafka": {"brokers": [job.brokers], "topic": job.topic, "compression": "lz4", "format": output}}
    return run_agent(job.folder, [str(job.file)], sink, heartbeat={"interval": "10s", "topic": f"{job.topic}-beats"}, **settings)


def run_agent(folder: Path, paths: list[str], sink: object, **settings: object) -> Command:
    """Return `fairlead agent` with its state in a folder."""
    config = {"logs": [{"paths": paths}], "journal": "off", "metrics": {}, "sink": sink, "log_level": "warning", **settings}
    return _command("agent", folder, config)


def run_collector(folder: Path, brokers: str, topic: str, **settings: object) -> Command:
    """Return `fairlead collect` from a topic, with its state in a folder after which its consumer group is named."""
    source = {"kafka": {"brokers": [brokers], "topics": [topic], "group": folder.name}}
    return _command("collect", folder, {"source": source, "store": {"sqlite": {}}, "listen": "127.0.0.1:0", **settings})


def _command(name: str, folder: Path, config: object) -> Command:
    file = folder / f"{name}.yaml"
    file.write_bytes(orjson.dumps(config))  # JSON is YAML, too
    return Command([str(program()), name, "--config", str(file), "--state-dir", str(folder / "state")], {})


def _changed_since(built: Path) -> bool:
    built_ns = built.stat().st_mtime_ns
    files = (file for name in _SOURCES for file in ([Path(name)] if Path(name).is_file() else Path(name).rglob("*")))
    return any(file.stat().st_mtime_ns > built_ns for file in files if file.is_file() and "__pycache__" not in file.parts)


def number(variable: str, default: float) -> float:
    """Return a parameter of a scenario, which FAIRLEAD_BENCH_VARIABLE may set."""
    return float(os.environ.get(f"FAIRLEAD_BENCH_{variable}", default))
