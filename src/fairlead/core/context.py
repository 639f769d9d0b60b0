"""What all parts of one run share: who we are, and where to count, to look at the time and to tell what is wrong."""

import msgspec

from fairlead.core.clock import Clock
from fairlead.core.readiness import Readiness
from fairlead.core.telemetry import Telemetry


class RunContext(msgspec.Struct, frozen=True):
    """Made by the command once the state directory is open; `host` and `agent_id` stand in every record."""

    host: str
    agent_id: str
    clock: Clock
    telemetry: Telemetry
    readiness: Readiness
