"""Where each line of a cached file begins: Fairlead's scan beside Go's bufio.Scanner; bytes.Count and `wc -l` only count.

`python -m bench.scenarios.linescan FILE` is Fairlead's contender.
"""

import json
import statistics
import sys
import time
from array import array
from pathlib import Path

from bench.harness import OUT, Contender, Goal, Section, build_go, in_turn, ratios, spread
from fairlead._native import linescan
from fairlead.logs.tail import BLOCK_BYTES

LINE_BYTES = 200
LINES = 1_500_000
ROUNDS = 15


def make_file() -> Path:
    """Return a file of LINES lines of LINE_BYTES bytes, newline included."""
    OUT.mkdir(parents=True, exist_ok=True)
    file = OUT / "lines.txt"
    if not file.exists() or file.stat().st_size != LINES * LINE_BYTES:
        with file.open("w") as stream:
            for i in range(LINES):
                stream.write(f"2026-01-01T00:00:00.{i:09d}Z INFO request served id={i:09d} ".ljust(LINE_BYTES - 1, "x") + "\n")
    return file


def measure() -> Section:
    """Run the contenders in turn."""
    build_go()
    file = str(make_file())
    runs = in_turn(
        [
            Contender("fairlead", [sys.executable, "-m", __name__, file]),
            Contender("go-scanner", [f"{OUT}/lines", "-method", "scanner", file]),
            Contender("go-scanner, 1 MiB buffer", [f"{OUT}/lines", "-method", "scanner-large", file]),
            Contender("go-count", [f"{OUT}/lines", "-method", "count", file]),
            Contender("wc -l", ["wc", "-l", file], lambda out: int(out.split()[0])),
        ],
        ROUNDS,
    )
    size_gb = LINES * LINE_BYTES / 1e9
    rows = [(name, spread([size_gb / run.seconds for run in done]), spread(ratios(runs, name, "fairlead"))) for name, done in runs.items()]
    return Section(
        "linescan",
        f"every line's offset of a cached file, {LINE_BYTES}-byte lines",
        f"{ROUNDS} rounds over {size_gb:.1f} GB, reading included; ours in blocks of {BLOCK_BYTES >> 10} KiB, as the tail reads.\n"
        "`go-count` and `wc -l` count only; `wc` is timed as a whole process.",
        ("contender", "GB/s", "time, times fairlead's"),
        rows,
        (Goal("at least 2 times Go's bufio.Scanner", statistics.median(ratios(runs, "go-scanner", "fairlead")), 2.0, False),),
    )


def main() -> None:
    """Find every line's offset, block by block as the tail does."""
    block = memoryview(bytearray(BLOCK_BYTES))
    offsets = array("q", bytes(8 * (BLOCK_BYTES // 2)))
    lines = 0
    with Path(sys.argv[1]).open("rb", buffering=0) as stream:
        begin = time.perf_counter()
        base = 0
        while got := stream.readinto(block):
            lines += linescan.scan(block[:got], offsets, 0, base)
            base += got
        seconds = time.perf_counter() - begin
    print(json.dumps({"seconds": seconds, "answer": lines}))


if __name__ == "__main__":
    main()
