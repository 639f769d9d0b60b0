"""The configuration files of the commands, composed of what each feature asks for."""

from typing import Literal

import msgspec

from fairlead.core.spool.settings import SpoolSettings
from fairlead.core.units import Duration, Size
from fairlead.logs.collector.settings import HttpSourceSettings, KafkaSourceSettings
from fairlead.logs.settings import DEFAULT_PATHS, LogInput, SinkSettings
from fairlead.metrics.settings import Intervals, ShippedMetrics, check_intervals
from fairlead.store.opensearch.settings import OpenSearchSettings
from fairlead.store.settings import StoreSettings
from fairlead.web.settings import WebSettings

MINIMUM_HEARTBEAT_S = 0.1


class _HostSettings(WebSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    state_dir: str = ""
    logs: list[LogInput] = msgspec.field(default_factory=lambda: [LogInput(paths=list(DEFAULT_PATHS))])
    journal: Literal["auto", "on", "off"] = "auto"
    """`auto` follows the journal where logs live only there."""
    redact: list[str] = []
    """Regular expressions; what one matches is replaced before a line is stored or sent."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"


class UpSettings(_HostSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`fairlead up --config FILE`; every key has a default."""

    backfill: Size = Size(64 << 20)
    """At most so many of the newest bytes of a file are read that is met at the first start."""
    store: StoreSettings = StoreSettings()
    metrics: Intervals = {}

    def __post_init__(self) -> None:
        super().__post_init__()
        check_intervals(self.metrics)
        if not self.listen:
            raise ValueError("listen is empty; allowed is HOST:PORT, such as 127.0.0.1:9320")


class HeartbeatSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often an agent tells that it lives; `topic` is Kafka's, where it is not the logs' own."""

    interval: Duration = Duration(10)
    topic: str = ""

    def __post_init__(self) -> None:
        if self.interval < MINIMUM_HEARTBEAT_S:
            raise ValueError(f"interval: {self.interval:g} s is too short; allowed are {MINIMUM_HEARTBEAT_S:g} s and more")


class AgentSettings(_HostSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`fairlead agent -c FILE`; nothing is served unless `listen` is given, and only the metrics named are sampled."""

    sink: SinkSettings
    metrics: ShippedMetrics = ShippedMetrics()
    spool: SpoolSettings = SpoolSettings()
    heartbeat: HeartbeatSettings = HeartbeatSettings()
    listen: str = ""


class SourceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a collector's records come from: Kafka, agents that post, or both."""

    kafka: KafkaSourceSettings | None = None
    http: HttpSourceSettings | None = None

    def __post_init__(self) -> None:
        if self.kafka is None and self.http is None:
            raise ValueError("names no source; allowed are kafka and http, or both")


class CollectorStoreSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a collector stores: SQLite in its state directory, unless another store is named; samples stay in SQLite all the same."""

    sqlite: StoreSettings | None = None
    opensearch: OpenSearchSettings | None = None

    def __post_init__(self) -> None:
        if self.sqlite is not None and self.opensearch is not None:
            raise ValueError("names two stores; allowed is one of sqlite and opensearch")


class CollectSettings(WebSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`fairlead collect -c FILE`."""

    source: SourceSettings
    store: CollectorStoreSettings = CollectorStoreSettings()
    state_dir: str = ""
    listen: str = "127.0.0.1:9321"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"
