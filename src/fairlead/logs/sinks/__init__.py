"""Where an agent's records go; one file a sink, chosen by the key under `sink:`."""

from fairlead.core.clock import Clock
from fairlead.core.sink import Sink
from fairlead.logs.settings import SinkSettings
from fairlead.logs.sinks.file import FileSink
from fairlead.logs.sinks.stdout import StdoutSink


def make_sink(settings: SinkSettings, agent_id: str, clock: Clock) -> Sink:
    """Return the sink that the settings name."""
    if settings.file:
        return FileSink(settings.file)
    if settings.http:
        # The HTTP library is loaded only where it is used.
        from fairlead.logs.sinks.http import HttpSink

        return HttpSink(settings.http, agent_id, clock)
    assert settings.stdout is not None
    return StdoutSink(settings.stdout)
