"""The newest segment's end as a crash left it: where the next record goes."""

from typing import NamedTuple

from fairlead.core.spool.format import DATA, HEADER_BYTES, LOST, RECORD_BYTES, SEAL
from fairlead.core.spool.segment import Damage, SegmentReader


class Tail(NamedTuple):
    """The end of a segment."""

    end: int
    """The first byte after the last record that counts; what stands behind it is the torn end of an append that never returned."""
    number: int
    """The number of the next frame; -1 where the segment does not tell."""
    seen: int
    """The same, with the frames of the torn end."""
    sealed: bool


def find_tail(segment: SegmentReader, size: int) -> Tail:
    """Return the end of a segment of `size` bytes: from its seal where it has one, else by reading it."""
    seal = segment.head(size - RECORD_BYTES, size) if size >= HEADER_BYTES + RECORD_BYTES else None
    if seal is not None and seal.kind == SEAL:
        return Tail(size, seal.number, seal.number, True)
    number = segment.header.base if segment.header is not None else -1
    # The end of the last append of which all is there.
    whole = Tail(HEADER_BYTES, number, number, False)
    offset = HEADER_BYTES
    while (item := segment.record(offset, size)) is not None:
        offset = item.end
        if isinstance(item, Damage):
            if item.end == size and segment.is_torn(item.offset, size):
                break
            number = max(number, item.behind)
            whole = Tail(offset, number, number, False)
        elif item.kind == SEAL:
            return Tail(size, item.number, item.number, True)
        else:
            number = item.number + (item.more if item.kind == LOST else 1)
            if item.kind != DATA or item.more == 0:
                whole = Tail(offset, number, number, False)
    return whole._replace(seen=number)
