"""A collector's agents in Debian's Chromium: what tells them apart, what a click on one does, and what is missing of it."""

import math
import time
from collections.abc import Iterator

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
RUNNING, STOPPED = "5f0c9ab2d4e14c1f", "5f0c9ab2d4e99a77"
"""Two agents of one host, whose ids begin alike."""
INTERVAL_S = 600


def twins() -> Intake:
    """Return a fleet of three, two of them on one host and one of these stopped with a gap; of the host's metrics only the load."""
    now_ns = time.time_ns()
    ticks = [tick("load", now_ns - i * SECOND_NS, LOAD, [2 + math.sin(i / 9), 2, 2]) for i in range(250, 0, -1)]
    return Intake(
        batches=[remote(RUNNING, "web-1", ago(40), [(0, 40)]), remote(STOPPED, "web-1", ago(30), [(0, 40), (1064, 1100)], unknown=1)],
        ticks=[("web-1", ticks)],
        reports=[
            report(RUNNING, "web-1", ago(2), interval_s=INTERVAL_S, lag_bytes=2048),
            report(STOPPED, "web-1", ago(90), interval_s=INTERVAL_S, state="stopping"),
            report("a3", "db-1", ago(3), interval_s=INTERVAL_S),
        ],
    )


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """One collector for all tests of the file."""
    with collecting(tmp_path_factory.mktemp("twins"), twins()) as running:
        yield running


@pytest.fixture
def open_page(collector: Collector, browser: Browser) -> Iterator[Open]:
    """Open its page."""
    with pages_of(browser, collector) as opened:
        yield opened


def top_of(page: Page, selector: str) -> float:
    """Return how far below the window's top an element begins, in CSS pixels."""
    return float(page.evaluate("selector => document.querySelector(selector).getBoundingClientRect().top", selector))


def bottom_of(page: Page, selector: str) -> float:
    """Return how far below the window's top an element ends, in CSS pixels."""
    return float(page.evaluate("selector => document.querySelector(selector).getBoundingClientRect().bottom", selector))


def test_agents_of_one_host_are_told_apart_by_their_ids(open_page: Open) -> None:
    page = open_page()
    names = page.locator("#agents td.host").all_inner_texts()
    assert names == ["db-1", "web-1\xa05f0c9ab2d4e1", "web-1\xa05f0c9ab2d4e9"]
    titles = page.locator("#agents tr").evaluate_all("rows => rows.map((row) => row.title)")
    assert [title.split("agent ")[1].split(")")[0] for title in titles] == ["a3", RUNNING, STOPPED]


def test_a_click_anywhere_on_a_row_shows_its_host(open_page: Open) -> None:
    page = open_page()
    page.locator("#agents tr", has_text="db-1").locator("td.lag").click()
    eventually(page, "location.hash.includes('host=db-1')")
    page.locator("#agents tr", has_text="5f0c9ab2d4e1").locator("td.gaps").click()
    eventually(page, "location.hash.includes('host=web-1')")
    assert page.locator('#agents tr[aria-current="true"]').count() == 2
    assert page.evaluate("scrollY") == 0, "a wide page shows the charts already"


def test_text_marked_in_a_row_is_no_click(open_page: Open) -> None:
    page = open_page()
    page.evaluate("getSelection().selectAllChildren(document.querySelector('#agents td.version'))")
    page.locator("#agents td.version").first.dispatch_event("click")
    assert "host=" not in page.evaluate("location.hash")


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_a_phone_shows_the_charts_after_a_click(open_page: Open, motion: str) -> None:
    page = open_page(400, 800)
    page.emulate_media(reduced_motion=motion)  # type: ignore[arg-type]  # one of those it takes
    page.locator("#agents tr", has_text="5f0c9ab2d4e1").locator("td.state").click()
    if motion == "reduce":
        assert top_of(page, "#charts") < 400, "at once"
    # What is drawn above them meanwhile may move them, but not out of sight.
    eventually(page, "document.getElementById('charts').getBoundingClientRect().top < innerHeight / 2")


def test_a_phone_has_a_header_of_two_rows_and_one_of_sorting(open_page: Open) -> None:
    page = open_page(400, 800)
    assert bottom_of(page, ".top") < 100
    assert len(set(page.locator("#agents-head button:visible").evaluate_all("all => all.map((one) => one.offsetTop)"))) == 1
    assert page.evaluate("document.getElementById('agents-head').scrollWidth <= document.getElementById('agents-head').clientWidth")
    assert not page.locator("#ranges").is_visible()
    page.locator("#range-choice").select_option("3600")
    eventually(page, "location.hash.includes('range=3600')")
    page.keyboard.press("Escape")
    page.keyboard.press("+")
    assert page.locator("#range-choice").evaluate("select => select.selectedOptions[0].text") == "Zoomed"
    page.locator("#back").click()
    assert page.locator("#range-choice").input_value() == "3600"


def test_what_was_lost_leads_to_its_sources(open_page: Open) -> None:
    page = open_page()
    missing = page.locator("#fleet-missing")
    assert missing.inner_text() == "1 range lost, 1 unknown gap"
    missing.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#gaps-sources li")
    assert missing.get_attribute("aria-expanded") == "true"
    found = page.locator("#gaps-sources li").all_inner_texts()
    assert len(found) == 1
    for text in ("/var/log/web-1.log", STOPPED, f"1 range lost: bytes 40–{1064:,} (1.00 KiB)", "1 gap of unknown size"):
        assert text in found[0]
    shoot(page, "fleet-gaps")
    page.locator("#gaps-close").focus()
    page.keyboard.press("Enter")
    assert not page.locator("#gaps").is_visible()
    assert page.evaluate("document.activeElement.id") == "fleet-missing"


def test_the_gaps_of_one_agent_are_shown_without_choosing_its_host(open_page: Open) -> None:
    page = open_page()
    page.locator("#agents td.gaps button", has_text="1 lost").click()
    page.wait_for_selector("#gaps-sources li")
    assert page.locator("#gaps-title").inner_text() == "What is missing of web-1"
    assert "host=" not in page.evaluate("location.hash")
    page.locator("#agents td.gaps button", has_text="1 lost").click()
    assert not page.locator("#gaps").is_visible()


def test_panels_without_samples_are_one_line_below_the_others(open_page: Open) -> None:
    page = open_page(fragment="#range=300&host=web-1")
    eventually(page, "document.querySelectorAll('.panel[data-empty=\"1\"]').length === 6")
    heights = page.locator('.panel[data-empty="1"]').evaluate_all("all => all.map((one) => one.offsetHeight)")
    assert max(heights) < 60
    assert top_of(page, '[data-panel="load"]') < top_of(page, '[data-panel="cpu"]')


@pytest.mark.parametrize("fragment", ["", "#range=300&host=web-1", "#range=300&query=nowhere"])
def test_a_short_list_of_lines_reaches_to_the_bottom(open_page: Open, fragment: str) -> None:
    page = open_page(fragment=fragment)
    eventually(page, "document.querySelectorAll('#lines > .line').length > 0 || !document.getElementById('lines-empty').hidden")
    shown = "#lines-empty" if "nowhere" in fragment else "#lines"
    eventually(page, f"Math.abs(innerHeight - 30 - document.querySelector('{shown}').getBoundingClientRect().bottom) <= 2")
