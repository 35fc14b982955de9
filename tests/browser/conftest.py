"""The real browser and the real server of the browser tests: one each, a clean profile per test."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import uvicorn
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

from pymc_vibes.http.app import create_app
from pymc_vibes.kinds import catalog
from pymc_vibes.service import Service
from pymc_vibes.service.worlds import example_world
from pymc_vibes.settings import Settings
from scripts.chromium import find_chromium
from tests.running import running

SECRET = "a secret of the browser tests, forty characters"  # noqa: S105  # of these tests only

PATIENCE = 120_000  # milliseconds: its own 5 and 30 seconds are short on a busy machine
expect.set_options(timeout=PATIENCE)

# in a container tests run as root, where the sandbox cannot; the rest keeps off the network
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless browser, kept for the whole run."""
    path = find_chromium()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A profile of its own: no cookie or storage outlives a test."""
    fresh = browser.new_context(locale="en-US", timezone_id="America/New_York")
    fresh.set_default_timeout(PATIENCE)
    yield fresh
    fresh.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """An empty page in that profile."""
    return context.new_page()


@dataclass(frozen=True, kw_only=True)
class Site:
    """A server on this machine with its service."""

    url: str
    service: Service


@contextmanager
def served(settings: Settings) -> Iterator[Site]:
    """Serve the application from a thread; connections wait in the socket until it is up."""
    service = Service.open(settings)
    app = create_app(settings, service=service, quiet=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    with running(server) as (url, _):
        yield Site(url=url, service=service)
    service.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server with an example of every kind."""
    with served(Settings(home=tmp_path_factory.mktemp("site") / "home")) as up:
        for slug, kind in catalog().items():
            example_world(up.service, slug, size=min(1500, kind.sizes.many))
        yield up


@pytest.fixture(scope="session")
def locked_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An empty server that asks who is there."""
    home = tmp_path_factory.mktemp("locked") / "home"
    with served(Settings(home=home, auth_secret=SECRET)) as up:
        yield up


class Watch:
    """Listens to a page: what it complains of, and where it asks for things."""

    def __init__(self, page: Page, home: str) -> None:
        self.complaints: list[str] = []
        self.elsewhere: list[str] = []
        self._home = home
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))
        page.on("request", self._see)

    def _hear(self, message: ConsoleMessage) -> None:
        # the browser notes every answer of 400 and above; a page about a problem is one
        if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def _see(self, request: Request) -> None:
        if not request.url.startswith((self._home, "data:", "blob:")):
            self.elsewhere.append(request.url)

    def assert_calm(self) -> None:
        """Check that nothing was complained of and nothing was asked for elsewhere."""
        assert self.complaints == []
        assert self.elsewhere == []
