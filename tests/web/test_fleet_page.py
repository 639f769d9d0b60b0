"""The page of a collector in Debian's Chromium: the fleet, and one host of it; its screenshots are kept as artefacts."""

import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from fairlead.core.sample import MetricType
from fairlead.store.interface import Intake
from tests.support.samples import SECOND_NS, layout, tick
from tests.web.browsing import Open, eventually, pages_of, shoot
from tests.web.collecting import Collector, ago, collecting
from tests.web.fleets import remote, report

pytestmark = pytest.mark.real
LOAD = layout("load", *((f"node_load{minutes}", MetricType.GAUGE, {}) for minutes in (1, 5, 15)))
MARKUP = '<img src=x onerror="window.hacked=1">'
INTERVAL_S = 600
"""Long, so that no agent's state changes while the tests run."""
MANY = 500


def few() -> Intake:
    """Return a fleet of four, with samples of two of its hosts and lines of three."""
    now_ns = time.time_ns()
    ticks = [
        (host, [tick("load", now_ns - i * SECOND_NS, LOAD, [load + math.sin(i / 9), load, load]) for i in range(250, 0, -1)])
        for host, load in (("web-1", 2.0), ("web-2", 30.0))
    ]
    return Intake(
        batches=[
            remote("a1", "web-1", ago(40), [(i, i + 40) for i in range(0, 1600, 40)]),
            remote("a3", "db-1", ago(30), [(0, 40), (60, 80)], unknown=1),
            remote("a5", MARKUP, ago(20), [(0, 40)]),
        ],
        ticks=ticks,
        reports=[
            report("a1", "web-1", ago(2), interval_s=INTERVAL_S, sources=3, lag_bytes=2048),
            report("a2", "web-2", ago(2000), interval_s=INTERVAL_S, sources=12, lag_bytes=7 << 20, lag_s=90.5, spool_bytes=3 << 20),
            report("a3", "db-1", ago(9000), version="1.2.2", interval_s=INTERVAL_S),
            report("a5", MARKUP, ago(3), version=MARKUP, interval_s=INTERVAL_S),
        ],
    )


def many() -> Intake:
    """Return a fleet of 500: each tenth late, each fiftieth silent, each hundredth with a gap."""
    hosts = [f"node-{i:03}.eu-west.example.net" for i in range(MANY)]
    return Intake(
        batches=[remote(f"a{i}", host, ago(60), [(0, 40), (60 if i % 100 == 7 else 40, 80)]) for i, host in enumerate(hosts)],
        reports=[
            report(
                f"a{i}",
                host,
                ago(20000 if i % 50 == 3 else 2000 if i % 10 == 3 else i % 10),
                interval_s=INTERVAL_S,
                sources=i,
                lag_bytes=i * 1000 if i % 3 else 0,
                lag_s=i / 10,
                state="stopping" if i % 90 == 8 else "running",
            )
            for i, host in enumerate(hosts)
        ],
    )


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """A collector with four agents."""
    with collecting(tmp_path_factory.mktemp("small"), few()) as running:
        yield running


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """A collector with 500."""
    with collecting(tmp_path_factory.mktemp("large"), many()) as running:
        yield running


@pytest.fixture
def open_page(small: Collector, browser: Browser) -> Iterator[Open]:
    """Open the page of four agents."""
    with pages_of(browser, small) as opened:
        yield opened


@pytest.fixture
def open_large(large: Collector, browser: Browser) -> Iterator[Open]:
    """Open the page of 500."""
    with pages_of(browser, large) as opened:
        yield opened


def column(page: Page, name: str) -> Sequence[str]:
    """Return the texts of a column, from the top."""
    return page.locator(f"#agents td.{name}").all_inner_texts()


def lines_are(page: Page, count: int) -> None:
    eventually(page, f"document.querySelectorAll('#lines > .line').length === {count}")


def test_the_fleet_stands_on_top_worst_first(open_page: Open) -> None:
    page = open_page()
    assert not page.locator("#verdict").is_visible()
    assert page.locator("#fleet-title").inner_text() == "4 agents: 1 silent, 1 late"
    assert "1 range lost, 1 unknown gap" in page.locator("#fleet-summary").inner_text()
    assert column(page, "state") == ["■ silent", "▲ late", "● alive", "● alive"]
    assert column(page, "host") == ["db-1", "web-2", MARKUP, "web-1"]
    assert column(page, "gaps") == ["1 lost, 1 unknown", "none", "none", "none"]
    assert column(page, "lag")[1] == "7.00\xa0MiB · 1\xa0min"
    assert not page.locator("#charts").is_visible()
    lines_are(page, 43)
    assert "db-1 " in page.locator("#lines").inner_text()
    shoot(page, "fleet-light")


def test_markup_of_an_agent_stays_text(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("button", name=MARKUP).click()
    lines_are(page, 1)
    assert MARKUP in page.locator("#agents").inner_text()
    assert page.locator("#host-choice").input_value() == MARKUP
    assert page.locator("#agents img, #host-names img, #lines img").count() == 0
    assert page.evaluate("window.hacked") is None


def test_a_click_on_an_agent_shows_its_host(open_page: Open) -> None:
    page = open_page()
    with page.expect_response(lambda answer: "node_load1" in answer.url and "host=web-1" in answer.url) as answer:
        page.get_by_role("button", name="web-1").click()
    series = answer.value.json()["series"]
    assert max(value for one in series for value in one["mean"] if value is not None) < 10
    lines_are(page, 40)
    assert page.locator('#agents tr[aria-current="true"]').count() == 1
    assert "host=web-1" in page.evaluate("location.hash")
    eventually(page, "document.querySelector('[data-panel=load]').dataset.empty === ''")
    shoot(page, "fleet-host")
    page.locator("#host-all").click()
    lines_are(page, 43)
    assert not page.locator("#charts").is_visible()


def test_a_host_is_typed_and_a_wrong_one_told(open_page: Open) -> None:
    page = open_page()
    page.keyboard.press("h")
    page.keyboard.type("db")
    page.keyboard.press("Enter")
    lines_are(page, 2)
    assert page.locator("#host-choice").input_value() == "db-1"
    page.locator("#host-choice").fill("web")
    page.keyboard.press("Enter")
    assert page.evaluate("document.getElementById('host-choice').validationMessage") == "2 hosts have this in their names"
    page.keyboard.press("Escape")
    assert page.locator("#host-choice").input_value() == "db-1"
    page.keyboard.press("a")
    lines_are(page, 43)


def test_a_shared_address_shows_the_same_host(open_page: Open) -> None:
    page = open_page(fragment="#range=300&host=db-1")
    lines_are(page, 2)
    assert page.locator("#host-choice").input_value() == "db-1"
    assert page.locator("#charts").is_visible()


def test_only_lines_of_the_chosen_host_are_followed(tmp_path: Path, browser: Browser) -> None:
    with collecting(tmp_path, Intake()) as own, pages_of(browser, own) as opened:
        page = opened(fragment="#range=300&host=new-2")
        assert page.locator("#fleet-title").inner_text() == "No agent has told a heartbeat yet"
        own.append("new-1", 0)
        own.append("new-2", 0)
        lines_are(page, 1)
        assert "of new-2" in page.locator("#lines").inner_text()


def test_the_table_is_worked_by_keyboard(open_page: Open) -> None:
    page = open_page()
    page.locator("#agents-head button").last.focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "db-1"
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.textContent") == "web-2"
    page.keyboard.press("Enter")
    eventually(page, "location.hash.includes('host=web-2')")
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.textContent") == "web-1"
    page.keyboard.press("Tab")
    assert page.evaluate("!document.getElementById('agents').contains(document.activeElement)")


def test_what_is_told_anew_is_written_alone(tmp_path: Path, browser: Browser) -> None:
    with collecting(tmp_path, few()) as own, pages_of(browser, own) as opened:
        page = opened()
        page.evaluate("window.rows = [...document.querySelectorAll('#agents tr')]")
        page.get_by_role("button", name="web-2").focus()
        own.tell(report("a3", "db-1", time.time_ns(), interval_s=INTERVAL_S))
        eventually(page, "document.getElementById('fleet-title').textContent === '4 agents: 1 late'")
        assert column(page, "host") == ["web-2", MARKUP, "db-1", "web-1"]
        assert page.evaluate("document.activeElement.textContent") == "web-2"
        assert page.evaluate("window.rows.every((row) => row.isConnected)")


def test_a_large_fleet_is_sorted_and_narrowed_at_once(open_large: Open) -> None:
    page = open_large()
    assert page.locator("#agents tr").count() == MANY
    page.get_by_role("button", name="Lag", exact=True).click()
    assert column(page, "host")[0] == "node-499.eu-west.example.net"
    assert page.locator("th.lag").get_attribute("aria-sort") == "descending"
    page.get_by_role("button", name="Lag", exact=True).click()
    assert column(page, "lag")[0] == "0\xa0B"
    shoot(page, "fleet-large")
    page.locator('#fleet-states [data-state="silent"]').click()
    assert set(column(page, "state")) == {"■ silent"}
    assert page.locator("#agents tr").count() == 10
    page.locator('#fleet-states [data-state=""]').click()
    assert page.locator("#agents tr").count() == MANY


def test_a_phone_shows_the_fleet_without_scrolling_sideways(open_page: Open) -> None:
    page = open_page(360, 740)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate("document.querySelector('.agents').scrollWidth <= document.querySelector('.agents').clientWidth")
    shoot(page, "fleet-phone")


def test_a_dark_room_gets_a_dark_fleet(open_page: Open) -> None:
    page = open_page(scheme="dark")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    shoot(page, "fleet-dark")
