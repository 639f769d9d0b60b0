"""`fairlead logs QUERY`: from what a person types to a LogQuery. Every text is a query; none is an error.

Words are ANDed; a word with punctuation is the phrase of its parts; `"..."` is a phrase; `-word` excludes; `file:GLOB`,
`host:NAME` and `level:NAME` restrict. Parts are what SQLite's unicode61 takes as tokens: runs of letters and digits.
"""

import re
import unicodedata

from fairlead.core.record import LEVELS
from fairlead.store.interface import LogQuery

_TERM = re.compile(r'(?P<minus>-?)(?:"(?P<phrase>[^"]*)"?|(?P<key>file|host|level):(?P<value>"[^"]*"?|\S+)|(?P<word>[^\s"]+))')
_ALIASES = {"warn": "warning", "err": "error", "crit": "critical", "fatal": "critical", "emerg": "emergency", "panic": "emergency"}


def parse_query(text: str, since_ns: int | None = None, until_ns: int | None = None) -> LogQuery:
    """Return the query that a text means; a term without a letter or digit restricts nothing."""
    phrases, excluded = list[tuple[str, ...]](), list[tuple[str, ...]]()
    given: dict[str, list[str]] = {"file": [], "host": [], "level": []}
    for term in _TERM.finditer(text):
        if term["key"] and not term["minus"]:
            given[term["key"]].append(term["value"].strip('"'))
            continue
        words = tokens(term["phrase"] or term["word"] or f"{term['key'] or ''} {term['value'] or ''}")
        if words:
            (excluded if term["minus"] else phrases).append(words)
    return LogQuery(
        phrases=tuple(phrases),
        excluded=tuple(excluded),
        files=tuple(given["file"]),
        hosts=tuple(given["host"]),
        levels=tuple(level_name(name) for name in given["level"]),
        since_ns=since_ns,
        until_ns=until_ns,
    )


def level_name(text: str) -> str:
    """Return the name that `log.level` bears for what people type: `WARN` is warning; an unknown one matches nothing."""
    name = text.lower()
    return name if name in LEVELS else _ALIASES.get(name, name)


def tokens(text: str) -> tuple[str, ...]:
    """Split a text into runs of letters, digits and private-use characters (Unicode categories L, N, Co)."""
    return tuple("".join(c if _is_token(c) else " " for c in text).split())


def _is_token(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in "LN" or category == "Co" or (category[0] == "M" and character != " ")
