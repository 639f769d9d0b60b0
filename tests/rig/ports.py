"""Free ports for servers that are killed and started again on the same ports.

They lie outside the range from which the kernel takes ports for outgoing connections: there a client that tries again and again
could be given the server's own port as its local one while the server is down, and even be connected to itself.
"""

import random
import socket
from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_given: set[int] = set()


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 at which nobody listens; none is returned twice by this process."""
    first, last = map(int, _RANGE.read_text().split())
    candidates = [port for port in range(10_000, 65_536) if not first <= port <= last and port not in _given]
    random.shuffle(candidates)
    found: list[int] = []
    while len(found) < count:
        port = candidates.pop()
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
    _given.update(found)
    return found
