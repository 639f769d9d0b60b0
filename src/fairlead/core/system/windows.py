"""Windows. Each name promises what it does in `posix`; where it can promise less, its text says what."""

import getpass
import msvcrt
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import asyncio

assert sys.platform == "win32"

O_BINARY: Final = os.O_BINARY
"""For os.open: bytes as they are, without a carriage return before each newline."""
ENDING_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGBREAK)
RELOADING_SIGNALS: Final[tuple[signal.Signals, ...]] = ()
OF_ITS_OWN: Final[Mapping[str, Any]] = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}

_LOCKED_BYTE = (1 << 31) - 1
"""Its lock is mandatory: what is locked nobody else reads. So it is a byte far behind the end of what is locked."""
_turn = threading.Lock()
"""There is one place for reading and writing: who moves it keeps others from it."""


def read_at(descriptor: int, length: int, offset: int) -> bytes:
    """As pread(2), among the threads that use `read_at`, `write_at` and `append`; the descriptor's own place stays."""
    with _turn:
        before = os.lseek(descriptor, 0, os.SEEK_CUR)
        os.lseek(descriptor, offset, os.SEEK_SET)
        try:
            return os.read(descriptor, length)
        finally:
            os.lseek(descriptor, before, os.SEEK_SET)


def write_at(descriptor: int, buffers: Sequence[bytes | memoryview], offset: int) -> int:
    """As pwritev(2), among the same threads."""
    with _turn:
        before = os.lseek(descriptor, 0, os.SEEK_CUR)
        os.lseek(descriptor, offset, os.SEEK_SET)
        try:
            return os.write(descriptor, b"".join(buffers))
        finally:
            os.lseek(descriptor, before, os.SEEK_SET)


def append(descriptor: int, data: bytes | memoryview) -> int:
    """Write to a descriptor that was opened with O_APPEND."""
    with _turn:
        return os.write(descriptor, data)


def sync_data(descriptor: int) -> None:
    """Make a file's bytes and length durable; raises OSError."""
    os.fsync(descriptor)


def sync_folder(_: Path) -> None:
    """Do nothing: a folder cannot be opened there, and NTFS keeps a journal of its names."""


def lock(descriptor: int) -> None:
    """Have an open file for this process alone, until the descriptor is closed; OSError where another has it."""
    with _turn:
        before = os.lseek(descriptor, 0, os.SEEK_CUR)
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(descriptor, before, os.SEEK_SET)


def user_id() -> int:
    """Return 0, which `os.stat` tells as the owner of every file."""
    return 0


def user_told() -> str:
    """Return who we are, for a message."""
    return f"the user {getpass.getuser()}"


def is_root() -> bool:
    """Return False: there is no /var/lib."""
    return False


def usable_cpus() -> int:
    """Return how many CPUs there are."""
    return os.cpu_count() or 1


def clock_ticks() -> int:
    """Return Linux's usual number: there is no /proc/stat to count in it."""
    return 100


def libc_version() -> str | None:
    """Return None: the C library belongs to the system."""
    return None


def descriptor_limit() -> int | None:
    """Return None: the system's handles have no limit worth asking for."""
    return None


def raise_descriptor_limit() -> None:
    """Do nothing: see `descriptor_limit`."""


def new_event_loop() -> "asyncio.AbstractEventLoop":
    """Return asyncio's own, which waits for processes and sockets by completion ports; uvloop is not for Windows."""
    import asyncio

    return asyncio.new_event_loop()


def on_signal(loop: "asyncio.AbstractEventLoop", number: signal.Signals, call: Callable[..., object], *arguments: object) -> None:
    """Have the loop call what a signal means; the loop itself watches none there."""
    signal.signal(number, lambda *_: loop.call_soon_threadsafe(call, *arguments))


def off_signal(_: "asyncio.AbstractEventLoop", number: signal.Signals) -> None:
    """Let a signal do what it does by default."""
    signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def end_group(pid: int) -> None:
    """Tell a process that was started with OF_ITS_OWN, and all that it started, to end; a console program need not listen."""
    _taskkill(pid)


def kill_group(pid: int) -> None:
    """End them at once; of a leader that is gone, nothing is found any more."""
    _taskkill(pid, "/F")


def _taskkill(pid: int, *options: str) -> None:
    subprocess.run(["taskkill", *options, "/T", "/PID", str(pid)], capture_output=True, check=False)


def ends_within(_: float, __: Callable[[], object]) -> bool:
    """Return True without the call: nothing interrupts a thread there, so what a call would take is not found out."""
    return True
