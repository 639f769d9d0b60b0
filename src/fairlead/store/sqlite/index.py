"""The full-text index as it is searched, thinned out and verified; blocks.py says what it is.

A search finds the blocks that may have all its words, reads their lines, and looks at each whether it has the phrases (native).
"""

import sqlite3
from array import array
from collections.abc import Iterator, Sequence
from functools import lru_cache

import orjson

from fairlead._native.signature import BITS, Signature, has, places, transpose
from fairlead._native.words import PhraseMatcher
from fairlead.store.interface import LogQuery
from fairlead.store.sqlite.blocks import BLOCK_LINES, GROUP_BLOCKS, ROWS_A_SLICE, SLICES
from fairlead.store.sqlite.folding import FOLDING

CANDIDATES = (
    "line.id IN (SELECT one.id FROM json_each(?) AS found JOIN block ON block.first = found.value"
    " JOIN line AS one ON one.id BETWEEN block.first AND block.last)"
)
"""Condition: the lines of the blocks that `candidates` tells."""
FITS = "fits(?, line.message)"
"""Condition: the line has the phrases of a `key`, and none of those that it excludes."""
_ROW_BYTES = GROUP_BLOCKS // 8


def candidates(connection: sqlite3.Connection, query: LogQuery, least: int, greatest: int) -> str:
    """Return, as JSON, the blocks in a range of ids that may have all words of a query's phrases."""
    wanted = tuple({place for words in _folded(query.phrases) for word in words for place in places(word)})
    if not wanted:
        return "[]"
    # What waits first: it may be put into a group meanwhile.
    waiting = connection.execute("SELECT first, bits FROM signature WHERE first BETWEEN ? AND ?", (least - BLOCK_LINES, greatest))
    found = {first for first, bits in waiting if has(bits, wanted)}
    for group, firsts in connection.execute(
        "SELECT id, firsts FROM block_group WHERE last >= ? AND first <= ?", (least, greatest)
    ).fetchall():
        found.update(first for first in _in_group(connection, group, firsts, wanted) if least - BLOCK_LINES <= first <= greatest)
    return orjson.dumps(sorted(found)).decode()


def _in_group(connection: sqlite3.Connection, group: int, firsts: bytes, wanted: Sequence[int]) -> Iterator[int]:
    """Yield the blocks of a group in whose signatures all these places are set."""
    bits = (1 << GROUP_BLOCKS) - 1
    for place in wanted:
        number, row = divmod(place, ROWS_A_SLICE)
        found = connection.execute("SELECT rows FROM slice WHERE id = ?", (group * SLICES + number,)).fetchone()
        bits &= int.from_bytes(found[0][row * _ROW_BYTES : (row + 1) * _ROW_BYTES], "little") if found else 0
        if not bits:
            return
    blocks = array("q", firsts)
    while bits:
        lowest = bits & -bits
        yield blocks[lowest.bit_length() - 1]
        bits ^= lowest


def remove(connection: sqlite3.Connection, ids: Sequence[int]) -> None:
    """Take lines out of the index; call it before they are removed. A block goes with its last line, a group with its last block."""
    gone = set(ids)
    emptied = []
    for first, last in _blocks_of(connection, sorted(gone)):
        if all(line in gone for (line,) in connection.execute("SELECT id FROM line WHERE id BETWEEN ? AND ?", (first, last))):
            emptied.append((first,))
    if not emptied:
        return
    for table in ("block", "signature"):
        connection.executemany(f"DELETE FROM {table} WHERE first = ?", emptied)  # noqa: S608 - a constant
    empty = "SELECT id FROM block_group AS one WHERE NOT EXISTS (SELECT 1 FROM block WHERE first BETWEEN one.first AND one.last)"
    for (group,) in connection.execute(empty).fetchall():
        connection.execute("DELETE FROM slice WHERE id BETWEEN ? AND ?", (group * SLICES, (group + 1) * SLICES - 1))
        connection.execute("DELETE FROM block_group WHERE id = ?", (group,))


def _blocks_of(connection: sqlite3.Connection, ids: Sequence[int]) -> list[tuple[int, int]]:
    """Return the blocks in which lines stand, each once."""
    found: list[tuple[int, int]] = []
    for line in ids:
        if not found or line > found[-1][1]:
            row = connection.execute("SELECT first, last FROM block WHERE first <= ? ORDER BY first DESC LIMIT 1", (line,)).fetchone()
            if row is not None and row[1] >= line:
                found.append(row)
    return found


def key(query: LogQuery) -> str:
    """Return what FITS is asked with for a query."""
    return orjson.dumps([query.phrases, query.excluded]).decode()


def fits(asked: str, message: str) -> bool:
    """Tell whether a message has the phrases of a key: SQL's `fits`."""
    return _matcher(asked)(message)


@lru_cache(32)
def _matcher(asked: str) -> PhraseMatcher:
    phrases, excluded = orjson.loads(asked)
    return PhraseMatcher(_folded(phrases), _folded(excluded), FOLDING.fold)


def _folded(phrases: Sequence[Sequence[str]]) -> list[list[str]]:
    return [words for phrase in phrases if (words := FOLDING.fold(" ".join(phrase)).lower().split())]


def problems(connection: sqlite3.Connection) -> list[str]:
    """Return what is wrong between lines and blocks: each line stands in one, and its words in that one's signature."""
    outside = (
        "SELECT count(*) FROM line WHERE NOT EXISTS"
        " (SELECT 1 FROM block WHERE first = (SELECT max(first) FROM block WHERE first <= line.id) AND last >= line.id)"
    )
    (missing,) = connection.execute(outside).fetchone()
    blocks = dict(connection.execute("SELECT first, last FROM block").fetchall())
    words = Signature(BITS + 1, FOLDING.__getitem__)
    wrong = 0
    for first, bits in connection.execute("SELECT first, bits FROM signature").fetchall():
        wrong += _lacks(bits, _signature(words, connection, first, blocks.pop(first, 0)))
    for group, firsts in connection.execute("SELECT id, firsts FROM block_group").fetchall():
        # A block whose signature waits was made anew, with ids that came again.
        right = transpose([_signature(words, connection, first, blocks.pop(first, 0)) for first in array("q", firsts)])
        slices = connection.execute(
            "SELECT rows FROM slice WHERE id BETWEEN ? AND ? ORDER BY id", (group * SLICES, (group + 1) * SLICES - 1)
        )
        wrong += _lacks(b"".join(rows for (rows,) in slices), right)
    found = [f"full-text index: {missing} lines stand in no block"] if missing else []
    found += [f"full-text index: {len(blocks)} blocks have no signature"] if blocks else []
    return found + ([f"full-text index: {wrong} signatures or groups of them lack words of their lines"] if wrong else [])


def _signature(words: Signature, connection: sqlite3.Connection, first: int, last: int) -> bytes:
    """Make the signature of a block anew."""
    words.clear()
    messages = [message for (message,) in connection.execute("SELECT message FROM line WHERE id BETWEEN ? AND ?", (first, last))]
    words.add(messages, 0, len(messages))
    return words.bits()


def _lacks(stored: bytes, right: bytes) -> bool:
    return len(stored) != len(right) or bool(int.from_bytes(right, "little") & ~int.from_bytes(stored, "little"))
