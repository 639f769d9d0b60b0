"""`fairlead bench`: this program beside Go reference programs, plain Python and what is installed; whole processes in turn."""

import json
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from fairlead.bench import cases, chart, report
from fairlead.bench.case import Case, Contender
from fairlead.bench.machine import Noise, this_machine
from fairlead.bench.prime import METHODS
from fairlead.bench.reference import DEFAULT_REFERENCE, ReferencePrograms
from fairlead.bench.turns import Outcome, run_case
from fairlead.core.errors import UsageError

DEFAULT_RUNS = 5
_FORMATS = (".md", ".json", ".svg")
_MOST = 1 << 64


@click.group("bench")
def command() -> None:
    """Measure this program beside Go reference programs, plain Python and what is installed.

    Contenders run as whole processes in turn, after a warm-up, and must give the same answer.
    """


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_cases(as_json: bool) -> None:
    """List the cases."""
    known = [cases.load(name) for name in cases.CASES]
    if as_json:
        click.echo(json.dumps({"cases": [{"case": case.name, "title": case.title, "reference": case.reference} for case in known]}))
        return
    for case in known:
        click.echo(f"{case.name:<10}{case.title}; reference: {case.reference}")


def _options(function: Callable[..., object]) -> Callable[..., object]:
    """Give a command what `run` and `compare` share."""
    for option in (
        click.argument("names", nargs=-1, metavar="[CASE]..."),
        click.option(
            "--reference", type=click.Path(path_type=Path), metavar="DIR", help=f"Go programs, or their module. [{DEFAULT_REFERENCE}]"
        ),
        click.option(
            "--out", type=click.Path(path_type=Path), metavar="FILE", help="Write a table (.md), all figures (.json) or a chart (.svg)."
        ),
        click.option("--runs", type=click.IntRange(1, 1000), default=DEFAULT_RUNS, show_default=True, help="Runs of each contender."),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
    ):
        function = option(function)
    return function


@command.command("run")
@_options
def run(names: Sequence[str], reference: Path | None, out: Path | None, runs: int, as_json: bool) -> None:
    """Run the contenders that are inside this program; no CASE: all of them."""
    _measure("run", names, ReferencePrograms(reference), out, runs, as_json=as_json, wanted=lambda contender: contender.kind != "go")


@command.command("compare")
@_options
def compare(names: Sequence[str], reference: Path | None, out: Path | None, runs: int, as_json: bool) -> None:
    """Run all contenders of a case in turn, the Go reference among them; no CASE: all cases."""
    _measure("compare", names, ReferencePrograms(reference), out, runs, as_json=as_json, wanted=lambda contender: True)


@command.command("prime")
@click.option("--n", type=click.IntRange(0, _MOST), required=True, help="Count the primes below N.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads that share the work.")
@click.option("--method", type=click.Choice(METHODS), default="simd", show_default=True, help="How a number is tested.")
def prime(n: int, threads: int, method: str) -> None:
    """Be one contender of the case prime: call is_prime for every number below N, print the count and the seconds."""
    from fairlead.bench.prime import report as report_of

    click.echo(report_of(n, threads, method), nl=False)


@command.command("work", hidden=True, context_settings={"ignore_unknown_options": True})
@click.argument("case")
@click.argument("words", nargs=-1)
def work(case: str, words: Sequence[str]) -> None:
    """Be one contender of another case: print its seconds and its answer as JSON."""
    from fairlead.bench.work import work as work_of

    done = work_of(case, words)
    click.echo(json.dumps({"seconds": done.seconds, "answer": done.answer}))


def _measure(
    verb: str,
    names: Sequence[str],
    programs: ReferencePrograms,
    out: Path | None,
    runs: int,
    *,
    as_json: bool,
    wanted: Callable[[Contender], bool],
) -> None:
    if out is not None and out.suffix not in _FORMATS:
        raise UsageError(f"--out {out}: allowed are names that end in {', '.join(_FORMATS)}")
    chosen = [cases.load(name) for name in names or cases.CASES]
    machine, noise = this_machine(), Noise()
    outcomes = [_run(case, programs, runs, wanted) for case in chosen]
    told = shlex.join(["fairlead", "bench", verb, *names, "--runs", str(runs)])
    warning = noise.warning()
    if warning:
        click.echo(f"fairlead: {warning}", err=True)
    forms: dict[str, Callable[[], str]] = {
        ".md": lambda: report.markdown(outcomes, machine, told, warning),
        ".json": lambda: json.dumps(report.to_json(outcomes, machine, told, warning)) + "\n",
        ".svg": lambda: chart.svg(outcomes),
    }
    if out is not None:
        out.write_text(forms[out.suffix]())
    click.echo(forms[".json" if as_json else ".md"](), nl=False)


def _run(case: Case, programs: ReferencePrograms, runs: int, wanted: Callable[[Contender], bool]) -> Outcome:
    with programs:
        return _run_shown(case, [one for one in case.contenders(programs) if wanted(one)], runs)


def _run_shown(case: Case, contenders: Sequence[Contender], runs: int) -> Outcome:
    """Run a case; on a terminal, what is under way is shown."""
    if not sys.stderr.isatty():
        return run_case(case, contenders, runs, lambda text: None)
    from rich.console import Console

    with Console(stderr=True).status(case.name) as status:
        return run_case(case, contenders, runs, status.update)
