"""Outcomes as a bar chart (SVG): a panel a case, a bar a contender, its length the work done in a second; no script, no font, no link."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from fairlead.bench.turns import Outcome, Run, Spread

_WIDTH, _MARGIN, _LABEL, _VALUE = 860, 20, 250, 150
_BAR, _GAP, _TITLE, _BETWEEN = 20, 8, 34, 22
_COLOURS = {"fairlead": "#0b6e99", "python": "#b0792b", "go": "#5a6b75", "peer": "#8a8f94"}
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1c2429}.title{font-weight:600;font-size:15px}.value{font-variant-numeric:tabular-nums}"
    "@media(prefers-color-scheme:dark){text{fill:#e6ebee}.back{fill:#14191d}}"
)


def svg(outcomes: Sequence[Outcome]) -> str:
    """Return the chart; each panel has its own scale, from 0 to its fastest contender."""
    panels, top = [], _MARGIN
    for outcome in outcomes:
        text, height = _panel(outcome, top)
        panels.append(text)
        top += height + _BETWEEN
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" width="{_WIDTH}" height="{top}" role="img">'
    title = f"<title>{escape(', '.join(outcome.case.title for outcome in outcomes))}</title>"
    return (
        f'{head}\n{title}\n<style>{_STYLE}</style>\n<rect class="back" width="100%" height="100%" fill="#fff"/>\n{"".join(panels)}</svg>\n'
    )


def _panel(outcome: Outcome, top: int) -> tuple[str, int]:
    """Return a case's part of the drawing, and its height."""
    rates = {name: outcome.case.units / _median_s(runs) for name, runs in outcome.runs.items() if runs}
    longest = max(rates.values(), default=1.0)
    room = _WIDTH - 2 * _MARGIN - _LABEL - _VALUE
    title = f"{outcome.case.title} ({outcome.case.unit}/s)"
    text = [f'<text class="title" x="{_MARGIN}" y="{top + 16}">{escape(title)}</text>\n']
    y = top + _TITLE
    for contender in outcome.contenders:
        rate = rates.get(contender.name)
        length = max(1.0, room * rate / longest) if rate is not None else 0.0
        told = f"{_short(rate)}{_times(outcome, contender.name)}" if rate is not None else "not run"
        text.append(
            f'<text x="{_MARGIN + _LABEL - 10}" y="{y + 15}" text-anchor="end">{escape(contender.name)}</text>'
            f'<rect x="{_MARGIN + _LABEL}" y="{y}" width="{length:.1f}" height="{_BAR}" rx="2" fill="{_COLOURS[contender.kind]}"/>'
            f'<text class="value" x="{_MARGIN + _LABEL + length + 8:.1f}" y="{y + 15}">{escape(told)}</text>\n'
        )
        y += _BAR + _GAP
    return "".join(text), y - top


def _median_s(runs: Sequence[Run]) -> float:
    return Spread.of([run.figure("kernel_s") for run in runs]).median


def _times(outcome: Outcome, name: str) -> str:
    """Return how many times the reference's speed, for other contenders than it."""
    times = outcome.times(outcome.case.reference, name, "kernel_s") if name != outcome.case.reference else None
    return f" ({times.median:.3g}x)" if times else ""


def _short(rate: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if rate >= size:
            return f"{rate / size:.3g} {letter}"
    return f"{rate:.3g}"
