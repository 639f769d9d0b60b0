"""systemd's notification protocol, sd_notify(3): one datagram of KEY=VALUE lines to the socket in NOTIFY_SOCKET."""

import os
import socket
import sys
import time


def notify(*assignments: str) -> bool:
    """Send assignments such as `READY=1`; False where nobody asked for them."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    if sys.platform == "win32":
        return False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as peer:
            peer.sendto("\n".join(assignments).encode(), address)
    except OSError:
        return False
    return True


def reloading() -> bool:
    """Say that a reload begins; systemd wants its monotonic time beside it (since v253)."""
    return notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")


def watchdog_period_s() -> float | None:
    """Return how often to send WATCHDOG=1 (half of what systemd allows), or None where it does not watch this process."""
    try:
        allowed_us = int(os.environ.get("WATCHDOG_USEC", "0"))
        pid = int(os.environ.get("WATCHDOG_PID", str(os.getpid())))
    except ValueError:
        return None
    return allowed_us / 2e6 if allowed_us > 0 and pid == os.getpid() else None
