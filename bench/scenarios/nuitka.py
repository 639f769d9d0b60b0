"""CPU-bound modules of Fairlead compiled by Nuitka beside their bytecode, on the very interpreter that the one file holds.

A module belongs into the file as compiled code where it is faster so; the table says which. What is asked here does its work in Python
itself: time and level of a line, cutting and encoding are Cython's anyway. `python -m bench.scenarios.nuitka KIND MODULE`
is a contender: KIND is `bytecode` or `nuitka`.
"""

import importlib
import importlib.util
import json
import os
import subprocess
import sys
import time
from array import array
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from bench.harness import OUT, Contender, Section, in_turn, ratios, spread

ROUNDS = 9
FOLDER = (OUT / "nuitka").resolve()
SERIES = 700


def write_exposition(module: ModuleType) -> int:
    """Write 700 series as Prometheus text, 20 times."""
    from fairlead.core.sample import Family, Layout, MetricType, Series, Tick

    family = [Family(f"node_{i}_total", MetricType.COUNTER, "Help.") for i in range(SERIES // 10)]
    layout = Layout(tuple(Series(family[i // 10], (("cpu", str(i % 10)),)) for i in range(SERIES)))
    writer, tick = module.Exposition(), Tick("cpu", 0, layout, array("d", (i * 1.37 for i in range(SERIES))))
    return sum(len(writer.of_ticks([tick])) for _ in range(20))


def summarise(module: ModuleType) -> int:
    """Roll a minute of 700 series up, 5 times."""
    ticks = [array("d", (i * 1.37 for i in range(SERIES)))] * 60
    return sum(len(module.summary(ticks)) for _ in range(5))


def read_ticks(module: ModuleType) -> int:
    """Turn a minute of counters into rates, twice."""
    rows = [(i * 10**9, array("d", (i * j for j in range(SERIES))).tobytes()) for i in range(60)]
    return sum(len(list(module.tick_values(rows, [], range(SERIES), [True] * SERIES))) for _ in range(2))


WORK: dict[str, Callable[[ModuleType], int]] = {
    "fairlead.net.prometheus": write_exposition,
    "fairlead.store.sqlite.rollup": summarise,
    "fairlead.store.sqlite.samples": read_ticks,
}


def measure() -> Section:
    """Compile each module, then run it both ways in turn."""
    python, environment = _interpreter()
    rows = []
    for name in WORK:
        added_bytes = _compile(python, environment, name)
        argv = ["env", *(f"{key}={value}" for key, value in environment.items()), python, "-m", __name__]
        runs = in_turn([Contender(kind, [*argv, kind, name]) for kind in ("bytecode", "nuitka")], ROUNDS)
        found = ratios(runs, "nuitka", "bytecode")
        rows.append((name, spread([run.seconds * 1e3 for run in runs["bytecode"]]), spread(found), f"{added_bytes / 1e6:.1f}"))
    return Section(
        "nuitka",
        "CPU-bound modules compiled by Nuitka beside their bytecode",
        f"{ROUNDS} rounds, whole processes in turn, the work alone timed; Nuitka 4.3 `--mode=module --full-compat` with gcc, on the\n"
        "file's own CPython, best of three.\n"
        "A module is compiled into the file where it takes at most 0.9 times the time of its bytecode.",
        ("module", "bytecode, ms", "nuitka, times bytecode's", "adds MB"),
        rows,
        (),
    )


def _interpreter() -> tuple[str, dict[str, str]]:
    """Return the file's interpreter and the environment in which it finds Nuitka, Fairlead and what Fairlead needs."""
    sys.path.insert(0, "build")
    from onefile.cache import Builder
    from onefile.target import KINDS

    builder = Builder(KINDS[0])
    python, tools = builder.result("python") / "bin" / "python3.13", builder.result("tools")
    if not python.exists():
        raise SystemExit("the one file's interpreter is not in the cache: run build/dev binary")
    site = FOLDER / "site"
    pip = [str(python), "-m", "pip", "install", "-q", "--no-deps", "--require-hashes", "--target", str(site)]
    if not (site / "nuitka").exists():
        environment = {**os.environ, "PYTHONPATH": str(tools)}
        (FOLDER / "run.txt").parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([*pip, "--only-binary=:all:", "-r", "build/lock/run.txt"], env=environment, check=True, capture_output=True)
        subprocess.run([*pip, "--no-build-isolation", "-r", "build/lock/nuitka.txt"], env=environment, check=True, capture_output=True)
    return str(python), {"PYTHONPATH": f"{Path('src').resolve()}:{site}:{tools}", "PYTHONDONTWRITEBYTECODE": "1"}


def _compile(python: str, environment: dict[str, str], name: str) -> int:
    """Compile a module to FOLDER; return the size of what it became."""
    stem = name.rpartition(".")[2]
    source = Path("src", *name.split(".")).with_suffix(".py").resolve()
    options = ["--mode=module", "--full-compat", "--nofollow-imports", "--remove-output", "--no-pyi-file", f"--output-dir={FOLDER}"]
    subprocess.run(
        [python, "-m", "nuitka", *options, str(source)], env={**os.environ, **environment, "CC": "gcc"}, check=True, capture_output=True
    )
    return next(FOLDER.glob(f"{stem}.cpython-*.so")).stat().st_size


def _load(kind: str, name: str) -> ModuleType:
    if kind == "bytecode":
        return importlib.import_module(name)
    stem = name.rpartition(".")[2]
    spec = importlib.util.spec_from_file_location(stem, next(FOLDER.glob(f"{stem}.cpython-*.so")))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Do one module's work once unmeasured, then three times; the best counts."""
    kind, name = sys.argv[1:]
    module, work = _load(kind, name), WORK[name]
    answer, best = work(module), float("inf")
    for _ in range(3):
        begin = time.perf_counter()
        work(module)
        best = min(best, time.perf_counter() - begin)
    print(json.dumps({"seconds": best, "answer": answer}))


if __name__ == "__main__":
    main()
