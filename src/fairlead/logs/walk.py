"""The paths that globs match, look by look: all of them at first, and then those that are new or stand for another file."""

from collections.abc import Iterator

import msgspec

from fairlead.logs.globs import ANY_DEPTH, Exclusion, Glob, is_magic, join, name_pattern, parse_glob
from fairlead.logs.listings import Identity, Listing, Listings
from fairlead.logs.places import Places
from fairlead.logs.settings import LogInput

_DEEPEST = 200
"""Folders below a glob's base; each takes a frame of the stack, and whoever may write logs may make them."""


class _Leaf(msgspec.Struct):
    """What a glob's last step matches in a folder: the inode of each name, and the names that are looked at each time."""

    identity: Identity
    names: dict[str, int]
    others: list[str]


class Walk:
    """Goes through the folders of one input's globs."""

    def __init__(self, log_input: LogInput, listings: Listings) -> None:
        self._globs = [parse_glob(pattern) for pattern in log_input.paths]
        self._exclusion = Exclusion(log_input.exclude)
        self._listings = listings
        self._leaves: dict[tuple[Glob, str], _Leaf] = {}

    def matches(self, path: str) -> bool:
        """Tell whether a path can be found, whether it is there or not."""
        return not self._exclusion.covers(path) and any(glob.matches(path) for glob in self._globs)

    def find(self, places: Places, again: set[int], *, everything: bool) -> dict[str, int]:
        """Return the paths that are new, or of another inode, or of one of `again`; or all: each with its inode.

        Symlinks and plain paths are returned each time, with 0: what is there is not known. What is to be watched is added to `places`.
        """
        found: dict[str, int] = {}
        leaves: dict[tuple[Glob, str], _Leaf] = {}
        for glob in self._globs:
            places.add_base(glob.base)
            for folder, listing in self._folders(glob, glob.base, 0, [], places):
                if listing is None:
                    found[join(folder, glob.steps[-1])] = 0
                    continue
                before = self._leaves.get((glob, folder))
                leaves[glob, folder] = leaf = self._leaf(glob, folder, listing, before)
                found |= {join(folder, name): leaf.names[name] for name in _changed(leaf, None if everything else before, again)}
                found |= dict.fromkeys((join(folder, name) for name in leaf.others), 0)
        self._leaves = leaves
        return {path: inode for path, inode in found.items() if inode or not self._exclusion.covers(path)}

    def _folders(self, glob: Glob, folder: str, place: int, above: list[Identity], places: Places) -> Iterator[tuple[str, Listing | None]]:
        """Yield the folders in which the last step is to be matched; without their listing where that step is a plain name."""
        step, last = glob.steps[place], place + 1 == len(glob.steps)
        if not is_magic(step):
            if last:
                places.add_folder(folder)
                yield folder, None
            else:
                yield from self._folders(glob, join(folder, step), place + 1, above, places)
            return
        listing = self._listings.get(folder)
        # A folder that is its own ancestor is a loop of symlinks.
        if listing is None or len(above) >= _DEEPEST or (step == ANY_DEPTH and listing.identity in above):
            return
        if folder.startswith("/"):
            places.folders[folder] = listing.identity
        if last:
            yield folder, listing
            return
        if step == ANY_DEPTH:
            yield from self._folders(glob, folder, place + 1, above, places)
        pattern = name_pattern("*" if step == ANY_DEPTH else step)
        above.append(listing.identity)
        for name in listing.folders:
            if pattern.match(name):
                if name in listing.linked_folders:
                    places.add_links(join(folder, name))
                yield from self._folders(glob, join(folder, name), place if step == ANY_DEPTH else place + 1, above, places)
        above.pop()

    def _leaf(self, glob: Glob, folder: str, listing: Listing, before: _Leaf | None) -> _Leaf:
        if before and before.identity == listing.identity and listing.files is None:
            return before
        match, covers = name_pattern(glob.steps[-1]).match, self._exclusion.covers
        files = self._listings.get_files(folder, listing)
        known = before.names if before else {}
        names = {name: inode for name, inode in files.items() if name in known or (match(name) and not covers(join(folder, name)))}
        # A folder is no log, and not worth a word, but one that is called like a log.
        others = listing.links + [name for name in listing.folders if name.endswith(".log")]
        return _Leaf(listing.identity, names, [name for name in others if match(name)])


def _changed(leaf: _Leaf, before: _Leaf | None, again: set[int]) -> Iterator[str]:
    """Yield the names that are new, or of another inode than before, or of one of `again`."""
    known = before.names if before and before.identity == leaf.identity else {}
    if known is not leaf.names:
        yield from (name for name, inode in leaf.names.items() if known.get(name) != inode)
    if again:
        yield from (name for name, inode in leaf.names.items() if inode in again)
