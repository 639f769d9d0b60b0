"""Rotated files that came and went between two looks: held open until it is clear that they are no copies in the making."""

import os

from fairlead.logs.listings import Identity
from fairlead.logs.rotation import Known, Rotations, Successor


class Unseen:
    """Keeps what was found at each path and is not settled yet: its name may be gone in the next moment."""

    def __init__(self) -> None:
        self._held: dict[str, dict[Identity, Successor]] = {}
        self._still: dict[Identity, tuple[int, float]] = {}
        """When what is held was last written, and since when (monotonic) it was found to be so."""
        self.left_out: set[str] = set()
        """Paths of which there was more than could be held at the last look: to be looked through again."""

    def paths(self) -> set[str]:
        """Return the paths of which something is held."""
        return set(self._held)

    def find(
        self, path: str, known: Known, rotations: Rotations, settled_ns: int, still_s: float, now_s: float, most: int
    ) -> list[Successor]:
        """Return the rotated files of a path that are to be followed, oldest first; whoever is given them closes them.

        They were not written since `settled_ns` (or, as the clock may have been set back, while they were held since `still_s`), and are
        none of the `known` sources of the path, nor copies of one; but one may be another's copy. At most `most` are held besides.
        """
        held = self._held.pop(path, {})
        self.left_out.discard(path)
        for candidate in rotations.find_unseen(path, known, held):
            if len(held) < most:
                held[candidate.identity] = candidate
            else:
                os.close(candidate.descriptor)
                self.left_out.add(path)
        settled: list[tuple[int, Successor]] = []
        for candidate in list(held.values()):
            written_ns = os.fstat(candidate.descriptor).st_mtime_ns
            before_ns, since_s = self._still.get(candidate.identity, (0, now_s))
            self._still[candidate.identity] = (written_ns, since_s if before_ns == written_ns else now_s)
            if known.has(candidate):
                os.close(held.pop(candidate.identity).descriptor)
            elif written_ns <= settled_ns or self._still[candidate.identity][1] <= still_s:
                settled.append((written_ns, held.pop(candidate.identity)))
            if candidate.identity not in held:
                del self._still[candidate.identity]
        if held:
            self._held[path] = held
        settled.sort(key=lambda one: one[0])
        return [candidate for _, candidate in settled]

    def close(self) -> None:
        """Close all that is held."""
        for held in self._held.values():
            for candidate in held.values():
                os.close(candidate.descriptor)
        self._held.clear()
