"""The Python distributions that go into the file: what build/lock/run.txt pins, and which part builds which."""

import re
from collections.abc import Sequence
from pathlib import Path

from onefile.parts import Part

LOCK = Path(__file__).parents[1] / "lock" / "run.txt"
NOT_INSIDE = ("cython", "setuptools", "markdown-it-py", "mdurl", "pygments")
"""What only builds, and what rich needs for source code and documents, which no command shows."""


def locked() -> dict[str, str]:
    """Return the requirements that run on 3.13 and go into the file: name -> its lines in the lock."""
    blocks = re.findall(r"^(([A-Za-z][\w.-]*)==.*(?:\n    .*)*\n)", LOCK.read_text(), re.MULTILINE)
    return {name: body for body, name in blocks if name not in NOT_INSIDE and "python_full_version < '3.13'" not in body}


def wanted(part: Part, parts: Sequence[Part]) -> dict[str, str]:
    """Return a part's requirements: the one that its source names, or for `pypi:*` all that no other part builds."""
    others = {other.source.removeprefix("pypi:").lower() for other in parts}
    name_wanted = part.source.removeprefix("pypi:").lower()
    if name_wanted == "*":
        return {name: lines for name, lines in locked().items() if name.lower() not in others}
    return {name: lines for name, lines in locked().items() if name.lower() == name_wanted}
