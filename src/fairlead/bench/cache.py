"""Where the benchmarks keep what takes long to make: input files, the built Go programs."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return $XDG_CACHE_HOME/fairlead (XDG base directories), ~/.cache/fairlead without it; made where it is missing."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fairlead"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
