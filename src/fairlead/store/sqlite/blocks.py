"""The full-text index as it is written: which words may occur in which block of lines.

A line has some thirty words, and most of them stand in the lines beside it, too. So lines are indexed by blocks, in the order in which they
were stored. A block's words are bits of a signature (a Bloom filter); it takes lines until that many bits are set that a word which is not
there is taken for one that is in 0.06 % of the blocks. Signatures of GROUP_BLOCKS blocks are turned into rows, one for each bit with a bit
for each block, so that a search reads a few rows a word and not the signatures of all blocks (bit slicing: Faloutsos and Christodoulakis,
Signature files, 1984; Goodwin et al., BitFunnel, SIGIR 2017). The newest wait in `signature` until they are that many.

An entry of FTS5 for each block costs six times as much to write and a third more on disk, and as much again to take out.
"""

import sqlite3
from array import array
from itertools import pairwise

from fairlead._native.signature import BITS, Signature, transpose
from fairlead.store.sqlite.folding import FOLDING

BLOCK_LINES = 256
"""A block's ids span no more than so many."""
GROUP_BLOCKS = 1024
ROWS_A_SLICE = 31
"""With GROUP_BLOCKS / 8 bytes a row, two slices fit in a page, and four signatures."""
SLICES = BITS // ROWS_A_SLICE
_FULL_BITS = 4608
TABLES = """
CREATE TABLE block (first INTEGER PRIMARY KEY, last INTEGER NOT NULL);
CREATE TABLE signature (first INTEGER PRIMARY KEY, bits BLOB NOT NULL);
CREATE TABLE block_group (id INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL, firsts BLOB NOT NULL);
CREATE TABLE slice (id INTEGER PRIMARY KEY, rows BLOB NOT NULL);
"""
"""A block is known by the id of its first line. `firsts` are those of a group's blocks (64 bit, little-endian), in the order of the bits of
its rows; its slices have the ids from SLICES times its own on."""


class BlockWriter:
    """Indexes lines inside the caller's transaction. The last block stays open: the lines of the next transaction go into it, too."""

    def __init__(self) -> None:
        self._words = Signature(_FULL_BITS, FOLDING.__getitem__)
        self._first = self._next = self._waiting = 0

    def forget(self) -> None:
        """Begin anew, after a transaction that was rolled back."""
        self._first = self._next = 0

    def write(self, connection: sqlite3.Connection, first_id: int, messages: list[str]) -> None:
        """Index lines that were just stored, with ids from `first_id` on; no line has a greater one than these."""
        if not messages:
            return
        if first_id != self._next:
            self._begin(connection, first_id)
        blocks: list[tuple[int, int]] = []
        signatures: list[tuple[int, bytes]] = []
        at = 0
        while at < len(messages):
            if self._words.full or self._next - self._first >= BLOCK_LINES:
                self._words.clear()
                self._first = self._next
            self._waiting += self._first == self._next
            taken = self._words.add(messages, at, BLOCK_LINES - (self._next - self._first))
            at += taken
            self._next += taken
            blocks.append((self._first, self._next - 1))
            signatures.append((self._first, self._words.bits()))
        connection.executemany("INSERT OR REPLACE INTO block (first, last) VALUES (?, ?)", blocks)
        connection.executemany("INSERT OR REPLACE INTO signature (first, bits) VALUES (?, ?)", signatures)
        if self._waiting > GROUP_BLOCKS:
            # Blocks went with their lines meanwhile, unknown to this counter.
            self._waiting = _count_waiting(connection)
        while self._waiting > GROUP_BLOCKS:
            self._waiting -= _group(connection)

    def _begin(self, connection: sqlite3.Connection, first_id: int) -> None:
        """Begin a block that does not go on with the last one. Ids come again where the greatest went with retention."""
        for table in ("block", "signature"):
            connection.execute(f"DELETE FROM {table} WHERE first >= ?", (first_id,))  # noqa: S608 - a constant
        connection.execute(
            "UPDATE block SET last = ?1 - 1 WHERE first = (SELECT max(first) FROM block WHERE first < ?1) AND last >= ?1", (first_id,)
        )
        self._words.clear()
        self._first = self._next = first_id
        self._waiting = _count_waiting(connection)


def _count_waiting(connection: sqlite3.Connection) -> int:
    """Return how many signatures are in no group yet."""
    return int(connection.execute("SELECT count(*) FROM signature").fetchone()[0])


def _group(connection: sqlite3.Connection) -> int:
    """Turn the oldest signatures that wait into the rows of a group; return how many they were."""
    waiting = "SELECT first, last, bits FROM signature JOIN block USING (first) ORDER BY first LIMIT ?"
    found = connection.execute(waiting, (GROUP_BLOCKS,)).fetchall()
    firsts = array("q", [first for first, _, _ in found])
    rows = transpose([bits for _, _, bits in found])
    (group,) = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM block_group").fetchone()
    ends = range(0, len(rows) + 1, len(rows) // SLICES)
    slices = [(group * SLICES + number, rows[begin:end]) for number, (begin, end) in enumerate(pairwise(ends))]
    connection.execute(
        "INSERT INTO block_group (id, first, last, firsts) VALUES (?, ?, ?, ?)", (group, firsts[0], found[-1][1], firsts.tobytes())
    )
    connection.executemany("INSERT INTO slice (id, rows) VALUES (?, ?)", slices)
    connection.execute("DELETE FROM signature WHERE first <= ?", (firsts[-1],))
    return len(found)
