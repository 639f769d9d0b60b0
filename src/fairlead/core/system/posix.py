"""Linux, and macOS where it differs. Calls go to `os` as they are made, so that a fault test can stand in for one."""

import contextlib
import fcntl
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import asyncio

assert sys.platform != "win32"

O_BINARY: Final = 0
"""For os.open: bytes as they are. That a started process does not inherit the descriptor is Python's own doing (PEP 446)."""
ENDING_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What tells a program at a terminal to end."""
RELOADING_SIGNALS: Final = (signal.SIGHUP,)
"""What tells a program that runs on to read its settings again."""
OF_ITS_OWN: Final[Mapping[str, Any]] = {"start_new_session": True}
"""Arguments of a subprocess that shall be ended with all that it starts: see `end_group`."""


def read_at(descriptor: int, length: int, offset: int) -> bytes:
    """Return at most so many bytes at an offset; the descriptor's own place stays. Raises OSError."""
    return os.pread(descriptor, length, offset)


def write_at(descriptor: int, buffers: Sequence[bytes | memoryview], offset: int) -> int:
    """Write buffers one behind the other at an offset and return how many bytes were taken; raises OSError."""
    return os.pwritev(descriptor, buffers, offset)


def append(descriptor: int, data: bytes | memoryview) -> int:
    """Write to a descriptor that was opened with O_APPEND and return how many bytes were taken; raises OSError."""
    return os.write(descriptor, data)


def sync_data(descriptor: int) -> None:
    """Make a file's bytes and length durable; raises OSError."""
    if sys.platform == "darwin":
        os.fsync(descriptor)
    else:
        os.fdatasync(descriptor)


def sync_folder(folder: Path) -> None:
    """Make what was created, renamed or unlinked in a folder durable; raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lock(descriptor: int) -> None:
    """Have an open file for this process alone, until the descriptor is closed; OSError where another has it."""
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def user_id() -> int:
    """Return whose files we may open, as `st_uid` of `os.stat` tells an owner."""
    return os.geteuid()


def user_told() -> str:
    """Return who we are, for a message."""
    return f"uid {os.geteuid()}"


def is_root() -> bool:
    """Whether this is the user whose state lies in /var/lib."""
    return os.geteuid() == 0


def usable_cpus() -> int:
    """Return how many CPUs this process may use."""
    if sys.platform == "linux":
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    return count


def clock_ticks() -> int:
    """Return how many of the ticks of /proc/stat are a second."""
    return os.sysconf("SC_CLK_TCK")


def libc_version() -> str | None:
    """Return name and version of the C library; None where it does not tell them."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or None
    except (ValueError, OSError):
        return None


def descriptor_limit() -> int | None:
    """Return how many open files this process may have; None without a limit."""
    import resource

    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def raise_descriptor_limit() -> None:
    """Allow as many open files as this user may have. The usual limit of 1024 is for select(2) only."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        # macOS tells no limit and takes none (setrlimit(2) there): the old one stays.
        with contextlib.suppress(ValueError) if sys.platform == "darwin" else contextlib.nullcontext():
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def new_event_loop() -> "asyncio.AbstractEventLoop":
    """Return the event loop that every command runs on."""
    import uvloop

    return uvloop.new_event_loop()


def on_signal(loop: "asyncio.AbstractEventLoop", number: signal.Signals, call: Callable[..., object], *arguments: object) -> None:
    """Have the loop call what a signal means."""
    loop.add_signal_handler(number, call, *arguments)


def off_signal(loop: "asyncio.AbstractEventLoop", number: signal.Signals) -> None:
    """Let a signal do what it does by default."""
    loop.remove_signal_handler(number)


def end_group(pid: int) -> None:
    """Tell a process that was started with OF_ITS_OWN, and all that it started, to end."""
    _signal_group(pid, signal.SIGTERM)


def kill_group(pid: int) -> None:
    """End them at once; the leader may be gone already."""
    _signal_group(pid, signal.SIGKILL)


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


class _TooLong(Exception):
    """No error, but an answer."""


def ends_within(budget_s: float, call: Callable[[], object]) -> bool:
    """Tell whether a call ends within so much CPU time of this process (ITIMER_VIRTUAL); for the main thread only."""
    before = signal.signal(signal.SIGVTALRM, _give_up)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, budget_s)
        try:
            call()
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    except _TooLong:
        return False
    finally:
        signal.signal(signal.SIGVTALRM, before)
    return True


def _give_up(*_: object) -> None:
    raise _TooLong
