"""The fleet of a collector: each agent by its newest heartbeat, how fast its lines come, and what is missing of them.

Ages are this program's clock since a heartbeat came, whatever the agent's clock says. Throughput is the difference of two readings
of the store's ledgers: they hold how many lines of each source were ever taken in, so no line is counted for it, and with several
collectors on one store it is that of all of them.
"""

import asyncio
import math
import sqlite3
import threading
from collections import Counter, deque
from collections.abc import Iterator
from functools import partial
from typing import Any, get_args

from fairlead.core.clock import Clock
from fairlead.core.errors import FairleadError
from fairlead.core.logsetup import Log
from fairlead.core.record import format_time
from fairlead.core.telemetry import Telemetry
from fairlead.store.interface import AgentLedger, AgentReport, Store
from fairlead.web.api import AgentBody, AgentState

log = Log("fleet")
ALIVE_INTERVALS = 3
LATE_INTERVALS = 10
RATE_S = 60.0
READ_S = 5.0
_LEDGER_KEPT_S = 2.0
_STALE_S = 3 * READ_S
_DEFAULT_INTERVAL_S = 10.0
_GREATEST = 1 << 53
_NOTHING = AgentLedger("", 0, 0, 0, 0)
_GAUGES = (
    ("fairlead_agent_heartbeat_age_seconds", "heartbeat_age_s", "Time since an agent's heartbeat came; not of stopped ones."),
    ("fairlead_agent_heartbeat_interval_seconds", "interval_s", "How often an agent means to tell one; not of stopped ones."),
    ("fairlead_agent_lost_ranges", "lost", "Ranges of bytes of an agent's sources that existed and are not stored."),
    ("fairlead_agent_unknown_gaps", "unknown", "Gaps of an agent's sources whose size nobody can know."),
)


def judge(age_s: float, interval_s: float, told: object) -> AgentState:
    """Return an agent's state: alive up to 3 of its intervals after a heartbeat, late up to 10, then silent.

    Stopped, whatever the age, is one whose newest heartbeat said `stopping`.
    """
    if told == "stopping":
        return "stopped"
    if age_s <= ALIVE_INTERVALS * interval_s:
        return "alive"
    return "late" if age_s <= LATE_INTERVALS * interval_s else "silent"


class Throughput:
    """Lines a second over the last minute, from readings of how many lines there ever were of each agent."""

    def __init__(self) -> None:
        self._readings: deque[tuple[float, dict[str, int]]] = deque()

    def add(self, now_s: float, lines: dict[str, int]) -> dict[str, float]:
        """Take a reading and return the rates since the one a minute ago, or the oldest there is; nothing at the first."""
        readings = self._readings
        while len(readings) > 1 and readings[1][0] <= now_s - RATE_S:
            readings.popleft()
        rates: dict[str, float] = {}
        if readings and now_s > readings[0][0]:
            then_s, before = readings[0]
            rates = {agent: max(0, count - before.get(agent, 0)) / (now_s - then_s) for agent, count in lines.items()}
        if not readings or now_s >= readings[-1][0] + READ_S:
            readings.append((now_s, lines))
        return rates


class Fleet:
    """Reads the store; `run` does so all the time, for the gauges and so that throughput is known when somebody looks."""

    def __init__(self, store: Store, clock: Clock, telemetry: Telemetry) -> None:
        self._store, self._clock = store, clock
        self._reading = threading.Lock()
        self._throughput = Throughput()
        self._ledgers: dict[str, AgentLedger] = {}
        self._rates: dict[str, float] = {}
        self._read_s = -math.inf
        self._reports: list[AgentReport] = []
        self._reports_ns = 0
        self._problem = ""
        self._register(telemetry)

    async def run(self) -> None:
        """Read until cancelled; what cannot be read now is read the next time."""
        while True:
            reading = asyncio.ensure_future(asyncio.to_thread(self.read))
            try:
                await asyncio.shield(reading)
            except asyncio.CancelledError:
                # The store is closed after this part has ended, and not under its hands.
                await asyncio.wait((reading,))
                raise
            except (FairleadError, sqlite3.Error) as error:
                if not self._problem:
                    log.warning("fleet not read", error=error)
                self._problem = str(error)
            else:
                self._problem = ""
            await self._clock.sleep(READ_S)

    def read(self) -> list[AgentBody]:
        """Return every agent that ever told a heartbeat, by host; blocks. Gaps and throughput are at most two seconds old."""
        reports = self._store.agents()
        with self._reading:
            now_s = self._clock.monotonic()
            if now_s - self._read_s >= _LEDGER_KEPT_S:
                self._ledgers = {ledger.agent: ledger for ledger in self._store.ledger()}
                self._rates = self._throughput.add(now_s, {agent: ledger.lines for agent, ledger in self._ledgers.items()})
                self._read_s = now_s
            self._reports, self._reports_ns = reports, self._clock.wall_ns()
        return self.agents()

    def agents(self) -> list[AgentBody]:
        """Return them as last read, with the ages that they had then; with those of now where nothing could be read for long."""
        now_ns = self._clock.wall_ns()
        as_of_ns = self._reports_ns if now_ns - self._reports_ns <= _STALE_S * 1e9 else now_ns
        return [self._body(report, as_of_ns) for report in self._reports]

    def _body(self, report: AgentReport, now_ns: int) -> AgentBody:
        numbers = report.numbers
        interval_s = _number(numbers.get("interval_s")) or _DEFAULT_INTERVAL_S
        age_s = max(0, now_ns - report.received_ns) / 1e9
        ledger = self._ledgers.get(report.agent, _NOTHING)
        rates, sources = self._rates, _number(numbers.get("sources"))
        return AgentBody(
            agent=report.agent,
            host=report.host,
            version=report.version,
            state=judge(age_s, interval_s, numbers.get("state")),
            heartbeat=format_time(report.received_ns),
            heartbeat_age_s=round(age_s, 3),
            interval_s=interval_s,
            sources=None if sources is None else int(sources),
            lag_bytes=_number(numbers.get("lag_bytes")),
            lag_s=_number(numbers.get("lag_s")),
            spool_bytes=_number(numbers.get("spool_bytes")),
            lines_per_s=round(rates.get(report.agent, 0.0), 3) if rates else None,
            lost=ledger.lost,
            unknown=ledger.unknown,
        )

    def _register(self, telemetry: Telemetry) -> None:
        """Offer the gauges; they show what was last read, as a scrape must not wait for the store."""
        telemetry.gauges("fairlead_agents", "Agents by state, as /api/v1/agents judges it.", ("state",), self._states)
        for name, field, text in _GAUGES:
            telemetry.gauges(name, text, ("agent", "host"), partial(self._each, field))

    def _states(self) -> Iterator[tuple[tuple[str, ...], float]]:
        found = Counter(agent.state for agent in self.agents())
        for state in get_args(AgentState):
            yield (state,), float(found[state])

    def _each(self, field: str) -> Iterator[tuple[tuple[str, ...], float]]:
        for agent in self.agents():
            if agent.state != "stopped" or field in ("lost", "unknown"):
                yield (agent.agent, agent.host), float(getattr(agent, field))


def _number(value: Any) -> float | None:  # noqa: ANN401 - an agent's word
    """Return a number of a heartbeat, None for what is none or no size of this world: agents are not believed."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _GREATEST:
        return None
    return float(value)
