"""`logs:`, `journal:`, `redact:` and `sink:`: what is read, and where it goes."""

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from fairlead.core.units import Duration, Size
from fairlead.logs.decoding import DEFAULT, ENCODINGS, canonical
from fairlead.net.kafka.connection import KafkaConnection

INGEST_PATH = "/api/v1/ingest"
"""Where a collector takes in what agents post."""
DEFAULT_PATHS = ("/var/log/**/*.log", "/var/log/syslog", "/var/log/messages")
MAX_LINE_BYTES = 1 << 20
MIN_LINE_BYTES = 16
"""Several characters of any encoding: the pieces of a long line are whole characters."""
RESERVED_FIELDS = (
    "@timestamp", "event.created", "event.ingested", "error.message", "message", "log.file.path", "log.offset", "log.level", "host.name",
    "agent.id", "fairlead",
)  # fmt: skip
"""What a record's members say of the line itself; `fairlead` stands for all that begin with it."""


class Multiline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which lines make one record: those that `start` is not found in belong to the record before.

    A record ends at the latest after `max_lines` lines or `max_bytes` bytes, and when no line has come for `timeout`.
    """

    start: str
    max_lines: Annotated[int, msgspec.Meta(ge=1)] = 500
    max_bytes: Size | None = None
    """None: as `max_line_bytes`."""
    timeout: Duration = Duration(5)

    def __post_init__(self) -> None:
        try:
            re.compile(self.start)
        except re.error as error:
            raise ValueError(f"start is not a regular expression: {error}; allowed is one of Python's re") from None
        if self.timeout <= 0:
            raise ValueError("timeout is 0; allowed is more, such as 5s")


class LogInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of `logs:`. Paths are globs, `**` included.

    A pattern of `exclude` is matched against the whole path, where `*` matches slashes, too; one without a slash also against the
    file's name. A line longer than `max_line_bytes` is cut there and flagged `truncated`, or split into records of at most that size.
    `fields` are members of each record; none may be, hold or stand in one that fairlead sets itself.
    """

    paths: Annotated[list[str], msgspec.Meta(min_length=1)]
    exclude: list[str] = []
    multiline: Multiline | None = None
    encoding: str = DEFAULT
    read_from: Literal["beginning", "end"] = "beginning"
    max_line_bytes: Size = Size(MAX_LINE_BYTES)
    long_lines: Literal["truncate", "split"] = "truncate"
    fields: dict[str, str] = {}

    def __post_init__(self) -> None:
        encoding = canonical(self.encoding)
        if encoding is None:
            raise ValueError(f"encoding {self.encoding!r} is not known; allowed are {', '.join(ENCODINGS)}")
        msgspec.structs.force_setattr(self, "encoding", encoding)
        if self.max_line_bytes < MIN_LINE_BYTES:
            raise ValueError(f"max_line_bytes is {self.max_line_bytes}; allowed are {MIN_LINE_BYTES} and more")
        for key in self.fields:
            if any(f"{name}.".startswith(f"{key}.") or key.startswith(f"{name}.") for name in RESERVED_FIELDS):
                raise ValueError(f"fields: {key!r} is set by fairlead; allowed is another name, such as service.name")


class StdoutSinkSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One NDJSON record a line on standard output."""

    format: Literal["json", "raw"] = "json"


class FileSinkSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """NDJSON appended to a file, reopened on SIGHUP."""

    path: str
    format: Literal["json", "raw"] = "json"


class HttpSinkSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /api/v1/ingest` at a collector, as contracts.md describes it. A `url` without a path gets that one."""

    url: str
    token_file: str = ""
    ca_file: str = ""
    compression: Literal["zstd", "gzip", "none"] = "zstd"

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
        except ValueError:
            return  # what is wrong with it is told by `url_problem`
        if parts.scheme in ("http", "https") and parts.netloc and parts.path in ("", "/"):
            msgspec.structs.force_setattr(self, "url", parts._replace(path=INGEST_PATH).geturl())

    def url_problem(self) -> tuple[str, str]:
        """Return what is wrong with `url`, and what is allowed; both empty where nothing is. A proxy may put something before the path."""
        parts, allowed = urlsplit(""), f"http[s]://HOST:PORT, with or without {INGEST_PATH}"
        try:
            parts = urlsplit(self.url)
            fits = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
        except ValueError:
            fits = False
        if "@" in (parts.netloc if fits else self.url):
            return "a URL with a user or password in it would be shown", "use token_file"
        if not fits:
            return f"{self.url} is no URL of a collector", f"allowed is {allowed}"
        if not parts.path.endswith(INGEST_PATH):
            return f"no collector takes in anything at {parts.path}", f"allowed is {allowed}"
        return "", ""


class KafkaSinkSettings(KafkaConnection, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A record a line to a topic, keyed by source; acknowledged by all replicas in sync."""

    topic: Annotated[str, msgspec.Meta(min_length=1, max_length=249, pattern=r"^[A-Za-z0-9._-]+$")]
    compression: Literal["lz4", "zstd", "none"] = "lz4"
    format: Literal["json", "raw"] = "json"


class SinkSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Exactly one of the sinks."""

    stdout: StdoutSinkSettings | None = None
    file: FileSinkSettings | None = None
    http: HttpSinkSettings | None = None
    kafka: KafkaSinkSettings | None = None

    def __post_init__(self) -> None:
        chosen = [name for name in self.__struct_fields__ if getattr(self, name) is not None]
        if len(chosen) != 1:
            raise ValueError(f"names {len(chosen)} sinks; allowed is exactly one of {', '.join(self.__struct_fields__)}")
