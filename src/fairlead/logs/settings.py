"""`logs:`, `journal:`, `redact:` and `sink:`: what is read, and where it goes."""

from typing import Annotated, Literal

import msgspec

from fairlead.core.units import Size

DEFAULT_PATHS = ("/var/log/**/*.log", "/var/log/syslog", "/var/log/messages")
MAX_LINE_BYTES = 1 << 20


class LogInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of `logs:`. Paths are globs, `**` included."""

    paths: Annotated[list[str], msgspec.Meta(min_length=1)]
    exclude: list[str] = []
    read_from: Literal["beginning", "end"] = "beginning"
    max_line_bytes: Size = Size(MAX_LINE_BYTES)
    fields: dict[str, str] = {}


class StdoutSinkSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One NDJSON record a line on standard output."""

    format: Literal["json", "raw"] = "json"


class FileSinkSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """NDJSON appended to a file, reopened on SIGHUP."""

    path: str
    format: Literal["json", "raw"] = "json"


class HttpSinkSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /api/v1/ingest` at a collector, as contracts.md describes it."""

    url: str
    token_file: str = ""
    ca_file: str = ""
    compression: Literal["gzip", "none"] = "gzip"


class SinkSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Exactly one of the sinks."""

    stdout: StdoutSinkSettings | None = None
    file: FileSinkSettings | None = None
    http: HttpSinkSettings | None = None

    def __post_init__(self) -> None:
        chosen = [name for name in self.__struct_fields__ if getattr(self, name) is not None]
        if len(chosen) != 1:
            raise ValueError(f"names {len(chosen)} sinks; allowed is exactly one of {', '.join(self.__struct_fields__)}")
