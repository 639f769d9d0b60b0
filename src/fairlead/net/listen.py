"""Addresses to listen on, as text."""

import ipaddress


def split_listen(text: str) -> tuple[str, int]:
    """Split `HOST:PORT` or `[V6]:PORT`; raise ValueError with what is allowed."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or len(port) > 5 or int(port) > 65535:
        raise ValueError(f"{text[:80]!r} is not an address to listen on; allowed is HOST:PORT, such as 127.0.0.1:9320")
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
