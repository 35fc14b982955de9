"""Pictures of the product for the pages, taken by a headless browser from a server of their own.

A page marks the place of one by `<!-- picture: NAME -->`, which is invisible where the page lies.
Each is taken for light and for dark: NAME-light.png and NAME-dark.png.
"""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

import uvicorn

from pymc_vibes.http.app import create_app
from pymc_vibes.service import Service
from pymc_vibes.service.worlds import example_world
from pymc_vibes.settings import Settings
from scripts.chromium import find_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Page


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A page of the product, as a reader sees it first, or from some element of it on."""

    name: str
    path: str
    caption: str
    has_figure: bool = True
    begins_at: str | None = None


PICTURES = (
    Picture(
        name="ab-test",
        path="/experiments/demo-ab-test",
        caption="The answer of an A/B test: the verdict first, then numbers and figures.",
    ),
    Picture(
        name="rates",
        path="/ui/posterior?experiment=demo-poisson-cohorts",
        caption="Two cohorts side by side: what is known of each rate.",
        begins_at="button.main",
    ),
    Picture(
        name="interventions",
        path="/experiments/demo-interrupted-time-series",
        caption="What a change did to the days after it.",
    ),
    Picture(
        name="n-of-1",
        path="/experiments/demo-n-of-1",
        caption="A treatment that is tried in turn with another.",
    ),
    # the last one, because by now each answer has been read once
    Picture(name="home", path="/", caption="The first page lists what there is.", has_figure=False),
)
_KINDS = ("ab-test", "poisson-cohorts", "interrupted-time-series", "n-of-1")
_ROWS = 1500
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
_SIZE = (800, 760)  # about as wide as a page of the site
_DENSITY = 2  # sharp on a phone and on a good screen
# in a container this runs as root, where the sandbox cannot
_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")


def take_pictures(folder: Path) -> dict[str, str]:
    """Take every picture into the folder and give the captions; raises where no browser runs."""
    browser = find_chromium()
    folder.mkdir(parents=True)
    with TemporaryDirectory() as home, _served(Settings(home=Path(home), ledger="off")) as address:
        _photograph(browser, address, PICTURES, folder)
    return {picture.name: picture.caption for picture in PICTURES}


def _photograph(browser: str, address: str, wanted: Sequence[Picture], folder: Path) -> None:
    from playwright.sync_api import ViewportSize, sync_playwright

    size = ViewportSize(width=_SIZE[0], height=_SIZE[1])
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=browser, args=[*_ARGUMENTS])
        for scheme in SCHEMES:
            page = started.new_page(
                viewport=size, device_scale_factor=_DENSITY, color_scheme=scheme, locale="en-US"
            )
            for picture in wanted:
                _show(page, f"{address}{picture.path}", picture)
                page.screenshot(path=folder / f"{picture.name}-{scheme}.png")
        started.close()


def _show(page: "Page", address: str, picture: Picture) -> None:
    page.goto(address, wait_until="networkidle")
    if picture.has_figure:
        page.locator("figure svg").first.wait_for()
    if picture.begins_at is not None:
        begin = page.locator("main").locator(picture.begins_at).first
        begin.evaluate("element => element.scrollIntoView({behavior: 'instant'})")


@contextmanager
def _served(settings: Settings) -> Iterator[str]:
    """Give the address of a server that holds a simulated world of some kinds."""
    service = Service.open(settings)
    for slug in _KINDS:
        example_world(service, slug, size=_ROWS)
    app = create_app(settings, service=service, quiet=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen(128)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
            service.close()
