"""The page in Debian's Chromium, over a server with a day of samples; its screenshots are kept as artefacts."""

import asyncio
import math
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from fairlead.core.clock import SystemClock
from fairlead.core.readiness import Readiness
from fairlead.core.sample import MetricType
from fairlead.core.telemetry import Telemetry
from fairlead.core.verdict import Status, Verdict, VerdictFinding
from fairlead.store.settings import StoreSettings
from fairlead.store.sqlite import SqliteStore, open_store
from fairlead.web.feed import Feed
from fairlead.web.server import WebServer
from fairlead.web.settings import WebSettings
from fairlead.web.sources import WebSources
from tests.support.samples import SECOND_NS, batch, layout, tick

pytestmark = pytest.mark.real
ARTEFACTS = Path(__file__).parents[2] / "build/out/artefacts"
MODES = ("idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user")
SHARES = {"user": 0.6, "system": 0.2, "iowait": 0.1, "softirq": 0.05, "steal": 0.05, "irq": 0.0, "nice": 0.0}
CPU = layout(
    "cpu", *(("node_cpu_seconds_total", MetricType.COUNTER, {"cpu": str(cpu), "mode": mode}) for cpu in range(4) for mode in MODES)
)
LOAD = layout("load", *((f"node_load{minutes}", MetricType.GAUGE, {}) for minutes in (1, 5, 15)))
MARKUP = '<script>window.hacked=1</script><img src=x onerror="window.hacked=1">'
DAY_S = 86400


class Host:
    """A server in a thread of its own, which a test can stop and start again on the same port."""

    def __init__(self, folder: Path) -> None:
        self.store: SqliteStore = open_store(folder, StoreSettings(), SystemClock())
        self.now_s = int(time.time())
        self.offset = 10_000_000
        self._fill()
        self.url = ""
        self._listen = "127.0.0.1:0"
        self.start()

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
        self.store.write([], ticks, "host")
        for _ in range(30):
            self.store.sweep()
        times = [(now_s - 290 + i) * SECOND_NS for i in range(250)]
        self.store.write([batch("s", 100 * i, [f"request {i} served"], time_ns=times[i]) for i in range(250)], [], "host")
        self.store.write([batch("e", 0, [f"error: {MARKUP}"], "/var/log/bad.log", "error", times[100])], [], "host")

    def start(self) -> None:
        started = threading.Event()

        def run() -> None:
            asyncio.run(self._serve(started))

        self.thread = threading.Thread(target=run, name="server")
        self.thread.start()
        assert started.wait(10)

    async def _serve(self, started: threading.Event) -> None:
        self.loop, self.stopping, self.feed = asyncio.get_running_loop(), asyncio.Event(), Feed()
        finding = VerdictFinding("disk", "Fullest disk", Status.WARNING, "/data is 91% full", self.now_s - 3600, "limit 85% full")
        verdict = Verdict(Status.WARNING, self.now_s - 3600, "Fullest disk: /data is 91% full", (finding,))
        sources = WebSources(host="testhost", latest=list, store=self.store, verdict=lambda: verdict, feed=self.feed)
        server = WebServer(WebSettings(listen=self._listen), sources, SystemClock(), Telemetry(), Readiness())
        await server.start()
        self.url, self._listen = server.url, server.url.partition("://")[2]
        started.set()
        await self.stopping.wait()
        await server.close()

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.stopping.set)
        self.thread.join(15)

    def append(self, message: str) -> None:
        """Store a line of now, and tell the streams."""
        new = batch("live", self.offset, [message], time_ns=time.time_ns())
        self.offset += 1000
        self.store.write([new], [], "host")
        self.loop.call_soon_threadsafe(self.feed.publish, [new], [])


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """One server for all tests of the page."""
    running = Host(tmp_path_factory.mktemp("page"))
    yield running
    running.stop()
    running.store.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield chromium
        chromium.close()


Open = Callable[..., Page]


@pytest.fixture
def open_page(host: Host, browser: Browser) -> Iterator[Open]:
    """Open the page; fails for an error of the console or the policy, and for any request that leaves the host."""
    faults: list[str] = []
    pages: list[Page] = []

    def open_(width: int = 1500, height: int = 950, scheme: str = "light", fragment: str = "") -> Page:
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]  # light or dark
        page.on("console", lambda message: faults.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith((host.url, "data:")) else faults.append(request.url))
        page.goto(f"{host.url}/{fragment}")
        page.wait_for_selector("body[data-ready]")
        pages.append(page)
        return page

    yield open_
    for page in pages:
        page.close()
    assert [fault for fault in faults if "ERR_CONNECTION_REFUSED" not in fault and "ERR_INCOMPLETE" not in fault] == []


def shoot(page: Page, name: str) -> None:
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"{name}.png")


def pixels(page: Page, panel: str) -> int:
    """Return how many pixels a chart has drawn."""
    script = """key => { const c = document.querySelector(`[data-panel="${key}"] canvas`);
        const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data; let n = 0;
        for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n; }"""
    return int(page.evaluate(script, panel))


def eventually(page: Page, expression: str) -> None:
    """Wait until an expression is true; asked from outside, as the page's policy lets nothing evaluate text."""
    end = time.monotonic() + 15
    while not page.evaluate(expression):
        assert time.monotonic() < end, expression
        page.wait_for_timeout(20)


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
