"""Secrets left out: what a pattern of `redact:` matches is replaced before a line is stored or sent."""

import re
from collections.abc import Sequence

from fairlead.core.errors import UsageError

REPLACEMENT = "[REDACTED]"


class Redactor:
    """Replaces what its patterns match; false where it has none."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = []
        for index, pattern in enumerate(patterns):
            try:
                self._patterns.append(re.compile(pattern))
            except re.error as error:
                raise UsageError(f"redact[{index}]: not a regular expression: {error}") from None

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def redact(self, text: str) -> str:
        """Return the text without what the patterns match."""
        for pattern in self._patterns:
            text = pattern.sub(REPLACEMENT, text)
        return text
