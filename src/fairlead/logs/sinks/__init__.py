"""Where an agent's records go; one file a sink, chosen by the key under `sink:`."""

from fairlead.core.clock import Clock
from fairlead.core.sink import Kind, Sink
from fairlead.logs.encode import JSON
from fairlead.logs.settings import SinkSettings
from fairlead.logs.sinks.file import FileSink
from fairlead.logs.sinks.stdout import StdoutSink


def make_sink(settings: SinkSettings, agent_id: str, clock: Clock, topics: dict[Kind, str]) -> Sink:
    """Return the sink that the settings name; `topics` are Kafka's for what is no log, where they are other than the logs'."""
    if settings.file:
        return FileSink(settings.file)
    # The libraries of HTTP and Kafka are loaded only where they are used.
    if settings.kafka:
        from fairlead.logs.sinks.kafka import KafkaSink

        return KafkaSink(settings.kafka, topics)
    if settings.http:
        from fairlead.logs.sinks.http import HttpSink

        return HttpSink(settings.http, agent_id, clock)
    assert settings.stdout is not None
    return StdoutSink(settings.stdout)


def output_of(settings: SinkSettings) -> str:
    """Return how a sink wants its lines: JSON or RAW."""
    formatted = settings.stdout or settings.file or settings.kafka
    return formatted.format if formatted else JSON
