"""Files that are never followed because they are this program's own: what it writes would come back to it for ever."""

import os
from contextlib import suppress

from fairlead.logs.listings import Identity


def own_files(*paths: str) -> frozenset[Identity]:
    """Return what is never followed, by (device, inode): what standard output and error go to, these files, and all in these folders."""
    inside = [entry.path for path in paths if os.path.isdir(path) for entry in os.scandir(path)]
    places: tuple[int | str, ...] = (1, 2, *paths, *inside)
    found = set()
    for place in places:
        with suppress(OSError):
            facts = os.stat(place)
            found.add((facts.st_dev, facts.st_ino))
    return frozenset(found)
