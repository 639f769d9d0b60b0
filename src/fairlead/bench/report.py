"""An outcome as a table for people (Markdown) and as an object for programs (JSON)."""

from collections.abc import Iterator, Sequence

from fairlead.bench.case import Contender
from fairlead.bench.machine import Machine
from fairlead.bench.turns import Judged, Outcome, Run, Spread

HEADER = ("contender", "work, s", "process, s", "user, s", "system, s", "CPU %", "peak MB", "{unit}/s", "times {reference}'s")
_MB = 1e6


def rows(outcome: Outcome) -> Iterator[tuple[str, ...]]:
    """Yield a row of texts a contender, as HEADER names them; medians, and for the ratio (least to greatest)."""
    for contender in outcome.contenders:
        runs = outcome.runs[contender.name]
        yield (contender.name, *(_figures(outcome, contender, runs) if runs else (f"not run: {contender.missing}",)))


def header(outcome: Outcome) -> list[str]:
    """Return HEADER for a case."""
    return [title.format(unit=outcome.case.unit, reference=outcome.case.reference) for title in HEADER]


def markdown(outcomes: Sequence[Outcome], machine: Machine, command: str, noise: str) -> str:
    """Return a document: the command, the machine, and a table a case with its goals."""
    parts = [f"`{command}`; {machine}.", *([f"**{noise}**"] if noise else [])]
    for outcome in outcomes:
        titles = header(outcome)
        lines = [f"## {outcome.case.name}: {outcome.case.title}", "", f"Answer of all: {outcome.answer}.", ""]
        lines += [_line(titles), f"|{'---|' * len(titles)}"]
        lines += [_line([*row, *[""] * (len(titles) - len(row))]) for row in rows(outcome)]
        if goals := outcome.goals():
            lines += ["", "| goal | measured | met |", "|---|---|---|", *(_line(goal_row(judged)) for judged in goals)]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def goal_row(judged: Judged) -> tuple[str, str, str]:
    """Return a goal, what was measured and whether it is met, as texts."""
    goal = judged.goal
    of = "the work alone" if goal.figure == "kernel_s" else "the whole process"
    text = f"{goal.contender} at least {goal.times:g} times faster than {goal.against}, {of}"
    return text, _spread(judged.times) if judged.times else "not run", {True: "yes", False: "**no**", None: "not run"}[judged.met]


def to_json(outcomes: Sequence[Outcome], machine: Machine, command: str, noise: str) -> dict[str, object]:
    """Return all figures; seconds, bytes; `times_reference` is [least, median, greatest]."""
    return {
        "command": command,
        "machine": machine._asdict(),
        "noise": noise,
        "cases": [
            {
                "case": outcome.case.name,
                "unit": outcome.case.unit,
                "units": outcome.case.units,
                "answer": outcome.answer,
                "reference": outcome.case.reference,
                "contenders": [_contender(outcome, contender) for contender in outcome.contenders],
                "goals": [_goal(judged) for judged in outcome.goals()],
            }
            for outcome in outcomes
        ],
    }


def _goal(judged: Judged) -> dict[str, object]:
    goal = judged.goal
    asked = {"contender": goal.contender, "against": goal.against, "figure": goal.figure, "times": goal.times}
    return {**asked, "measured": judged.times, "met": judged.met}


def _contender(outcome: Outcome, contender: Contender) -> dict[str, object]:
    runs = outcome.runs[contender.name]
    if not runs:
        return {"contender": contender.name, "kind": contender.kind, "missing": contender.missing}
    return {
        "contender": contender.name,
        "kind": contender.kind,
        "argv": contender.argv,
        "runs": [
            {
                "kernel_s": run.answer.kernel_s,
                "wall_s": run.measured.wall_s,
                "user_s": run.measured.user_s,
                "system_s": run.measured.system_s,
                "peak_bytes": run.measured.peak_bytes,
            }
            for run in runs
        ],
        "times_reference": outcome.times(contender.name, outcome.case.reference, "kernel_s"),
        "process_times_reference": outcome.times(contender.name, outcome.case.reference, "wall_s"),
    }


def _figures(outcome: Outcome, contender: Contender, runs: Sequence[Run]) -> Iterator[str]:
    measured = [run.measured for run in runs]
    kernel_s = Spread.of([run.figure("kernel_s") for run in runs]).median
    yield f"{kernel_s:.4g}" if runs[0].answer.kernel_s is not None else ""
    for figures in ([m.wall_s for m in measured], [m.user_s for m in measured], [m.system_s for m in measured]):
        yield f"{Spread.of(figures).median:.4g}"
    yield f"{Spread.of([m.cpu_percent for m in measured]).median:.0f}"
    yield f"{Spread.of([m.peak_bytes / _MB for m in measured]).median:.1f}"
    yield f"{outcome.case.units / kernel_s:,.0f}"
    times = outcome.times(contender.name, outcome.case.reference, "kernel_s")
    yield _spread(times) if times else ""


def _spread(spread: Spread) -> str:
    return f"{spread.median:.3g} ({spread.least:.3g} to {spread.greatest:.3g})"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
