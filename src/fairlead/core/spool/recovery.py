"""What a spool's folder holds when it is opened: after a crash, with damage, or as it was closed."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from fairlead.core.durable import Step, sync_folder
from fairlead.core.spool.cursor import MISSING, Cursor, Problem
from fairlead.core.spool.format import HEAD_BYTES, HEAD_NAME, HEADER_BYTES, Head, segment_path
from fairlead.core.spool.head import Found, first_head, read_head
from fairlead.core.spool.listing import find_key, list_drafts, list_segments
from fairlead.core.spool.segment import SegmentReader
from fairlead.core.spool.tail import Tail, find_tail


class Survey(NamedTuple):
    """A spool's folder at a glance: names, head and the newest segment, whatever lies before it."""

    head: Head
    """What the head file says, or what stands in for it."""
    mend_head: bool
    """Whether the head file is to be written anew."""
    sizes: dict[int, int]
    """Readable bytes of each segment, ascending by number."""
    number: int
    """Of the next frame to come in."""
    blank: list[int]
    """The newest segments that a crash left before they had a header."""
    sealed: bool
    """Whether the newest segment is sealed; true where there is none."""


def survey(folder: Path, report: Callable[[Problem], None]) -> Survey:
    """Look at a spool without changing it; raises StateError (written by a newer program) or OSError."""
    sizes = list_segments(folder)
    found = read_head(folder)
    for problem in head_problems(found) if sizes else ():
        report(problem)
    head = found.head
    key = head.key if head is not None else find_key(folder, sizes)
    blank = []
    while sizes and _is_blank(folder, newest := next(reversed(sizes))):
        blank.append(newest)
        del sizes[newest]
    tail = _newest_tail(folder, sizes, key)
    number = max(tail.number, head.number if head is not None else 0, 0)
    # One damaged slot may have held the newer head: where the other's segment is gone, it did.
    lost = head is None or bool(found.damaged and sizes and head.segment < next(iter(sizes)))
    if lost:
        head = _stand_in(folder, sizes, key, number)._replace(turn=head.turn if head is not None else 0)
    assert head is not None, "set where it was lost"
    return Survey(head, lost or bool(found.damaged), sizes, number, blank, tail.sealed)


def head_problems(found: Found) -> list[Problem]:
    """Return what is wrong with the head file of a spool that has segments."""
    if found.head is None and not found.damaged:
        return [Problem(HEAD_NAME, 0, 0, 0, f"{MISSING}; acknowledged frames may come again")]
    told = "damaged slot; acknowledged frames may come again"
    return [Problem(HEAD_NAME, offset, HEAD_BYTES, 0, told) for offset in found.damaged]


def make_folder(folder: Path, step: Step) -> None:
    """Make a spool's folder; raises OSError."""
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        step("spool fsync")
        sync_folder(folder.parent)


def remove_leftovers(folder: Path, blank: list[int], step: Step) -> None:
    """Remove what was begun and never came to hold anything; raises OSError."""
    leftovers = [*list_drafts(folder), *(segment_path(folder, segment) for segment in blank)]
    for path in leftovers:
        step("spool unlink")
        path.unlink()
    if leftovers:
        step("spool fsync")
        sync_folder(folder)


def _is_blank(folder: Path, segment: int) -> bool:
    reader = SegmentReader(folder, segment, None)
    try:
        return reader.is_blank()
    finally:
        reader.close()


def _newest_tail(folder: Path, sizes: dict[int, int], key: int | None) -> Tail:
    """Return the end of the newest segment and enter it in `sizes`; a number that it does not tell is taken from those before it."""
    newest: Tail | None = None
    for segment in reversed(sizes):
        reader = SegmentReader(folder, segment, key)
        try:
            tail = find_tail(reader, sizes[segment])
        finally:
            reader.close()
        if newest is None:
            newest = tail
            sizes[segment] = tail.end
        # What stands torn in an older segment was left there by damage, and is read.
        if (number := newest.number if tail is newest else tail.seen) >= 0:
            return newest._replace(number=number)
    return newest if newest is not None else Tail(HEADER_BYTES, -1, -1, True)


def _stand_in(folder: Path, sizes: dict[int, int], key: int | None, number: int) -> Head:
    """Return a head that acknowledges nothing of what can be read."""
    if not sizes:
        return first_head(key, number=number)
    oldest = next(iter(sizes))
    cursor = Cursor(folder, key, sizes, lambda _: None)
    cursor.seek(oldest, HEADER_BYTES, -1)
    try:
        record = cursor.peek()
    finally:
        cursor.close()
    return first_head(key, oldest, HEADER_BYTES, record.number if record is not None else number)
