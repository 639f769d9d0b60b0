"""Ends the program at a named durable step: how the fault tests prove that a kill at any of them loses nothing.

`FAIRLEAD_ABORT_AT="spool fsync:3"` ends it just before the third time of that step, as a kill -9 would. Unset, it costs nothing to ask.
"""

import os

_name, _, _count = os.environ.get("FAIRLEAD_ABORT_AT", "").partition(":")
_left = int(_count or 1) if _name else 0


def abort_at(step: str) -> None:
    """Pass, or end the process where this is the step that it was told to end at."""
    global _left  # noqa: PLW0603 - the process is what is counted for
    if step != _name:
        return
    _left -= 1
    if _left == 0:
        os._exit(137)
