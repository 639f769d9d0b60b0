"""`fairlead store`: what is kept, taken out or checked."""

import sys
from collections.abc import Iterator

import click
import orjson

from fairlead.commands.opening import reading_embedded
from fairlead.store.interface import LogQuery, to_ecs
from fairlead.store.sqlite import StoreDamaged


@click.group("store")
def command() -> None:
    """Look after the store that `fairlead up` keeps."""


@command.command("export")
@click.option("--state-dir", metavar="DIR", help="Where the store lives. Default: as fairlead up.")
@click.option("--what", type=click.Choice(["all", "logs", "metrics"]), default="all", show_default=True)
def export(state_dir: str | None, what: str) -> int:
    """Print everything as JSON lines: log records (ECS), then metric samples as `metrics --json` gives them."""
    with reading_embedded(state_dir) as store:
        if what != "metrics":
            _write(orjson.dumps(to_ecs(record)) for record in store.scan(LogQuery()))
        if what != "logs":
            _write(orjson.dumps(sample) for sample in store.export_samples())
    return 0


@command.command("verify")
@click.option("--state-dir", metavar="DIR", help="Where the store lives. Default: as fairlead up.")
def verify(state_dir: str | None) -> int:
    """Check the store's file, its index and its tables; exit code 1 where something is wrong."""
    try:
        with reading_embedded(state_dir) as store:
            problems = store.problems()
    except StoreDamaged as error:
        # So much that it cannot even be opened.
        problems = [error.damage]
    for problem in problems:
        click.echo(problem)
    click.echo(f"{len(problems)} problem{'s' * (len(problems) != 1)}" if problems else "the store is sound")
    return 1 if problems else 0


def _write(lines: Iterator[bytes]) -> None:
    for line in lines:
        sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()
