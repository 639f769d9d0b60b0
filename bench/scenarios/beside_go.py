"""The cases of `fairlead bench compare` beside their Go programs, all in one run; writes the README's chart, too.

The one file runs them; `proc` runs from source, where psutil is. FAIRLEAD_BENCH_RUNS sets how often each contender runs (default: 5).
"""

import json
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.harness import Goal, Section, spread
from bench.program import FROM_SOURCE, described, number, program
from fairlead.bench.pool_waiting import QUEUED
from fairlead.bench.process import measure as measure_process
from fairlead.bench.reference import ReferencePrograms

CASES = ("prime", "pool", "net", "lines", "json", "startup")
CHART = Path("docs/beside-go.svg")
LATENCY_ROUNDS, PEAK_ROUNDS = 3, 5
CLAIMED_RATE = 85_000
MB = 1e6
LIMITS = """\
`net` is bound by the kernel's TCP: perf found 69 % of Fairlead's time there (2026-11-25), as of Go's (1.0 of 1.4 s), and 29 % in the file
itself: the event loop, the task and the future of a job cost some 2.4 microseconds beside the 1.5 of a goroutine's: that is the gap."""


def compare(fairlead: Path, *words: str) -> dict[str, Any]:
    """Run `fairlead bench compare` and return its object."""
    done = subprocess.run([fairlead, "bench", "compare", *words, "--json"], stdout=subprocess.PIPE, text=True, check=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def of_pool(*words: str) -> tuple[float, float]:
    """Return seconds and answer of one work of the pool."""
    done = subprocess.run([program(), "bench", "work", "pool", *words], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    return told["seconds"], told["answer"]


def row(case: dict[str, Any], contender: dict[str, Any]) -> tuple[str, ...]:
    """Return a contender's row: medians, and the ratio to the reference."""
    if "missing" in contender:
        return (case["case"], contender["contender"], *[""] * 6, f"not run: {contender['missing']}")
    runs = contender["runs"]

    def median(key: str) -> float:
        return statistics.median(float(run[key]) for run in runs)

    told = runs[0]["kernel_s"] is not None
    work_s = median("kernel_s") if told else median("wall_s")
    cpu = statistics.median(100 * (run["user_s"] + run["system_s"]) / run["wall_s"] for run in runs)
    least, middle, greatest = contender["times_reference"] or ("", "", "")
    return (
        case["case"],
        contender["contender"],
        f"{work_s:.3g}" if told else "",
        f"{median('wall_s'):.3g}",
        f"{median('user_s'):.3g} + {median('system_s'):.2g}",
        f"{cpu:.0f}",
        f"{median('peak_bytes') / MB:.1f}",
        f"{case['units'] / work_s:,.0f} {case['unit']}",
        f"{middle:.3g} ({least:.3g} to {greatest:.3g})" if middle else "",
    )


def goals(case: dict[str, Any]) -> Iterator[Goal]:
    """Yield the goals of a case that were run."""
    for goal in case["goals"]:
        if goal["measured"]:
            of = "the work alone" if goal["figure"] == "kernel_s" else "the whole process"
            text = f"{case['case']}: {goal['contender']} at least {goal['times']:.3g} times faster than {goal['against']}, {of}"
            yield Goal(text, goal["measured"][1], goal["times"], False)


def peak_bytes(*argv: str) -> float:
    """Return the median peak of a process."""
    return statistics.median(measure_process(argv, 60).peak_bytes for _ in range(PEAK_ROUNDS))


def go_bytes_a_job() -> float:
    """Return what a job takes that waits in Go's buffered channel: the difference of two lengths of it."""
    pool = ReferencePrograms(None).go("Go", "pool", "-kind", "noop", "-pool", "buffered", "-jobs", str(QUEUED))
    return (peak_bytes(*pool.argv, "-queue", str(QUEUED)) - peak_bytes(*pool.argv, "-queue", "1024")) / QUEUED


def measure() -> Section:
    """Run the cases, the pool's latency and its memory."""
    runs = ("--runs", str(int(number("RUNS", 5))))
    told = compare(program(), *CASES, *runs, "--out", str(CHART))
    proc = compare(FROM_SOURCE.absolute(), "proc", *runs)
    cases = [*told["cases"], *proc["cases"]]
    simd = next(one for one in cases[0]["contenders"] if one["contender"] == "fairlead, simd")
    latencies = [of_pool("latency", "1")[0] * 1e3 for _ in range(LATENCY_ROUNDS)]
    coroutine, function = of_pool("memory", "coroutine")[1], of_pool("memory", "function")[1]
    simd_mb = statistics.median(run["peak_bytes"] for run in simd["runs"]) / MB
    bare_mb = peak_bytes(str(FROM_SOURCE.parent / "python"), "-I", "-S", "-c", "") / MB
    pool = next(case for case in cases if case["case"] == "pool")
    rate = min(
        pool["units"] / statistics.median(run["kernel_s"] for run in one["runs"])
        for one in pool["contenders"]
        if one["kind"] == "fairlead" and "runs" in one
    )
    return Section(
        "beside_go",
        "the cases of `fairlead bench compare` beside Go, in one run",
        f"`fairlead bench compare {' '.join([*CASES, *runs])}`, then `proc` from source, where psutil is. {described()}\n"
        f"{told['noise'] or 'The machine was quiet.'}\n"
        "Whole processes in turn after a warm-up; medians; user and system CPU seconds and peak memory by wait4; ratios pair by pair.\n"
        "`proc` gives the seconds of one sample of 5,000. What takes minutes (Python's prime, ThreadPoolExecutor) ran once.\n"
        f"A million low no-op jobs queued: p99 of an urgent job's wait {spread(latencies)} ms ({LATENCY_ROUNDS} runs); a queued job takes\n"
        f"{coroutine:.0f} bytes as a coroutine without a handle, {function:.0f} as a function with one; in Go's buffered channel "
        f"{go_bytes_a_job():.1f}.\n"
        f"{LIMITS}\n"
        f"Peak of the bare interpreter (`python -I -S`): {bare_mb:.1f} MB.",
        ("case", "contender", "work, s", "process, s", "user + system, s", "CPU %", "peak MB", "a second", "times the reference's"),
        [row(case, contender) for case in cases for contender in case["contenders"]],
        (
            *(goal for case in cases for goal in goals(case)),
            Goal("prime: peak memory of simd at most 1.5 times the bare interpreter's", simd_mb / bare_mb, 1.5, True),
            Goal("pool: 10 times the claim's 85,000 jobs/s, also with a handle each", rate / CLAIMED_RATE, 10, False),
            Goal("pool: p99 of an urgent job's wait below 1 ms", statistics.median(latencies), 1, True),
        ),
    )
