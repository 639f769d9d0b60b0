"""The same as words.pyx in plain Python: specification and oracle, never used to work."""

import re
from collections.abc import Callable, Sequence

_WORD = re.compile(r"[0-9A-Za-z\x80-\U0010ffff]+")


def _words(message: str) -> list[str]:
    return ["".join(c.lower() if c.isascii() else c for c in word) for word in _WORD.findall(message)]


class PhraseMatcher:
    """Tells of a message whether it has all phrases and none of the excluded ones."""

    def __init__(self, phrases: Sequence[Sequence[str]], excluded: Sequence[Sequence[str]], fold: Callable[[str], str]) -> None:
        self._phrases, self._excluded, self._fold = [list(p) for p in phrases], [list(p) for p in excluded], fold

    def __call__(self, message: str) -> bool:
        """Return whether the message matches."""
        words = _words(message if message.isascii() else self._fold(message))
        return all(_has(words, p) for p in self._phrases) and not any(_has(words, p) for p in self._excluded)


def _has(words: list[str], phrase: list[str]) -> bool:
    return any(words[i : i + len(phrase)] == phrase for i in range(len(words) - len(phrase) + 1))
