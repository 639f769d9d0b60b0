"""A network namespace of a test's own: a loopback interface and nothing else, so that port 53 is free and no name is known.

Threads have their network namespaces each (setns(2)): one stays in the new one, and makes there what is asked of it. A socket keeps the
namespace that it was made in, and a thread that of the thread that started it.
"""

import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

CLONE_NEWNET = 0x40000000
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_INTERFACE = struct.Struct("16sh14x")
"""struct ifreq, of which the flags are asked."""
_T = TypeVar("_T")
_libc = ctypes.CDLL(None, use_errno=True)


class Network:
    """The namespace; close it when nothing runs in it any more."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._handle = self.inside(_leave)

    def inside(self, make: Callable[[], _T]) -> _T:
        """Call in the namespace, so that the sockets which it makes lie there; return what it returns."""
        return self._thread.submit(make).result(10)

    def enter(self) -> list[str]:
        """Return the words before a command that make it run in the namespace."""
        return ["nsenter", f"--net=/proc/{os.getpid()}/fd/{self._handle}"]

    def close(self) -> None:
        """Let it go."""
        self._thread.shutdown()
        os.close(self._handle)


def _leave() -> int:
    """Move the calling thread to a new namespace, with the loopback up; return a descriptor of it."""
    if _libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWNET)")
    with socket.socket() as any_socket:
        name, flags = _INTERFACE.unpack(fcntl.ioctl(any_socket, _SIOCGIFFLAGS, _INTERFACE.pack(b"lo", 0)))
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, _INTERFACE.pack(name, flags | _IFF_UP))
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
