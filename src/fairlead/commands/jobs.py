"""`fairlead jobs`: many commands at once."""

import contextlib
import os
import signal
import stat
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from fairlead.core import runtime
from fairlead.core.errors import UsageError
from fairlead.core.pool.settings import OnFull
from fairlead.core.system import system
from fairlead.core.units import Size
from fairlead.jobs.check import check
from fairlead.jobs.journal import Journal
from fairlead.jobs.output import Output
from fairlead.jobs.run import JobRun, RunSettings

_FAILURES = ("refused", "cancelled", "discarded", "unread")


@click.group("jobs")
def command() -> None:
    """Run many commands at once."""


def _size(ctx: click.Context, parameter: click.Parameter, value: str) -> Size:
    try:
        return Size.parse(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, parameter) from None


@command.command("run")
@click.argument("file", metavar="FILE|-")
@click.option("--workers", type=click.IntRange(1, 10_000), help="Commands that run at once. [the CPUs]")
@click.option("--queue", type=click.IntRange(1, 10_000_000), default=1024, show_default=True, help="Commands that wait at most.")
@click.option(
    "--on-full",
    type=click.Choice([policy.value for policy in OnFull]),
    default=OnFull.BLOCK.value,
    show_default=True,
    help="With a full queue: refuse, wait with reading, or give up a less urgent one.",
)
@click.option(
    "--keep-order/--no-keep-order",
    "-k/--as-they-end",
    "keep_order",
    default=True,
    help="Print in the order of the input, or as they end. [the former]",
)
@click.option("--max-output", default="1MiB", show_default=True, callback=_size, help="What is kept of each of stdout and stderr.")
@click.option("--resume", type=click.Path(path_type=Path), metavar="JOURNAL", help="Keep a journal; what it proves done is not repeated.")
def run(file: str, workers: int | None, queue: int, on_full: str, max_output: Size, resume: Path | None, *, keep_order: bool) -> int:
    """Run the commands of FILE (- is stdin), a JSON object a line, and print how each ended, a JSON object a line.

    In: {"argv": [...]}, and if wanted "id", "priority" (0, most urgent, to 7), "tenant", "timeout_s", "env", "cwd", "retries".
    Out: "id", "state", "exit_code", "signal", "stdout", "stderr", "started", "duration_s", "attempt".
    Exit code 1 when a job failed. The first SIGINT or SIGTERM lets jobs end by SIGTERM, the second kills them.
    """
    source = "stdin" if file == "-" else file
    settings = RunSettings(
        source=source,
        workers=workers or system.usable_cpus(),
        queue=queue,
        on_full=OnFull(on_full),
        max_output_bytes=int(max_output),
    )
    with contextlib.ExitStack() as stack:
        descriptor = stack.enter_context(_opened(file))
        journal = stack.enter_context(Journal(resume)) if resume is not None else None
        # A pipe cannot be read twice: a line of it that is wrong is told when it comes, and counted as a failure.
        total = check(descriptor, source, journal) if stat.S_ISREG(os.fstat(descriptor).st_mode) and file != "-" else None
        if journal is not None:
            _tell_unproven(journal)
        moved, tell = stack.enter_context(_progress(total))
        output = stack.enter_context(Output(_write, keep_order=keep_order))
        begin = time.monotonic()
        done = _Run(settings, output, journal, tell, moved)
        runtime.run(done.main(descriptor))
    click.echo(f"fairlead: {_summary(done.counts)} in {time.monotonic() - begin:.1f} s", err=True)
    if done.signal == signal.SIGINT:
        return 130
    return int(any(done.counts[name] for name in _FAILURES))


class _Run:
    """Makes the run on its event loop, and keeps what came of it."""

    def __init__(
        self, settings: RunSettings, output: Output, journal: Journal | None, tell: Callable[[str], None], moved: Callable[[], None]
    ) -> None:
        self._arguments = settings, output, journal, tell, moved
        self.counts: Counter[str] = Counter()
        self.signal: int | None = None

    async def main(self, descriptor: int) -> int:
        run = JobRun(*self._arguments)
        await run.run(descriptor)
        self.counts, self.signal = run.counts, run.signal
        return 0


@contextlib.contextmanager
def _opened(file: str) -> Iterator[int]:
    if file == "-":
        yield 0
        return
    try:
        descriptor = os.open(file, os.O_RDONLY | system.O_BINARY)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise IsADirectoryError(None, "is a directory")
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}; give a file of JSON lines, or - for stdin") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _tell_unproven(journal: Journal) -> None:
    for warning in journal.warnings:
        click.echo(f"fairlead: {warning}", err=True)
    for key, state in journal.unproven():
        what = "was begun and is not proven done" if state == "begun" else "failed"
        click.echo(f"fairlead: job {key} {what}; it runs again", err=True)


def _write(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _summary(counts: Counter[str]) -> str:
    jobs = counts["completed"] + counts["done before"] + counts["discarded"] + counts["cancelled"]
    parts = [f"{counts['completed']} completed"]
    if counts["done before"]:
        parts.append(f"{counts['done before']} done before")
    if counts["discarded"]:
        late = f" ({counts['timed out']} timed out)" if counts["timed out"] else ""
        parts.append(f"{counts['discarded']} failed{late}")
    parts += [f"{counts[name]} {name}" for name in ("cancelled",) if counts[name]]
    if counts["refused"]:
        parts.append(f"{counts['refused']} lines refused")
    if counts["unread"]:
        parts.append("the rest of the input not read")
    return f"{jobs} jobs: {', '.join(parts)}"


@contextlib.contextmanager
def _progress(total: int | None) -> Iterator[tuple[Callable[[], None], Callable[[str], None]]]:
    """Yield what is called at the end of each job, and what tells a line; on a terminal there is a bar."""
    if not sys.stderr.isatty():
        yield lambda: None, lambda text: click.echo(f"fairlead: {text}", err=True)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    with Progress(TextColumn("jobs"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console) as progress:
        bar = progress.add_task("jobs", total=total)
        yield lambda: progress.advance(bar), lambda text: console.print(f"fairlead: {text}", markup=False, highlight=False)
