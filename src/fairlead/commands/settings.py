"""The configuration files of the commands, composed of what each feature asks for."""

from typing import Literal

import msgspec

from fairlead.core.units import Size
from fairlead.logs.settings import DEFAULT_PATHS, LogInput, SinkSettings
from fairlead.metrics.settings import Intervals, check_intervals
from fairlead.store.settings import StoreSettings
from fairlead.web.settings import WebSettings


class _HostSettings(WebSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    state_dir: str = ""
    logs: list[LogInput] = msgspec.field(default_factory=lambda: [LogInput(paths=list(DEFAULT_PATHS))])
    journal: Literal["auto", "on", "off"] = "auto"
    """`auto` follows the journal where logs live only there."""
    redact: list[str] = []
    """Regular expressions; what one matches is replaced before a line is stored or sent."""
    metrics: Intervals = {}
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_intervals(self.metrics)


class UpSettings(_HostSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`fairlead up --config FILE`; every key has a default."""

    backfill: Size = Size(64 << 20)
    """At most so many of the newest bytes of a file are read that is met at the first start."""
    store: StoreSettings = StoreSettings()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.listen:
            raise ValueError("listen is empty; allowed is HOST:PORT, such as 127.0.0.1:9320")


class AgentSettings(_HostSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`fairlead agent -c FILE`; nothing is served unless `listen` is given, and only the metrics named are sampled."""

    sink: SinkSettings
    listen: str = ""
