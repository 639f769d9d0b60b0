"""How this program is started once more."""

import os
import sys
from pathlib import Path

from fairlead.core.errors import UsageError


def program_argv() -> list[str]:
    """Return what starts this program from anywhere, by absolute paths; UsageError where its file is gone."""
    if "_archive" not in sys.builtin_module_names:
        return [sys.executable, "-I", "-m", "fairlead"]
    path = os.readlink("/proc/self/exe")
    if not Path(path).is_file():
        raise UsageError("the file of this running program is gone; call it again by the path where it shall stay")
    return [path]
