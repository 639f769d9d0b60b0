"""Compares what arrived with what the writers of tests/support/writers.py wrote."""

from collections.abc import Iterable
from typing import NamedTuple

from tests.support.writers import Ledger, parse_line


class Range(NamedTuple):
    """Lines `first` to `last` of a source's epoch, both included."""

    source: str
    epoch: int
    first: int
    last: int

    @property
    def size(self) -> int:
        """Number of lines."""
        return self.last - self.first + 1


class Verdict(NamedTuple):
    """What is wrong with what arrived."""

    lines: int
    """Different lines that arrived whole."""
    lost: list[Range]
    doubled: list[Range]
    torn: list[str]
    """Texts that no writer wrote: cut, mixed, or of a source or epoch without a ledger."""
    disordered: int
    """First arrivals of a line after a later line of the same source and epoch; no part of `clean`."""

    @property
    def clean(self) -> bool:
        """True when each line arrived once and whole."""
        return not (self.lost or self.doubled or self.torn)

    def __str__(self) -> str:
        counts = f"lost={sum(one.size for one in self.lost)} doubled={sum(one.size for one in self.doubled)} torn={len(self.torn)}"
        return counts if self.clean else f"{counts}: lost {self.lost[:5]}, doubled {self.doubled[:5]}, torn {self.torn[:3]}"


def check(records: Iterable[str], ledgers: Iterable[Ledger]) -> Verdict:
    """Judge texts of lines by the ledgers. What a killed writer wrote beyond its ledger may have arrived, and need not."""
    last = {(ledger.source, ledger.epoch): ledger.last for ledger in ledgers}
    arrivals = {key: bytearray(number + 1) for key, number in last.items()}
    highest = dict.fromkeys(last, 0)
    torn, disordered = [], 0
    for text in records:
        line = parse_line(text)
        if line is None or line[:2] not in arrivals:
            torn.append(text)
            continue
        seen = arrivals[line[:2]]
        seen.extend(bytes(max(0, line.number + 1 - len(seen))))
        disordered += line.number < highest[line[:2]] and not seen[line.number]
        highest[line[:2]] = max(highest[line[:2]], line.number)
        seen[line.number] = min(2, seen[line.number] + 1)
    lost = [one for key, seen in arrivals.items() for one in _ranges(key, seen, 0, 1, last[key])]
    doubled = [one for key, seen in arrivals.items() for one in _ranges(key, seen, 2, 1, len(seen) - 1)]
    return Verdict(sum(len(seen) - seen.count(0) for seen in arrivals.values()), lost, doubled, torn, disordered)


def _ranges(key: tuple[str, int], seen: bytearray, times: int, first: int, last: int) -> list[Range]:
    """Return the runs of numbers from `first` to `last` that were seen so many times."""
    found: list[Range] = []
    begin = seen.find(times, first, last + 1)
    while begin >= 0:
        end = begin
        while end < last and seen[end + 1] == times:
            end += 1
        found.append(Range(*key, begin, end))
        begin = seen.find(times, end + 1, last + 1)
    return found
