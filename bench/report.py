"""bench/RESULTS.md: one section a scenario, replaced when that scenario is run again."""

import datetime
import os
import re
import subprocess
import time
from pathlib import Path

from bench.harness import Section
from fairlead.bench.machine import this_machine

FILE = Path("bench/RESULTS.md")
_PATIENCE_S = 180.0
_HEAD = """# Results

Written by `build/dev bench [SCENARIO...]`. Figures are ratios against a peer in the same run: contenders are whole processes
that take turns, pair by pair, given as median (least to greatest). A goal that is missed stays here as missed.
"""


def machine() -> str:
    """Return what the figures were made on, and how loaded it was."""
    load = os.getloadavg()[0]
    noise = "; **noisy: the load was above half the CPUs at the start**" if load > (os.cpu_count() or 1) / 2 else ""
    return f"{this_machine()}, load {load:.1f}{noise}"


def wait_until_quiet() -> None:
    """Wait for the load to fall below half the CPUs, what came before in this run being part of it; three minutes at most."""
    deadline_s = time.monotonic() + _PATIENCE_S
    while os.getloadavg()[0] > (os.cpu_count() or 1) / 2 and time.monotonic() < deadline_s:
        time.sleep(1)


def write(section: Section, measured_on: str) -> None:
    """Replace (or add) a scenario's section."""
    text = FILE.read_text() if FILE.exists() else _HEAD
    head, *sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    kept = {body.split("\n", 1)[0][3:].split(":")[0]: body.rstrip() for body in sections}
    kept[section.name] = _render(section, measured_on)
    FILE.write_text("\n\n".join([head.rstrip(), *(kept[name] for name in sorted(kept))]) + "\n")


def _render(section: Section, measured_on: str) -> str:
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False).stdout.strip()
    today = datetime.datetime.now(datetime.UTC).date()
    lines = [
        f"## {section.name}: {section.title}",
        "",
        f"`build/dev bench {section.name}`, {today}, commit {commit}; {measured_on}.",
        section.notes,
        "",
        f"| {' | '.join(section.header)} |",
        f"|{'---|' * len(section.header)}",
        *(f"| {' | '.join(row)} |" for row in section.rows),
    ]
    if section.goals:
        lines += ["", "| goal | measured | met |", "|---|---|---|"]
        lines += [f"| {goal.text} | {goal.figure:.2f} | {'yes' if goal.met else '**no**'} |" for goal in section.goals]
    return "\n".join(lines)
