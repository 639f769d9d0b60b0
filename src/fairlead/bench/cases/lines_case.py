"""`lines`: where each line of a cached file begins; what only counts newlines runs beside it."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from fairlead.bench.cache import cache_folder
from fairlead.bench.case import Answer, Case, Contender, Goal, Programs

LINES, LINE_BYTES = 1_500_000, 200
_GO, _OURS = "Go bufio.Scanner", "fairlead"


def make_file() -> Path:
    """Return a file of LINES lines of LINE_BYTES bytes each, newline included; made once and kept."""
    file = cache_folder() / "bench-lines.txt"
    if not file.exists() or file.stat().st_size != LINES * LINE_BYTES:
        with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False) as stream:
            for i in range(LINES):
                stream.write(f"2026-01-01T00:00:00.{i:09d}Z INFO request served id={i:09d} ".ljust(LINE_BYTES - 1, "x") + "\n")
        Path(stream.name).replace(file)
    return file


def _contenders(programs: Programs) -> Sequence[Contender]:
    file = str(make_file())
    return [
        Contender(_OURS, "fairlead", programs.ours("bench", "work", "lines", "scan", file)),
        Contender("Python, for line in file", "python", programs.ours("bench", "work", "lines", "python", file)),
        programs.go(_GO, "lines", "-method", "scanner", file),
        programs.go("Go bufio.Scanner, 1 MiB", "lines", "-method", "scanner-large", file),
        programs.go("Go bytes.Count", "lines", "-method", "count", file),
        _wc(file),
    ]


def _wc(file: str) -> Contender:
    if shutil.which("wc") is None:
        return Contender("wc -l", "peer", missing="wc is not installed")
    return Contender("wc -l", "peer", ["wc", "-l", file], parse=lambda output: Answer(output.split()[0], None))


CASE = Case("lines", "newline scan of a cached file of 300 MB", "lines", LINES, _contenders, _GO, (Goal(_OURS, _GO, "kernel_s", 2),))
