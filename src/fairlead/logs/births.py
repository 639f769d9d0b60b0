"""Files that came and went unseen: as many were born at a path as events tell, and as many were found; the difference is a gap.

Events wait in the kernel while nobody reads them, so they tell of files that came and went while the program was stopped, too. Where
some were dropped, or a folder is not watched, the births are not known. Then the chain tells: rotation takes the oldest away first, so
while the file that was followed at a path still has a name, all that came after it are there to be found.
"""

import os
from collections import Counter
from collections.abc import Callable, Collection
from typing import NamedTuple

import msgspec

from fairlead.logs.listings import Identity
from fairlead.logs.rotation import base_name


class Names(NamedTuple):
    """What events told of names since the last time: which path was born, and from which path it was moved ("" for none) how often."""

    births: "Counter[tuple[str, str]]"
    stirred: set[str]
    """Every path that came, went or was moved."""
    overflowed: bool

    def touched(self) -> set[str]:
        """Return every path of which a name, or one of its rotated files, changed."""
        return self.stirred | {base_name(path) for path in self.stirred}


NOTHING = Names(Counter(), set(), False)


class Gap(NamedTuple):
    """Something that was born at a path since a time has vanished unseen."""

    path: str
    since_ns: int


class _Account(msgspec.Struct):
    """What was born at a path and not found yet: below 0 while a file was found before its event was read."""

    since_ns: int
    """What was followed before this time is older than what was born."""
    born_ns: int
    """Nothing was born before."""
    owed: int = 0
    begun: tuple[Identity, ...] = ()
    uncertain: bool = False


class Births:
    """Keeps the accounts of all paths. `base_of` returns the path to which a file of this name belongs, "" where it is no log.

    `is_watched` tells whether events tell of a folder, `has_vanished` whether what was followed at a path before a time is deleted.
    """

    def __init__(self, base_of: Callable[[str], str], is_watched: Callable[[str], bool], has_vanished: Callable[[str, int], bool]) -> None:
        self._base_of, self._is_watched, self._has_vanished = base_of, is_watched, has_vanished
        self._accounts: dict[str, _Account] = {}
        self._overflowed = False
        """Whether files may be found in this look of whose birth nothing told."""
        self._before_ns = self._now_ns = 0
        self._first_look = True

    def begin_look(self, names: Names, now_ns: int) -> None:
        """Take what was told before a look."""
        self._first_look = not self._now_ns
        self._before_ns, self._now_ns = self._now_ns or now_ns, now_ns
        self._overflowed |= names.overflowed
        self._add(names)

    def found(self, path: str, identity: Identity) -> None:
        """Take note of a file that is followed from now on, and belongs to a path."""
        account = self._account(path)
        account.owed -= 1
        account.begun += (identity,)

    def owing(self) -> list[str]:
        """Return the paths at which more was born than was found yet."""
        return [path for path, account in self._accounts.items() if account.owed > 0]

    def born_ns(self, path: str) -> int | None:
        """Return the time before which nothing of what is yet to be found at a path was born; None where there is nothing."""
        account = self._accounts.get(path)
        return account.born_ns if account and account.owed > 0 else None

    def end_look(self, names: Names, unsettled: Collection[str]) -> list[Gap]:
        """Return the gaps that are certain; `names` is what was told during the look, `unsettled` are paths where files are yet to come.

        A path whose names changed during the look may have files that it missed: it waits for the next one.
        """
        gaps, touched = list[Gap](), names.touched()
        for path, account in list(self._accounts.items()):
            if account.uncertain:
                gaps += self._follow_chain(path, account, here=bool(account.begun) or path in unsettled)
            if path in unsettled or path in touched:
                continue
            del self._accounts[path]
            if self._is_gap(path, account):
                gaps.append(Gap(path, account.since_ns))
        self._overflowed = names.overflowed
        self._add(names)
        return gaps

    def forget(self) -> None:
        """Close all accounts: other files are followed from now on."""
        self._accounts.clear()

    def _add(self, names: Names) -> None:
        for (path, origin), times in names.births.items():
            base = self._base_of(path)
            # What has a rotated name was born under its first; what was moved from a log's name was counted there.
            if base == path and not (origin and self._base_of(origin)):
                self._account(base).owed += times
        if self._overflowed:
            for account in self._accounts.values():
                account.uncertain, account.since_ns = True, self._now_ns

    def _account(self, path: str) -> _Account:
        account = self._accounts.get(path)
        if account is None:
            # What became of files before the first look is found out by their positions.
            uncertain = not self._first_look and (self._overflowed or not self._is_watched(os.path.dirname(path)))
            account = self._accounts[path] = _Account(self._now_ns, self._before_ns, uncertain=uncertain)
        return account

    def _follow_chain(self, path: str, account: _Account, *, here: bool) -> list[Gap]:
        """Return the gap, if there is one, where births are not known; `here` tells whether there is something that came later.

        That is to be found out now: in a moment also what was read may be rotated away. From now on births are known again.
        """
        vanished = self._has_vanished(path, account.since_ns)
        if vanished and not here:
            return []
        account.uncertain, account.owed = False, 0
        return [Gap(path, account.since_ns)] if vanished else []

    def _is_gap(self, path: str, account: _Account) -> bool:
        if account.owed <= 0:
            return False
        # One birth is explained by what stands there and was not found anew: a file that came back, or is known by another name.
        try:
            facts = os.stat(path)
        except OSError:
            return True
        return account.owed > ((facts.st_dev, facts.st_ino) not in account.begun)
