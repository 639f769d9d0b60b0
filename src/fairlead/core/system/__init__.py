"""What operating systems do differently, under the same names: the one place where a portable module meets the system below it.

`posix` is Linux and macOS, `windows` is Windows; each file holds the whole list, so mypy (`--platform`) tells what one of them lacks. What
only Linux has at all (inotify, /proc, systemd) is no part of it: the commands that need it are named in `cli.py`.
"""

import sys

if sys.platform == "win32":
    from fairlead.core.system import windows as system
else:
    from fairlead.core.system import posix as system

__all__ = ["system"]
