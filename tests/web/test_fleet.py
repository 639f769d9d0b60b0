"""The fleet as the API tells it, and what is asked of one host of many."""

import asyncio
import contextlib
import json
import sqlite3
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from click.testing import CliRunner

from fairlead.commands.audit import command as audit_command
from fairlead.core.errors import SinkUnavailable
from fairlead.core.sample import MetricType
from fairlead.core.telemetry import Telemetry
from fairlead.net.prometheus import exposition
from fairlead.store.interface import AgentLedger, AgentReport, Intake, SourceAudit, Statement
from fairlead.store.settings import StoreSettings
from fairlead.store.sqlite import open_store
from fairlead.web.fleet import READ_S, Fleet, Throughput, judge
from tests.support.samples import NOON_NS, SECOND_NS, ManualClock, batch, layout, put, tick
from tests.support.waiting import until
from tests.web.fleets import remote, report, small_fleet
from tests.web.serving import Served, serving
from tests.web.test_server import get

LOAD = layout("load", ("node_load1", MetricType.GAUGE, {}))


async def ask(served: Served, path: str, **parameters: object) -> Any:
    """Return the body of an answer that is fine."""
    status, text = await get(f"{served.url}/api/v1/{path}?{urlencode(parameters)}")
    assert status == 200, text
    return json.loads(text)


@pytest.mark.parametrize(
    ("age_s", "told", "state"),
    [
        (0, "running", "alive"),
        (30, "running", "alive"),
        (30.1, "running", "late"),
        (100, "running", "late"),
        (100.1, "running", "silent"),
        (0, "stopping", "stopped"),
        (9e9, "stopping", "stopped"),
        (0, None, "alive"),
        (0, ["stopping"], "alive"),
    ],
)
def test_a_state_is_judged_by_intervals(age_s: float, told: object, state: str) -> None:
    assert judge(age_s, 10, told) == state


def test_throughput_is_that_of_the_last_minute() -> None:
    throughput = Throughput()
    assert throughput.add(0, {"a": 1000}) == {}
    assert throughput.add(10, {"a": 1500, "b": 20}) == {"a": 50, "b": 2}
    for second in range(15, 120, 5):
        rates = throughput.add(second, {"a": 1500, "b": 20})
    assert rates == {"a": 0, "b": 0}
    assert throughput.add(120, {"a": 1500 + 600}) == {"a": 10}
    assert throughput.add(125, {"a": 3})["a"] == 0


async def test_agents_are_told_with_age_lag_and_gaps(tmp_path: Path) -> None:
    async with serving(tmp_path, fleet=True) as served:
        await asyncio.to_thread(small_fleet, served.store, NOON_NS)
        found = {agent["host"]: agent for agent in (await ask(served, "agents"))["agents"]}
        assert {host: agent["state"] for host, agent in found.items()} == {
            "web-1": "alive",
            "web-2": "late",
            "db-1": "silent",
            "old-1": "stopped",
        }
        assert found["web-1"] == {
            "agent": "a1",
            "host": "web-1",
            "version": "1.2.3",
            "state": "alive",
            "heartbeat": "2026-01-01T11:59:58.000000Z",
            "heartbeat_age_s": 2,
            "interval_s": 10,
            "sources": 3,
            "lag_bytes": 2048,
            "lag_s": 0,
            "spool_bytes": 0,
            "lines_per_s": None,
            "lost": 0,
            "unknown": 0,
        }
        assert (found["db-1"]["lost"], found["db-1"]["unknown"]) == (1, 1)
        await served.clock.advance(30)
        await asyncio.to_thread(put, served.store, [remote("a1", "web-1", NOON_NS, [(i, i + 40) for i in range(80, 2480, 40)])])
        found = {agent["host"]: agent for agent in (await ask(served, "agents"))["agents"]}
        assert found["web-1"]["lines_per_s"] == 2
        assert found["web-1"]["state"] == "late"
        assert found["web-2"]["lines_per_s"] == 0


async def test_what_an_agent_says_is_not_believed(tmp_path: Path) -> None:
    async with serving(tmp_path, fleet=True) as served:
        said: dict[str, Any] = {"interval_s": -5, "sources": "many", "lag_bytes": float("nan"), "lag_s": 1e300, "spool_bytes": True}
        await asyncio.to_thread(served.store.write, Intake(reports=[report("a", "h", NOON_NS + 5 * SECOND_NS, **said)]))
        [agent] = (await ask(served, "agents"))["agents"]
        assert [agent[name] for name in ("sources", "lag_bytes", "lag_s", "spool_bytes")] == [None] * 4
        assert (agent["interval_s"], agent["heartbeat_age_s"], agent["state"]) == (10, 0, "alive")


async def test_a_host_is_no_collector(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        assert (await ask(served, "status"))["role"] == "host"
        assert (await get(f"{served.url}/api/v1/agents"))[0] == 404
    async with serving(tmp_path, fleet=True) as served:
        assert (await ask(served, "status"))["role"] == "collector"
        assert await ask(served, "agents") == {"agents": []}


async def test_hosts_are_those_of_lines_and_samples(tmp_path: Path) -> None:
    async with serving(tmp_path, fleet=True) as served:
        await asyncio.to_thread(put, served.store, [remote("a", "lines", NOON_NS, [(0, 9)])])
        for second in range(3):
            await asyncio.to_thread(put, served.store, [], [tick("load", NOON_NS + second * SECOND_NS, LOAD, [1])], "samples")
        assert (await ask(served, "hosts"))["hosts"] == [
            {"name": "lines", "newest_sample": None},
            {"name": "samples", "newest_sample": "2026-01-01T12:00:02.000000Z"},
        ]


async def test_series_lines_and_bars_of_one_host(tmp_path: Path) -> None:
    async with serving(tmp_path, fleet=True) as served:
        lines = [remote("a", "one", NOON_NS, [(0, 9)]), remote("b", "two", NOON_NS, [(0, 9), (9, 18)])]
        await asyncio.to_thread(put, served.store, lines)
        for host, load in (("one", 1.0), ("two", 2.0)):
            await asyncio.to_thread(put, served.store, [], [tick("load", NOON_NS, LOAD, [load])], host)
        begin = NOON_NS // SECOND_NS
        bounds = {"since": begin, "until": begin + 1}
        for host, load, count in (("one", 1.0, 1), ("two", 2.0, 2)):
            [series] = (await ask(served, "series", name="node_load1", points=1, host=host, **bounds))["series"]
            assert series["mean"] == [load]
            records = (await ask(served, "logs", host=host))["records"]
            assert [record["host.name"] for record in records] == [host] * count
            bars = (await ask(served, "logs/histogram", host=host, **bounds))["buckets"]
            assert sum(bar["count"] for bar in bars) == count
        assert len((await ask(served, "logs"))["records"]) == 3
        assert (await ask(served, "logs", host="three"))["records"] == []
        assert (await ask(served, "logs", host="one", q="host:two"))["records"] == []
        assert len((await ask(served, "logs", host="two", q="host:two host:one"))["records"]) == 2


async def test_the_stream_tells_lines_of_one_host(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, fleet=True) as served,
        aiohttp.ClientSession() as session,
        session.get(f"{served.url}/api/v1/stream?host=two") as answer,
    ):
        told: list[str] = []

        async def read() -> None:
            async for line in answer.content:
                if line.startswith(b"data: ["):
                    told.extend(record["host.name"] for record in json.loads(line[6:]))

        reading = asyncio.create_task(read())
        lines = [remote("a", "one", NOON_NS, [(0, 9)]), remote("b", "two", NOON_NS, [(0, 9)])]

        def published() -> bool:
            served.feed.publish(Intake(batches=lines))
            return bool(told)

        await asyncio.to_thread(put, served.store, lines)
        await until(published, "a line")
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading
        assert set(told) == {"two"}


async def test_the_audit_is_the_commands(tmp_path: Path) -> None:
    async with serving(tmp_path, fleet=True) as served:
        await asyncio.to_thread(small_fleet, served.store, NOON_NS)
        body = await ask(served, "audit")
        printed = await asyncio.to_thread(
            CliRunner().invoke, audit_command, ["--state-dir", str(tmp_path), "--json"], standalone_mode=False
        )
        assert {name: body[name] for name in ("sources", "lost", "doubled", "unknown")} == json.loads(printed.output)
        assert (body["lost"], body["unknown"], body["next"], body["audited"]) == (1, 1, None, "2026-01-01T12:00:00.000000Z")


async def test_the_audit_is_bounded_and_narrowed(tmp_path: Path) -> None:
    async with serving(tmp_path, fleet=True) as served:
        lines = [remote("a", "h", NOON_NS, [(0, 9)] if i % 3 else [(0, 9), (10, 19)], source=f"s{i}") for i in range(7)]
        await asyncio.to_thread(put, served.store, [*lines, remote("b", "g", NOON_NS, [(0, 9)])])
        assert [source["source"] for source in (await ask(served, "audit", findings="true"))["sources"]] == ["s0", "s3", "s6"]
        assert [source["source"] for source in (await ask(served, "audit", agent="b"))["sources"]] == ["b-source"]
        pages: list[list[str]] = []
        after: str | None = ""
        while after is not None:
            page = await ask(served, "audit", limit=3, after=after)
            assert page["lost"] == 3
            pages.append([source["source"] for source in page["sources"]])
            after = page["next"]
        assert pages == [["s0", "s1", "s2"], ["s3", "s4", "s5"], ["s6", "b-source"]]
        assert (await get(f"{served.url}/api/v1/audit?after=none"))[0] == 404
        # What was counted is kept for ten seconds, then counted anew.
        await asyncio.to_thread(put, served.store, [remote("c", "f", NOON_NS, [(0, 9)])])
        await served.clock.advance(11)
        assert len((await ask(served, "audit"))["sources"]) == 9


async def test_one_audit_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counting, goes_on = threading.Event(), threading.Event()

    def audit() -> list[SourceAudit]:
        counting.set()
        goes_on.wait(10)
        return []

    async with serving(tmp_path, fleet=True) as served:
        monkeypatch.setattr(served.store, "audit", audit)
        first = asyncio.create_task(get(f"{served.url}/api/v1/audit"))
        await until(counting.is_set, "the first audit")
        status, text = await get(f"{served.url}/api/v1/audit")
        goes_on.set()
        assert (status, json.loads(text)["error"]["what"]) == (503, "an audit is under way")
        assert (await first)[0] == 200


async def test_the_gauges_are_those_of_the_fleet(tmp_path: Path) -> None:
    clock, telemetry = ManualClock(), Telemetry()
    store = await asyncio.to_thread(open_store, tmp_path, StoreSettings(), clock)
    await asyncio.to_thread(small_fleet, store, NOON_NS)
    fleet = Fleet(store, clock, telemetry)
    running = asyncio.create_task(fleet.run())
    try:
        await until(fleet.agents, "the first reading")
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await asyncio.to_thread(store.close)
    text = exposition(telemetry.collect()).decode()
    for line in (
        'fairlead_agents{state="alive"} 1',
        'fairlead_agents{state="late"} 1',
        'fairlead_agents{state="silent"} 1',
        'fairlead_agents{state="stopped"} 1',
        'fairlead_agent_heartbeat_age_seconds{agent="a2",host="web-2"} 45',
        'fairlead_agent_heartbeat_interval_seconds{agent="a2",host="web-2"} 10',
        'fairlead_agent_lost_ranges{agent="a3",host="db-1"} 1',
        'fairlead_agent_unknown_gaps{agent="a3",host="db-1"} 1',
    ):
        assert line in text.splitlines()
    assert 'heartbeat_age_seconds{agent="a4"' not in text


async def test_a_store_that_cannot_be_read_is_read_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(tmp_path, fleet=True) as served:
        await asyncio.to_thread(small_fleet, served.store, NOON_NS)
        agents, failures = served.store.agents, [SinkUnavailable("away"), sqlite3.OperationalError("disk I/O error")]

        def read() -> list[AgentReport]:
            if failures:
                raise failures.pop()
            return agents()

        monkeypatch.setattr(served.store, "agents", read)
        fleet = Fleet(served.store, served.clock, Telemetry())
        running = asyncio.create_task(fleet.run())
        try:
            async with asyncio.timeout(10):
                while not fleet.agents():
                    await served.clock.advance(READ_S)
                    await asyncio.sleep(0.01)
            assert not failures
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


def test_the_ledger_adds_up_without_looking_at_lines(tmp_path: Path) -> None:
    with contextlib.closing(open_store(tmp_path, StoreSettings(), ManualClock())) as store:
        put(store, [remote("a", "h", NOON_NS, [(0, 9), (10, 19), (30, 39)]), remote("a", "h", NOON_NS, [(0, 9)], source="t", unknown=2)])
        store.write(Intake(statements=[Statement("a", "t", "/t.log", 50, unknown=2), Statement("b", "u", "/u.log", 0)]))
        assert store.ledger() == [AgentLedger("a", 2, 4, 3, 2), AgentLedger("b", 1, 0, 0, 0)]
        put(store, [batch("own", 0, ["a line"])])
        assert [one.agent for one in store.ledger()] == ["a", "agent", "b"]
