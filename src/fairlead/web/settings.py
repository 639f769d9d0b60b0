"""`listen:` and what guards it."""

import ipaddress

import msgspec


class WebSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the page and the interface are served, and to whom."""

    listen: str = "127.0.0.1:9320"
    allowed_hosts: list[str] = []
    token_file: str = ""
    tls_cert: str = ""
    tls_key: str = ""

    def __post_init__(self) -> None:
        if self.listen:
            self._check_listen()
        if bool(self.tls_cert) != bool(self.tls_key):
            raise ValueError("has one of tls_cert and tls_key; allowed are both or none")

    def _check_listen(self) -> None:
        host, _ = split_listen(self.listen)
        if not is_loopback(host) and not self.token_file:
            raise ValueError(f"listening on {host} lets others in; allowed without token_file are loopback addresses")


def split_listen(text: str) -> tuple[str, int]:
    """Split `HOST:PORT` or `[V6]:PORT`; raise ValueError with what is allowed."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{text!r} is not an address to listen on; allowed is HOST:PORT, such as 127.0.0.1:9320")
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
