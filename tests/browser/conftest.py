"""A real Chromium, and a guard: a test fails on a page error, a console error or a request that leaves the machine."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser.pages import Pages

if TYPE_CHECKING:
    from tests.browser.site import Site

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE = Path(__file__).parent.parent.parent / "web/frontend/node_modules/axe-core/axe.min.js"
#: A form with errors comes back as 422; the browser reports that answer on its console.
EXPECTED = "422"


def _local(address: str) -> bool:
    url = urlsplit(address)
    return url.scheme in ("data", "blob", "about") or url.hostname in ("127.0.0.1", "localhost")


class Guard:
    """What went wrong on the pages of one test. Where an error is the point of the test, ``allow`` its words."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.allowed: list[str] = [EXPECTED]

    def allow(self, words: str) -> None:
        self.allowed.append(words)

    def watch(self, context: BrowserContext) -> None:
        context.on("weberror", lambda error: self.found.append(f"page error: {error.error}"))
        context.on("console", lambda message: message.type == "error" and self.console(message.text))
        context.on(
            "request",
            lambda request: _local(request.url) or self.found.append(f"left the machine: {request.url}"),
        )
        context.route(lambda address: not _local(address), lambda route: route.abort())

    def console(self, text: str) -> None:
        if not any(words in text for words in self.allowed):
            self.found.append(f"console: {text}")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.fail("没有 Chromium：先运行 make setup-tests")
    return {**browser_type_launch_args, "executable_path": chromium, "args": FLAGS}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {
        **browser_context_args,
        "locale": "zh-CN",
        "timezone_id": "Asia/Shanghai",
        "reduced_motion": "reduce",
        "viewport": {"width": 1440, "height": 900},
    }


@pytest.fixture
def guard() -> Iterator[Guard]:
    guard = Guard()
    yield guard
    assert not guard.found, "\n".join(guard.found)


@pytest.fixture
def context(context: BrowserContext, guard: Guard) -> BrowserContext:
    guard.watch(context)
    context.set_default_timeout(15_000)
    return context


@pytest.fixture
def person(new_context: Any, guard: Guard) -> Any:
    """A browser of one's own for each of several people: ``person()`` gives a page."""

    def open_browser() -> Page:
        context: BrowserContext = new_context()
        guard.watch(context)
        context.set_default_timeout(15_000)
        return context.new_page()

    return open_browser


@pytest.fixture
def pages() -> Iterator[Pages]:
    """The front end without the application behind it."""
    pages = Pages()
    pages.start()
    yield pages
    pages.stop()


@pytest.fixture
def violations() -> Callable[[Page], list[str]]:
    """What axe-core finds against WCAG 2.2 A and AA on the page as it stands: rule and the first place."""

    def run(page: Page) -> list[str]:
        page.evaluate(AXE.read_text())
        found = page.evaluate(
            "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})"
        )
        return [f"{one['id']}: {one['nodes'][0]['html'][:160]}" for one in found["violations"]]

    return run


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation with the demo's organisation and the shipped processes; each test gets a copy."""
    from tests.browser.site import prepare  # only where a test asks: the pages alone need no engine

    home = tmp_path_factory.mktemp("prepared") / "home"
    prepare(home)
    return home


@pytest.fixture
def site(prepared: Path, tmp_path: Path) -> Iterator[Site]:
    """The application; its jobs run when the test calls ``site.engine.run_jobs()``."""
    from tests.browser.site import Site

    site = Site(shutil.copytree(prepared, tmp_path / "home"))
    yield site
    site.stop()
