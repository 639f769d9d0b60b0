"""Other programs that ship logs, had and kept outside the checkout; one that cannot be had is told, never passed over."""

from bench.peers import rsyslog, syslog_ng, telegraf
from bench.peers.peer import Job, Peer, PeerMissing

__all__ = ["Job", "Peer", "PeerMissing", "find_peers"]


def find_peers() -> tuple[list[Peer], list[str]]:
    """Return the peers that are to be had here, and a line for each that is not."""
    found: list[Peer] = []
    missing: list[str] = []
    for module in (rsyslog, syslog_ng, telegraf):
        try:
            found.append(module.find())
        except PeerMissing as reason:
            missing.append(f"{module.__name__.rpartition('.')[2]} could not be had: {reason}")
    return found, missing
