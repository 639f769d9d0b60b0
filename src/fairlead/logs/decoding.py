"""The encodings that a log may be in: where its newlines stand, where its characters end, and what text its bytes are.

An encoding is offered where a newline can be told from the bytes alone. In those that keep ASCII (all but UTF-16) the byte 0x0A is
part of no other character, so lines are cut at it; in UTF-16 they are cut at the code unit 000A that stands at an even offset.
"""

import codecs
import re
from array import array
from collections.abc import Sequence
from typing import Protocol

from fairlead._native import linescan

BOM = "\ufeff"
DEFAULT = "utf-8"
_CODECS = {
    DEFAULT: "utf-8", "utf-16": "utf-16", "utf-16le": "utf-16-le", "utf-16be": "utf-16-be", "gb18030": "gb18030", "gbk": "gbk",
    "big5": "big5", "shift_jis": "shift_jis", "euc-jp": "euc_jp", "euc-kr": "euc_kr", "koi8-r": "koi8-r", "koi8-u": "koi8-u",
    **{f"iso-8859-{part}": f"iso8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16)},
    **{f"windows-{page}": f"cp{page}" for page in range(1250, 1259)},
}  # fmt: skip
"""Python's own names: `codecs.lookup(name).name`. To look all of them up here would import a module for each."""
ENCODINGS = tuple(_CODECS)
"""The names to be told; other names of the same encodings (`latin1`, `cp1252`, `UTF8`) are taken, too."""
_OFFSETS = 4096
_LONGEST_CHARACTER_BYTES = 4


class Charset(Protocol):
    """One encoding, as the cutter and the builder of lines need it."""

    unit_bytes: int
    """Bytes of a code unit: a newline is one unit, and stands at a multiple of its size."""

    @property
    def carriage_return(self) -> bytes:
        """Return the code unit that may stand before a newline and is no part of the line."""
        ...

    def find_newlines(self, data: bytes, base: int) -> Sequence[int]:
        """Return where newlines begin in the data, whose first byte stands at the source's byte `base`."""
        ...

    def whole(self, data: bytes, limit: int) -> int:
        """Return how many bytes at the beginning of the data, at most `limit`, are whole characters."""
        ...

    def decode(self, data: bytes) -> tuple[str, bool]:
        r"""Return the text, and whether all of it was valid; what is not stands as `\xNN`."""
        ...


def canonical(name: str) -> str | None:
    """Return an encoding's name as ENCODINGS has it; None for one that is not offered."""
    try:
        codec = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    return DEFAULT if codec == "utf-8-sig" else next((known for known, its in _CODECS.items() if its == codec), None)


def charset(name: str) -> Charset:
    """Return the charset of one of ENCODINGS, for one source: that of `utf-16` learns the byte order from what it is given."""
    if name == DEFAULT:
        return UTF8
    if name in _ORDERS:
        return Utf16(_ORDERS[name])
    return AsciiSuperset(_CODECS[name])


class AsciiSuperset:
    """An encoding in which the bytes of ASCII stand for nothing else, but as trail bytes (0x30 and above) of a longer character."""

    unit_bytes = 1
    carriage_return = b"\r"

    def __init__(self, codec: str) -> None:
        self._codec = codec

    def find_newlines(self, data: bytes, base: int) -> Sequence[int]:
        """Return where newlines begin in the data."""
        found = array("q", bytes(8 * min(_OFFSETS, len(data))))
        count = linescan.scan(data, found)
        if count < _OFFSETS:
            return found[:count]
        newlines = found[:]
        while count == _OFFSETS:
            count = linescan.scan(data, found, newlines[-1] + 1)
            newlines += found[:count]
        return newlines

    def whole(self, data: bytes, limit: int) -> int:
        """Return how many bytes at the beginning, at most `limit`, are whole characters: those are only known from the first on."""
        return _whole(self._codec, data[:limit])

    def decode(self, data: bytes) -> tuple[str, bool]:
        """Return the text, and whether all of it was valid."""
        return _decode(self._codec, data)


class _Utf8(AsciiSuperset):
    def whole(self, data: bytes, limit: int) -> int:
        end = min(limit, len(data))
        while end > limit - _LONGEST_CHARACTER_BYTES and end > 0 and data[end : end + 1] and data[end] & 0xC0 == 0x80:
            end -= 1
        return end


class Utf16:
    """UTF-16 in an order of bytes, `le` or `be`; in none (`""`) the BOM tells it, and the first newline where there is no BOM."""

    unit_bytes = 2

    def __init__(self, order: str) -> None:
        self._order = order

    @property
    def carriage_return(self) -> bytes:
        """Return the code unit 000D."""
        return b"\0\r" if self._order == "be" else b"\r\0"

    def find_newlines(self, data: bytes, base: int) -> Sequence[int]:
        """Return where newlines begin in the data: at even offsets of the source only."""
        if not self._order:
            self._order = _order_told(data, base)
        pattern = {"le": _NEWLINE_LE, "be": _NEWLINE_BE}.get(self._order)
        return [found.start() for found in pattern.finditer(data) if (base + found.start()) % 2 == 0] if pattern else []

    def whole(self, data: bytes, limit: int) -> int:
        """Return how many bytes at the beginning, at most `limit`, are whole characters; a pair of surrogates is one."""
        return _whole(self._codec(data), data[:limit])

    def decode(self, data: bytes) -> tuple[str, bool]:
        """Return the text, and whether all of it was valid."""
        return _decode(self._codec(data), data)

    def _codec(self, data: bytes) -> str:
        return f"utf-16-{self._order or _order_guessed(data)}"


def _order_told(data: bytes, base: int) -> str:
    """Return the order that a BOM at the source's beginning tells, or the first newline; the swapped newline, U+0A00, is no character."""
    if base == 0 and data[:2] in _BOMS:
        return _BOMS[data[:2]]
    for found in _NEWLINE_ANY.finditer(data):
        if (base + found.start()) % 2 == 0:
            return "le" if found[1] == b"\n\0" else "be"
    return ""


def _order_guessed(data: bytes) -> str:
    """Return the order of a text without a BOM or a newline by where its zeros stand: they are the high bytes of ASCII."""
    return "be" if data[::2].count(0) > data[1::2].count(0) else "le"


def _decode(codec: str, data: bytes) -> tuple[str, bool]:
    try:
        return data.decode(codec), True
    except UnicodeDecodeError:
        return data.decode(codec, "backslashreplace"), False


def _whole(codec: str, data: bytes) -> int:
    decoder = codecs.getincrementaldecoder(codec)("replace")
    decoder.decode(data)
    return len(data) - len(decoder.getstate()[0])


UTF8 = _Utf8(DEFAULT)
_ORDERS = {"utf-16": "", "utf-16le": "le", "utf-16be": "be"}
_BOMS = {codecs.BOM_UTF16_LE: "le", codecs.BOM_UTF16_BE: "be"}
_NEWLINE_LE, _NEWLINE_BE, _NEWLINE_ANY = re.compile(rb"\n\0"), re.compile(rb"\0\n"), re.compile(rb"(?=(\n\0|\0\n))")
