"""Tables, objects and charts of an outcome."""

import json
from xml.etree import ElementTree

from fairlead.bench import chart, report
from fairlead.bench.case import Answer, Case, Contender, Goal
from fairlead.bench.machine import Machine
from fairlead.bench.measured import Measured
from fairlead.bench.turns import Outcome, Run

MACHINE = Machine("a <fast> CPU", 2, "Linux 6.1", "unknown")


def outcome() -> Outcome:
    contenders = [
        Contender("ours & fast", "fairlead", ["x"]),
        Contender("Go", "go", ["y"]),
        Contender("wc", "peer", missing="wc is not installed"),
    ]
    goals = (Goal("ours & fast", "Go", "kernel_s", 2), Goal("wc", "Go", "wall_s", 1))
    case = Case("calls", "a case", "calls", 1000, lambda programs: contenders, "Go", goals)
    ours = [Run(Measured(0.2, 0.1, 0.1, 20_000_000, ""), Answer("7", kernel)) for kernel in (0.1, 0.1)]
    theirs = [Run(Measured(0.5, 0.4, 0.1, 5_000_000, ""), Answer("7", kernel)) for kernel in (0.4, 0.3)]
    return Outcome(case, contenders, {"ours & fast": ours, "Go": theirs, "wc": []})


def test_table_has_medians_ratios_and_what_was_not_run() -> None:
    text = report.markdown([outcome()], MACHINE, "fairlead bench compare calls", "noisy: others took 20 %")
    assert "| ours & fast | 0.1 | 0.2 | 0.1 | 0.1 | 100 | 20.0 | 10,000 | 0.292 (0.25 to 0.333) |" in text
    assert "| wc | not run: wc is not installed |" in text
    assert "| ours & fast at least 2 times faster than Go, the work alone | 3.5 (3 to 4) | yes |" in text
    assert "| wc at least 1 times faster than Go, the whole process | not run | not run |" in text
    assert "**noisy: others took 20 %**" in text


def test_object_has_every_run_and_no_ratio_of_what_was_not_run() -> None:
    told = json.loads(json.dumps(report.to_json([outcome()], MACHINE, "fairlead bench compare calls", "")))
    ours, _, wc = told["cases"][0]["contenders"]
    assert [run["kernel_s"] for run in ours["runs"]] == [0.1, 0.1]
    assert ours["times_reference"][1] < 0.3
    assert wc == {"contender": "wc", "kind": "peer", "missing": "wc is not installed"}
    assert told["machine"]["cores"] == 2


def test_chart_is_well_formed_and_scales_to_the_fastest() -> None:
    root = ElementTree.fromstring(chart.svg([outcome(), outcome()]))
    bars = [float(bar.get("width", "0")) for bar in root.iter("{http://www.w3.org/2000/svg}rect") if bar.get("rx")]
    assert len(bars) == 6
    assert bars[1] / bars[0] == bars[4] / bars[3]
    assert round(bars[0] / bars[1], 1) == 3.5
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "not run" in texts
    assert "10 k (3.5x)" in texts
