"""Passes a test run's output through and ends it with one line that a reader can count: `N passed, N failed`."""

import re
import sys


def main() -> int:
    counts: dict[str, int] = {}
    for line in sys.stdin:
        sys.stdout.write(line)
        sys.stdout.flush()
        if re.match(r"=+ .* in [\d.]+s.* =+$", line):
            counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|errors?|skipped)", line)}
    failed = counts.get("failed", 0) + counts.get("error", 0) + counts.get("errors", 0)
    sys.stdout.write(f"{counts.get('passed', 0)} passed, {failed} failed\n")
    return 0 if counts.get("passed") and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
