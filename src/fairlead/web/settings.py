"""`listen:` and what guards it."""

import msgspec

from fairlead.net.listen import is_loopback, split_listen


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
        try:
            host, _ = split_listen(self.listen)
        except ValueError as error:
            raise ValueError(f"listen: {error}") from None
        if not is_loopback(host) and not self.token_file:
            raise ValueError(f"listen: {host} lets others in; allowed without token_file are loopback addresses")
