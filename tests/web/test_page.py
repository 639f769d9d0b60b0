"""The page in Debian's Chromium, over a server with a day of samples; its screenshots are kept as artefacts."""

import math
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from fairlead.core.clock import SystemClock
from fairlead.core.sample import MetricType
from fairlead.core.verdict import Status, Verdict, VerdictFinding
from fairlead.store.interface import Intake
from fairlead.store.settings import StoreSettings
from fairlead.store.sqlite import SqliteStore, open_store
from fairlead.web.sources import WebSources
from tests.support.samples import SECOND_NS, batch, layout, put, tick
from tests.web.background import BackgroundServer
from tests.web.browsing import Open, eventually, pages_of, shoot

pytestmark = pytest.mark.real
MODES = ("idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user")
SHARES = {"user": 0.6, "system": 0.2, "iowait": 0.1, "softirq": 0.05, "steal": 0.05, "irq": 0.0, "nice": 0.0}
CPU = layout(
    "cpu", *(("node_cpu_seconds_total", MetricType.COUNTER, {"cpu": str(cpu), "mode": mode}) for cpu in range(4) for mode in MODES)
)
LOAD = layout("load", *((f"node_load{minutes}", MetricType.GAUGE, {}) for minutes in (1, 5, 15)))
MARKUP = '<script>window.hacked=1</script><img src=x onerror="window.hacked=1">'
DAY_S = 86400


class Host(BackgroundServer):
    """A host with a day of samples and a few lines."""

    def __init__(self, folder: Path) -> None:
        self.store: SqliteStore = open_store(folder, StoreSettings(), SystemClock())
        self.now_s = int(time.time())
        self.offset = 10_000_000
        self._fill()
        finding = VerdictFinding("disk", "Fullest disk", Status.WARNING, "/data is 91% full", self.now_s - 3600, "limit 85% full")
        verdict = Verdict(Status.WARNING, self.now_s - 3600, "Fullest disk: /data is 91% full", (finding,))
        super().__init__(lambda feed: WebSources(host="testhost", latest=list, store=self.store, verdict=lambda: verdict, feed=feed))

    def _fill(self) -> None:
        ticks, now_s = [], self.now_s
        counters = [0.0] * len(MODES)
        for second in range(now_s - DAY_S, now_s):
            busy = 0.3 + 0.2 * math.sin(second / 600)
            for place, mode in enumerate(MODES):
                counters[place] += 1 - busy if mode == "idle" else busy * SHARES[mode]
            if now_s - 200 < second < now_s - 170:
                continue
            ticks.append(tick("cpu", second * SECOND_NS, CPU, counters * 4))
            if second % 5 == 0:
                ticks.append(tick("load", second * SECOND_NS, LOAD, [1 + busy, 1, 0.9]))
        put(self.store, [], ticks, "host")
        for _ in range(30):
            self.store.sweep()
        times = [(now_s - 290 + i) * SECOND_NS for i in range(250)]
        put(self.store, [batch("s", 100 * i, [f"request {i} served"], time_ns=times[i]) for i in range(250)], [], "host")
        put(self.store, [batch("e", 0, [f"error: {MARKUP}"], "/var/log/bad.log", "error", times[100])], [], "host")

    def append(self, message: str) -> None:
        """Store a line of now, and tell the streams."""
        new = batch("live", self.offset, [message], time_ns=time.time_ns())
        self.offset += 1000
        put(self.store, [new], [], "host")
        self.loop.call_soon_threadsafe(self.feed.publish, Intake(batches=[new]))


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """One server for all tests of the page."""
    running = Host(tmp_path_factory.mktemp("page"))
    yield running
    running.stop()
    running.store.close()


@pytest.fixture
def open_page(host: Host, browser: Browser) -> Iterator[Open]:
    """Open the host's page."""
    with pages_of(browser, host) as opened:
        yield opened


def pixels(page: Page, panel: str) -> int:
    """Return how many pixels a chart has drawn."""
    script = """key => { const c = document.querySelector(`[data-panel="${key}"] canvas`);
        const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data; let n = 0;
        for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n; }"""
    return int(page.evaluate(script, panel))


def span_s(page: Page) -> float:
    """Return how long a time the page shows, by its address."""
    value = page.evaluate("new URLSearchParams(location.hash.slice(1)).get('range')")
    since, dash, until = value.partition("-")
    return float(until) - float(since) if dash else float(since)


def test_the_verdict_and_the_charts_answer_at_a_glance(open_page: Open) -> None:
    page = open_page()
    assert page.locator("#verdict").get_attribute("data-status") == "warning"
    assert "since" in page.locator("#verdict-title").inner_text()
    assert "/data is 91% full" in page.locator("#verdict-summary").inner_text()
    assert pixels(page, "cpu") > 3000
    assert pixels(page, "load") > 500
    assert page.locator('[data-panel="disk"] .note').inner_text() == "no samples"
    shoot(page, "page-light")


def test_a_day_of_seconds_is_drawn_from_bounded_points(open_page: Open) -> None:
    page = open_page()
    sizes: list[int] = []
    page.on("response", lambda answer: sizes.append(len(answer.body())) if "/series" in answer.url else None)
    with page.expect_response(lambda answer: "node_cpu_seconds_total" in answer.url and answer.ok):
        page.get_by_role("button", name="24 h").click()
    eventually(page, "document.querySelector('[data-panel=cpu]').dataset.empty === ''")
    assert pixels(page, "cpu") > 3000
    assert max(sizes) < 1_000_000


def test_dragging_zooms_all_charts_and_back_undoes_it(open_page: Open) -> None:
    page = open_page()
    plot = page.locator('[data-panel="cpu"] .u-over').bounding_box()
    assert plot is not None
    page.mouse.move(plot["x"] + plot["width"] * 0.5, plot["y"] + 30)
    page.mouse.down()
    page.mouse.move(plot["x"] + plot["width"] * 0.75, plot["y"] + 40, steps=5)
    with page.expect_response(lambda answer: "node_load1" in answer.url):
        page.mouse.up()
    assert 50 < span_s(page) < 100
    page.keyboard.press("z")
    eventually(page, "location.hash.includes('range=300')")


def test_a_click_on_a_moment_shows_its_lines(open_page: Open, host: Host) -> None:
    page = open_page()
    plot = page.locator('[data-panel="cpu"] .u-over').bounding_box()
    assert plot is not None
    page.mouse.click(plot["x"] + plot["width"] * 0.4, plot["y"] + 50)
    page.wait_for_selector("#moment:not([hidden])")
    eventually(page, "document.querySelectorAll('#lines > .line').length > 0 && document.querySelectorAll('#lines > .line').length < 60")
    page.get_by_role("button", name="Show all of the range").click()
    eventually(page, "document.querySelectorAll('#lines > .line').length > 150")


def test_search_filters_and_context_find_lines_and_markup_stays_text(open_page: Open) -> None:
    page = open_page()
    box = page.locator("#query").bounding_box()
    assert box
    assert box["width"] > 250, "the search field is too narrow to type in"
    page.keyboard.press("/")
    page.keyboard.type("request 42")
    eventually(page, "document.querySelectorAll('#lines > .line').length === 1")
    page.locator("#query").fill("")
    page.locator("#level").select_option("bad")
    eventually(
        page, "document.querySelectorAll('#lines > .line').length === 1 && document.querySelector('#lines').textContent.includes('error:')"
    )
    assert MARKUP in page.locator("#lines").inner_text()
    assert page.evaluate("window.hacked") is None
    page.locator("#level").select_option("")
    page.locator("#file").select_option("/var/log/app.log")
    page.locator("#query").fill("request 100")
    eventually(
        page,
        "document.querySelectorAll('#lines > .line').length === 1 && document.querySelector('#lines').textContent.includes('request 100')",
    )
    page.keyboard.press("Escape")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_selector("#lines .around .here")
    assert page.locator("#lines ol.around .line").count() == 17


def chosen_level(page: Page) -> str:
    return str(page.evaluate("document.getElementById('level').selectedOptions[0].text"))


def test_the_levels_typed_and_chosen_are_in_step(open_page: Open) -> None:
    page = open_page()
    query = page.locator("#query")
    query.fill("level:ERR")
    assert chosen_level(page) == "error"
    eventually(page, "document.getElementById('log-count').textContent === '1 line, 1 error'")
    assert "level=" not in page.evaluate("location.hash"), "the query has it"
    query.fill('level:info "level:error" -level:debug level:notice')
    assert chosen_level(page) == "info, notice"
    page.locator("#level").select_option("bad")
    assert query.input_value() == '"level:error" -level:debug'
    query.fill("level:error level:critical level:alert level:emergency")
    assert chosen_level(page) == "Errors and worse"
    query.fill("served")
    assert chosen_level(page) == "Any level"
    eventually(page, "document.querySelectorAll('#lines > .line').length > 150")


def test_a_shared_level_of_the_query_is_shown(open_page: Open) -> None:
    page = open_page(fragment="#range=900&query=level%3Aerror&level=warning")
    assert chosen_level(page) == "error"
    eventually(page, "document.querySelectorAll('#lines > .line').length === 1")


def test_follow_shows_new_lines_as_they_are_stored(open_page: Open, host: Host) -> None:
    page = open_page()
    host.append("a line of now")
    eventually(page, "document.querySelector('#lines').lastElementChild.textContent.includes('a line of now')")
    page.keyboard.press("f")
    assert page.locator("#follow").get_attribute("aria-pressed") == "false"


def test_the_keyboard_does_it_all(open_page: Open) -> None:
    page = open_page()
    page.keyboard.press("3")
    assert span_s(page) == 3600
    page.keyboard.press("+")
    assert 1700 < span_s(page) < 1900
    page.keyboard.press("?")
    assert page.locator("#help").is_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("d")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement !== document.body")


def test_a_phone_shows_it_without_scrolling_sideways(open_page: Open) -> None:
    page = open_page(360, 740)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert pixels(page, "cpu") > 1000
    shoot(page, "page-phone")


def test_a_dark_room_gets_a_dark_page(open_page: Open) -> None:
    page = open_page(scheme="dark")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    shoot(page, "page-dark")


def test_a_shared_address_shows_the_same(open_page: Open) -> None:
    page = open_page(fragment="#range=900&query=request&level=bad")
    assert page.locator("#query").input_value() == "request"
    assert page.locator("#level").input_value() == "bad"
    assert page.get_by_role("button", name="15 min").get_attribute("aria-pressed") == "true"


def test_a_cut_stream_is_told_and_comes_back(open_page: Open, host: Host) -> None:
    page = open_page()
    host.stop()
    page.wait_for_selector("#banner:not([hidden])")
    assert "is not live" in page.locator("#banner").inner_text()
    shoot(page, "page-cut")
    host.start()
    page.wait_for_selector("#banner", state="hidden", timeout=15000)
    host.append("after the cut")
    eventually(page, "document.querySelector('#lines').textContent.includes('after the cut')")
