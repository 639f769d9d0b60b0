"""What lies in a spool's folder, by names and sizes alone."""

import os
from collections.abc import Mapping
from pathlib import Path

from fairlead.core.spool.format import segment_number
from fairlead.core.spool.segment import SegmentReader

DRAFT_SUFFIX = ".new"
"""Of a segment that a repair is writing."""


def list_segments(folder: Path) -> dict[int, int]:
    """Return each segment's size in bytes, ascending by number; raises OSError."""
    found = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            if (segment := segment_number(entry.name)) is not None:
                try:
                    found[segment] = entry.stat().st_size
                except FileNotFoundError:
                    continue  # unlinked meanwhile, by the agent whose spool is looked at
    return dict(sorted(found.items()))


def list_drafts(folder: Path) -> list[Path]:
    """Return what an interrupted repair left."""
    return [path for path in folder.iterdir() if path.suffix == DRAFT_SUFFIX and segment_number(path.stem) is not None]


def find_key(folder: Path, sizes: Mapping[int, int]) -> int | None:
    """Return the spool's key as its segments tell it, for where the head does not; None where none does."""
    for segment in sizes:
        reader = SegmentReader(folder, segment, None)
        reader.close()
        if reader.key is not None:
            return reader.key
    return None
