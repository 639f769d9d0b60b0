"""Specification of the tables of /proc and oracle of the compiled kernel: native/procparse.pyx. Not used to sample."""

import math
import os
import re
from array import array

_NUMBER = re.compile(rb"(-?)(\d+)(\.\d*)?")
_BLANKS = b" \t"


class Table:
    """Lines of a key and numbers, such as /proc/stat or /proc/net/dev; formats: proc(5).

    `columns` numbers are kept a line; further words are passed over, and missing ones are NaN, as are words that are not
    decimal numbers. Of `NAME=NUMBER` the number counts. The key is the word `key_word` of a line (-1: there is none), or
    with `colon_key` all before its last colon; words before the key are passed over. Empty lines do not count.
    `single_read`: the kernel shows the file as one record, so a read that does not fill the buffer has reached its end.
    """

    def __init__(self, columns: int, key_word: int = 0, skip_lines: int = 0, colon_key: bool = False, single_read: bool = False) -> None:
        if columns < 1:
            raise ValueError("a table has at least one column")
        self._columns, self._key_word, self._skip_lines, self._colon_key = columns, key_word, skip_lines, colon_key
        self._single_read = single_read
        self._data = b""
        self._cells: list[float] = []
        self._keys: list[bytes] = []
        self._held: tuple[list[bytes], list[float]] | None = None

    @property
    def rows(self) -> int:
        """How many lines the last read had."""
        return len(self._keys)

    def read(self, descriptor: int) -> int:
        """Read a file from its beginning to its end and parse it; return the fingerprint of its keys. Raises OSError."""
        data = bytearray()
        while block := os.pread(descriptor, 16384, len(data)):
            data += block
            if self._single_read and len(block) < 16384:
                break
        return self.parse(bytes(data))

    def parse(self, data: bytes) -> int:
        """Parse bytes as if they had been read; return the fingerprint: it differs when keys or their order differ."""
        self._data = data
        self._cells, self._keys = [], []
        for line in data.split(b"\n")[self._skip_lines :]:
            if text := line.lstrip(_BLANKS):
                key, words = self._split(text)
                numbers = [_number(word) for word in words[: self._columns]]
                self._keys.append(key)
                self._cells += numbers + [math.nan] * (self._columns - len(numbers))
        return hash(tuple(self._keys))

    def data(self) -> bytes:
        """Return what was read last."""
        return self._data

    def gather(self, index: "array[int]", scale: "array[float]") -> "array[float]":
        """Return cell `index[i]` (row * columns + column) times `scale[i]` for each i; NaN where there is no such cell."""
        if index.typecode != "i" or scale.typecode != "d" or len(scale) != len(index):
            raise ValueError("index is an array of 'i' and scale one of 'd', of the same length")
        cells = self._cells
        return array("d", [cells[i] * s if 0 <= i < len(cells) else math.nan for i, s in zip(index, scale, strict=True)])

    def hold(self, watch: int, jump: float) -> int:
        """Keep the higher of each cell and what it was at the last call; return how many had stepped back.

        A row whose `watch` column fell by more than `jump` began anew, and is taken as it is.
        """
        if not 0 <= watch < self._columns:
            raise ValueError("watch is not a column")
        held = 0
        if self._held is not None and self._held[0] == self._keys:
            before = self._held[1]
            for base in range(0, len(self._cells), self._columns):
                if before[base + watch] - self._cells[base + watch] > jump:
                    continue
                for cell in range(base, base + self._columns):
                    if before[cell] > self._cells[cell]:
                        self._cells[cell] = before[cell]
                        held += 1
        self._held = (list(self._keys), list(self._cells))
        return held

    def _split(self, text: bytes) -> tuple[bytes, list[bytes]]:
        if self._colon_key:
            key, colon, rest = text.rpartition(b":")
            return (key, _words(rest)) if colon else (b"", _words(text))
        if self._key_word < 0:
            return b"", _words(text)
        words = _words(text)
        return words[self._key_word] if len(words) > self._key_word else b"", words[self._key_word + 1 :]


def _words(text: bytes) -> list[bytes]:
    return [word for word in re.split(rb"[ \t]+", text) if word]


def _number(word: bytes) -> float:
    if not word[:1].isdigit():
        word = word.rpartition(b"=")[2]
    match = _NUMBER.fullmatch(word)
    return float(match[0]) if match else math.nan
