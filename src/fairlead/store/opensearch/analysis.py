"""How OpenSearch cuts messages into words: as the embedded store does, so that the same query finds the same lines in both.

A word is a run of letters, digits, marks and private-use characters; case does not count, and neither do the diacritics of Latin
letters (FTS5's unicode61). `char_group` is much cheaper than a tokenizer with a regular expression and knows most of what ends a word;
control and format characters are named to it. OpenSearch's `asciifolding` would fold more (`ß` is `ss` to it), so the letters to fold
are named, too.
"""

import unicodedata
from typing import Any

ANALYZER = "fairlead_words"
_BASIC_PLANE = range(0x80, 0x10000)
_SIMPLE_FOLDS = {"ſ": "s", "ẛ": "s", "ς": "σ", "µ": "μ"}
"""Letters that `lowercase` leaves as they are though they differ from another in case only."""


def analysis() -> dict[str, Any]:
    """Return the `analysis` settings of an index."""
    return {
        "char_filter": {"fairlead_fold": {"type": "mapping", "mappings": [f"{old}=>{new}" for old, new in foldings().items()]}},
        "tokenizer": {
            "fairlead_cut": {"type": "char_group", "tokenize_on_chars": ["whitespace", "punctuation", "symbol", *invisible_characters()]}
        },
        "analyzer": {ANALYZER: {"type": "custom", "char_filter": ["fairlead_fold"], "tokenizer": "fairlead_cut", "filter": ["lowercase"]}},
    }


def foldings() -> dict[str, str]:
    """Return each letter that is kept as another one: an ASCII letter with one mark as that letter; marks that stand alone vanish."""
    found = {chr(code): "" for code in range(0x300, 0x370)} | _SIMPLE_FOLDS
    for code in _BASIC_PLANE:
        parts = unicodedata.normalize("NFD", chr(code))
        if len(parts) == 2 and parts[0].isascii() and parts[0].isalpha() and unicodedata.category(parts[1]) == "Mn":
            found[chr(code)] = parts[0].lower()
    return found


def invisible_characters() -> list[str]:
    """Return the control and format characters (Cc, Cf)."""
    return [chr(code) for code in range(0x10000) if unicodedata.category(chr(code)) in ("Cc", "Cf")]
