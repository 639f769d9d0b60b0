"""Golden files: what the program printed when somebody last looked at it. `build/dev golden` rewrites them."""

import os
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "golden"


def check(name: str, found: str) -> None:
    """Compare with the golden file of this name."""
    file = FOLDER / name
    if os.environ.get("FAIRLEAD_GOLDEN") == "rewrite":
        file.write_text(found)
    assert found == file.read_text(), f"differs from {file}; if that is wanted: build/dev golden"
