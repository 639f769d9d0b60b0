"""`store.opensearch:`: which cluster holds a collector's lines, and how it is asked."""

import re
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

_INDEX = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}")


class OpenSearchSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One cluster of OpenSearch, or of what speaks as it does; `urls` are its nodes, asked in turn when one does not answer.

    `index` holds the lines; `index-sources` and `index-agents` beside it what agents say. `shards` and `replicas` are those of a new
    index; the cluster's own default where they are not given.
    """

    urls: Annotated[list[str], msgspec.Meta(min_length=1)]
    index: str = "logs"
    username: str = ""
    password_file: str = ""
    ca_file: str = ""
    shards: Annotated[int, msgspec.Meta(ge=1, le=1024)] | None = None
    replicas: Annotated[int, msgspec.Meta(ge=0, le=16)] | None = None

    def __post_init__(self) -> None:
        for url in self.urls:
            _check_url(url)
        if not _INDEX.fullmatch(self.index):
            raise ValueError(f"index: {self.index!r} is no name of an index; allowed are a-z 0-9 . _ -, a letter or digit first")
        if bool(self.username) != bool(self.password_file):
            raise ValueError("has one of username and password_file; allowed are both or none")

    def encrypted(self) -> bool:
        """Tell whether a node is reached over TLS."""
        return any(url.startswith("https:") for url in self.urls)


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    except ValueError:
        fits = False
    if "@" in (parts.netloc if fits else url):
        raise ValueError("urls: a URL with a user or password in it would be shown; use username and password_file")
    if not fits or parts.query or parts.fragment:
        raise ValueError(f"urls: {url!r} is no URL of a node; allowed is http://HOST[:PORT] or https://HOST[:PORT]")
