"""Characters beyond ASCII as FTS5's unicode61 sees them: without accents, in lower case, or as no part of a word at all."""

import contextlib
import sqlite3
import threading


class Folding(dict[int, str]):
    """For str.translate: a character beyond ASCII as FTS5 sees it in a word, a space where it ends one; asked of FTS5 when first met."""

    def __init__(self) -> None:
        super().__init__()
        self._guard = threading.Lock()

    def __missing__(self, code: int) -> str:
        if code < 128:
            return chr(code)
        with self._guard, contextlib.closing(sqlite3.connect(":memory:")) as asked:
            asked.execute("CREATE VIRTUAL TABLE text USING fts5 (word, tokenize = 'unicode61')")
            asked.execute("CREATE VIRTUAL TABLE term USING fts5vocab (text, 'instance')")
            asked.execute("INSERT INTO text (rowid, word) VALUES (1, ?)", (f"x{chr(code)}x",))
            terms = [row[0] for row in asked.execute("SELECT term FROM term ORDER BY offset")]
        self[code] = folded = terms[0][1:-1] if len(terms) == 1 else " "
        return folded

    def fold(self, text: str) -> str:
        """Return a text whose words beyond ASCII are as FTS5 keeps them."""
        return text if text.isascii() else text.translate(self)


FOLDING = Folding()
