"""What an agent says of itself, through its own sink: that it lives, and how far each of its sources was delivered.

The agent's own record is keyed by the agent, a source's statement by its source: in Kafka it comes to the same partition, behind
the lines that it speaks of. So whoever reads it knows that all up to its offset went before, and what is missing is lost.
"""

from collections.abc import Callable, Mapping

import orjson

import fairlead
from fairlead.core.context import RunContext
from fairlead.core.errors import SinkError
from fairlead.core.logsetup import Log
from fairlead.core.record import Position, format_time
from fairlead.core.sink import Keyed
from fairlead.logs.ship import Shipper

log = Log("heartbeat")
_STATEMENTS_A_CALL = 2000


class Heartbeat:
    """Tells every `interval_s`. `measure` gives the numbers that stand in the agent's own record."""

    def __init__(self, shipper: Shipper, context: RunContext, interval_s: float, measure: Callable[[], Mapping[str, float]]) -> None:
        self._shipper, self._context, self._interval_s, self._measure = shipper, context, interval_s, measure
        self._sent = context.telemetry.counter("fairlead_heartbeats_total", "Heartbeats that the sink acknowledged.")
        self._failed = context.telemetry.counter("fairlead_heartbeats_failed_total", "Heartbeats that it did not.")

    async def run(self) -> None:
        """Tell until cancelled; what cannot be told now is told with the next one."""
        while True:
            await self.tell("running")
            await self._context.clock.sleep(self._interval_s)

    async def tell(self, state: str) -> None:
        """Tell how the agent is, and how far the sources are that moved since the last time."""
        positions = self._shipper.take_delivered()
        told = 0
        try:
            await self._shipper.tell("heartbeat", [self._own(state)])
            while told < len(positions):
                some = positions[told : told + _STATEMENTS_A_CALL]
                await self._shipper.tell("heartbeat", [self._statement(position) for position in some])
                told += len(some)
        except SinkError as error:
            self._failed.add()
            log.debug("heartbeat not sent", error=error)
        else:
            self._sent.add()
        finally:
            self._shipper.give_back(positions[told:])

    def _own(self, state: str) -> Keyed:
        context = self._context
        body = {
            "@timestamp": format_time(context.clock.wall_ns()),
            "host.name": context.host,
            "agent.id": context.agent_id,
            "agent.version": fairlead.__version__,
            "fairlead.heartbeat": {
                "state": state,
                "interval_s": self._interval_s,
                "spool_bytes": self._shipper.spool_bytes(),
                **self._measure(),
            },
        }
        return Keyed(context.agent_id, orjson.dumps(body))

    def _statement(self, position: Position) -> Keyed:
        context = self._context
        body = {
            "@timestamp": format_time(position.updated_ns or context.clock.wall_ns()),
            "host.name": context.host,
            "agent.id": context.agent_id,
            "fairlead.source": position.source,
            "log.file.path": position.path,
            "fairlead.statement": {
                "offset": position.offset,
                "skipped": position.skipped,
                "unknown": position.unknown,
                "kind": position.kind,
            },
        }
        return Keyed(position.source, orjson.dumps(body))
