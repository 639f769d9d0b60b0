"""Where a suspended job stands, as text: each await down to what it waits for."""

import sys
import traceback
from types import FrameType

_DEEPEST = 100


def of_coroutine(coroutine: object) -> str:
    """Return the stack of a suspended coroutine, the outermost first, and at its end what it waits for."""
    frames: list[FrameType] = []
    awaited: object = coroutine
    while len(frames) < _DEEPEST:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None) or getattr(awaited, "ag_frame", None)
        if frame is None:
            break
        frames.append(frame)
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None) or getattr(awaited, "ag_await", None)
    summary = traceback.StackSummary.extract((frame, frame.f_lineno) for frame in frames)
    return "".join(summary.format()) + (f"  awaiting {awaited!r}\n" if awaited is not None else "")


def of_thread(ident: int) -> str:
    """Return the stack of a running thread, the outermost first; empty where it has ended."""
    frame = sys._current_frames().get(ident)
    return "".join(traceback.format_stack(frame)) if frame is not None else ""
