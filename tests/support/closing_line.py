"""Passes the output of test runs through and ends it with one line that a reader can count: `N passed, N failed`."""

import re
import sys
from collections import Counter


def main() -> int:
    counts: Counter[str] = Counter()
    for line in sys.stdin:
        sys.stdout.write(line)
        sys.stdout.flush()
        if re.match(r"=+ .* in [\d.]+s.* =+$", line):
            counts.update({word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|errors?|skipped)", line)})
    failed = counts["failed"] + counts["error"] + counts["errors"]
    sys.stdout.write(f"{counts['passed']} passed, {failed} failed\n")
    return 0 if counts["passed"] and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
