"""Appends lines to files at a steady rate: `python -m bench.steady RATE FILE...`, until it is ended.

Each line is a write of its own, to the files in turn; what is due is written a hundred times a second.
"""

import os
import sys
import time
from itertools import cycle

from bench import loglines

_PERIOD_S = 0.01
_DISTINCT_LINES = 20_000


def main() -> None:
    """Write."""
    rate = float(sys.argv[1])
    lines = cycle(next(loglines.chunks(_DISTINCT_LINES)).splitlines(keepends=True))
    files = cycle([os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644) for file in sys.argv[2:]])
    begin, written = time.monotonic(), 0
    while True:
        due = int((time.monotonic() - begin) * rate)
        for _ in range(due - written):
            os.write(next(files), next(lines))
        written = due
        time.sleep(_PERIOD_S)


if __name__ == "__main__":
    main()
