"""Pages in Debian's Chromium, watched: no error of the console or the policy, and no request that leaves the server."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.web.background import BackgroundServer

ARTEFACTS = Path(__file__).parents[2] / "build/out/artefacts"
"""Screenshots are kept here."""
_EXPECTED = ("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE")
"""What Chromium says of a server that a test has stopped."""

Open = Callable[..., Page]


@contextmanager
def pages_of(browser: Browser, server: BackgroundServer) -> Iterator[Open]:
    """Give what opens a server's page once it is ready; at the end close all that were opened, and fail for what went wrong in them."""
    faults: list[str] = []
    pages: list[Page] = []

    def open_(width: int = 1500, height: int = 950, scheme: str = "light", fragment: str = "") -> Page:
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]  # light or dark
        page.on("console", lambda message: faults.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith((server.url, "data:")) else faults.append(request.url))
        page.goto(f"{server.url}/{fragment}")
        page.wait_for_selector("body[data-ready]")
        pages.append(page)
        return page

    yield open_
    for page in pages:
        page.close()
    assert [fault for fault in faults if not any(name in fault for name in _EXPECTED)] == []


def shoot(page: Page, name: str) -> None:
    """Keep a screenshot."""
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"{name}.png")


def eventually(page: Page, expression: str) -> None:
    """Wait until an expression is true; asked from outside, as the page's policy lets nothing evaluate text."""
    end = time.monotonic() + 15
    while not page.evaluate(expression):
        assert time.monotonic() < end, expression
        page.wait_for_timeout(20)
