"""Specification of the signatures of blocks of lines and oracle of native/signature.pyx, never used to work.

A signature is a Bloom filter of BITS bits: each word sets PLACES of them. It stands in a store's file, so none of this may change.
"""

import re
from collections.abc import Callable, Sequence

BITS = 15872
PLACES = 6
_WORD = re.compile(rb"[0-9A-Za-z\x80-\xff]+")
_64, _32 = (1 << 64) - 1, (1 << 32) - 1


def places(word: str) -> tuple[int, ...]:
    """Return which bits a word sets; bit 0x20 of its bytes does not count, so ASCII letters have no case."""
    text = bytes(byte | 0x20 for byte in word.encode())
    mixed = len(text)
    for at in range(0, len(text) or 1, 8):
        mixed = (mixed ^ int.from_bytes(text[at : at + 8], "little")) * 0x9E3779B97F4A7C15 & _64
        mixed ^= mixed >> 32
    mixed = mixed * 0xD6E8FEB86659FD93 & _64
    place, step = mixed & _32, mixed >> 32 | 1
    return tuple((place + i * step & _32) * BITS >> 32 for i in range(PLACES))


class Signature:
    """The words of lines as bits: runs of ASCII letters and digits and of bytes beyond ASCII.

    It is full when `full` bits are set. `fold` is called, once, for the code of a character beyond ASCII, and returns the one that stands
    for it; none where it goes.
    """

    def __init__(self, full: int, fold: Callable[[int], str]) -> None:
        self._full, self._fold, self._set = full, fold, set[int]()
        self._folded: dict[int, str] = {}

    def add(self, messages: list[str], first: int, most: int) -> int:
        """Add messages[first], and what follows, until it is full; at most so many. Return how many were added.

        A message with a lone surrogate raises UnicodeEncodeError.
        """
        if not 0 <= first <= len(messages):
            raise IndexError("first lies outside of messages")
        added = 0
        while added < most and first + added < len(messages) and not self.full:
            message = messages[first + added]
            if not isinstance(message, str):
                raise TypeError("a message is no text")
            text = "".join(character if character.isascii() else self._fold_one(character) for character in message)
            for word in _WORD.findall(text.encode()):
                self._set.update(places(word.decode()))
            added += 1
        return added

    def _fold_one(self, character: str) -> str:
        character.encode()
        code = ord(character)
        if code not in self._folded:
            folded: object = self._fold(code)
            if not isinstance(folded, str) or len(folded) > 1:
                raise ValueError("a character is folded to one or to nothing")
            folded.encode()
            self._folded[code] = folded
        return self._folded[code]

    @property
    def full(self) -> bool:
        """Whether no line is taken any more."""
        return len(self._set) >= self._full

    def bits(self) -> bytes:
        """Return the signature, bit 0 first."""
        return sum(1 << place for place in self._set).to_bytes(BITS // 8, "little")

    def clear(self) -> None:
        """Begin anew."""
        self._set.clear()


def has(signature: bytes, wanted: tuple[int, ...]) -> bool:
    """Tell whether all these bits are set."""
    if len(signature) != BITS // 8:
        raise ValueError("no signature")
    if not all(0 <= place < BITS for place in wanted):
        raise ValueError("no place of a signature")
    return all(signature[place // 8] >> place % 8 & 1 for place in wanted)


def transpose(signatures: Sequence[bytes]) -> bytes:
    """Return BITS rows with a bit for each signature, a multiple of 8 of them: row i holds bit i of each, the first signature's first."""
    if len(signatures) % 8:
        raise ValueError("not a multiple of 8 signatures")
    if any(len(signature) != BITS // 8 for signature in signatures):
        raise ValueError("no signature")
    rows = bytearray(BITS * len(signatures) // 8)
    width = len(signatures) // 8
    for column, signature in enumerate(signatures):
        for place in range(BITS):
            if signature[place // 8] >> place % 8 & 1:
                rows[place * width + column // 8] |= 1 << column % 8
    return bytes(rows)
