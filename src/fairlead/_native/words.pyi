"""The words of log lines: whether a line has the phrases of a query.

A word is a run of ASCII letters and digits or of characters beyond ASCII; ASCII is compared without case.
"""

from collections.abc import Callable, Sequence

from typing_extensions import disjoint_base

@disjoint_base
class PhraseMatcher:
    """Tells of a message whether it has all `phrases` (words in a row) and none of `excluded`.

    The words of the phrases are folded already; `fold` does so with a message beyond ASCII, and puts spaces between its words.
    """

    def __init__(self, phrases: Sequence[Sequence[str]], excluded: Sequence[Sequence[str]], fold: Callable[[str], str]) -> None: ...
    def __call__(self, message: str) -> bool:
        """Return whether the message matches."""
