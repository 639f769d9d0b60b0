"""`fairlead spool`: what an agent keeps on disk until its sink takes it, checked, taken out or mended."""

import contextlib
import stat
import sys
import time
from pathlib import Path
from typing import Any

import click
import msgspec
import orjson

from fairlead.core import statedir
from fairlead.core.errors import StateError
from fairlead.core.spool.cursor import Problem
from fairlead.core.spool.repair import repair
from fairlead.core.spool.settings import FOLDER_NAME
from fairlead.core.spool.verify import Verification
from fairlead.core.statedir import StateDir
from fairlead.logs.spooling import to_ndjson

_state_dir_option = click.option("--state-dir", metavar="DIR", help="Where the agent keeps its state. Default: as fairlead up.")
_json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group("spool")
def command() -> None:
    """Look after the spool that `fairlead agent` keeps."""


@command.command("verify")
@_state_dir_option
@_json_option
def verify(state_dir: str | None, as_json: bool) -> int:
    """Read the whole spool, also while the agent runs; exit code 1 where a part of it is damaged."""
    folder = _folder(state_dir)
    verification = Verification(folder)
    for _ in verification.frames():
        pass
    problems = verification.problems()
    if as_json:
        _print_json(
            segments=verification.segments,
            bytes=verification.size_bytes,
            waiting=verification.waiting,
            acknowledged=verification.done,
            problems=[_as_json(folder, problem) for problem in problems],
        )
    else:
        for problem in problems:
            click.echo(f"{folder}/{problem}")
        sound = f"{len(problems)} problem{'s' * (len(problems) != 1)}" if problems else "the spool is sound"
        click.echo(f"{verification.segments} segments, {verification.size_bytes} bytes, {verification.waiting} frames wait: {sound}")
    return 1 if problems else 0


@command.command("export")
@_state_dir_option
@click.option("--all", "with_acknowledged", is_flag=True, help="What the sink has taken, too, as far as it is still there.")
def export(state_dir: str | None, with_acknowledged: bool) -> int:
    """Print what waits as JSON lines, oldest first, also while the agent runs; exit code 1 where a part cannot be read."""
    folder = _folder(state_dir)
    verification = Verification(folder)
    foreign = 0
    for frame in verification.frames():
        if with_acknowledged or frame.place.number >= verification.acknowledged:
            try:
                sys.stdout.buffer.writelines(line + b"\n" for line in to_ndjson(frame.payload))
            except ValueError as error:
                foreign += 1
                click.echo(f"{folder}: frame {frame.place.number} holds no records of ours: {error}", err=True)
    sys.stdout.buffer.flush()
    problems = verification.problems()
    for problem in problems:
        click.echo(f"{folder}/{problem}", err=True)
    return 1 if problems or foreign else 0


@command.command("repair")
@_state_dir_option
@_json_option
def repair_command(state_dir: str | None, as_json: bool) -> int:
    """Copy what can be read to fresh segments and move the broken files aside; exit code 1 where something was broken."""
    folder = _folder(state_dir)
    try:
        there = stat.S_ISDIR(folder.stat().st_mode)
    except PermissionError:
        raise StateError(f"{folder}: Permission denied; run as root or as fairlead's user") from None
    except OSError:
        there = False
    if not there:
        raise StateError(f"{folder}: there is no spool yet; give the --state-dir of an agent")
    with contextlib.closing(StateDir(folder.parent)):
        try:
            done = repair(folder, time.time_ns())
        except OSError as error:
            raise StateError(f"{folder}: {error.strerror}; give it space, and a folder that can be written") from None
    lost = sum(problem.frames for problem in done.problems)
    if as_json:
        lost_parts = [_as_json(folder, problem) for problem in done.problems]
        _print_json(waiting=done.kept, lost=lost, problems=lost_parts, moved=[str(path) for path in done.moved])
    else:
        for problem in done.problems:
            click.echo(f"{folder}/{problem}")
        for path in done.moved:
            click.echo(f"{path}: the broken file, moved aside")
        click.echo(f"{done.kept} frames wait, {lost} lost" if done.problems else f"{done.kept} frames wait: nothing to repair")
    return 1 if done.problems else 0


def _folder(state_dir: str | None) -> Path:
    return (Path(state_dir) if state_dir else statedir.default_path()) / FOLDER_NAME


def _as_json(folder: Path, problem: Problem) -> dict[str, Any]:
    return {**msgspec.to_builtins(problem), "file": str(folder / problem.file)}


def _print_json(**fields: object) -> None:
    click.echo(orjson.dumps(fields))
