"""The report of an answer: one file that is read offline, on a phone and on paper."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Site
from tests.browser.test_every_page import AXE, PHONE, WIDE, faults

A4 = {"width": 680, "height": 1000}  # what is left of it within margins of 15 mm
WHITE = "rgb(255, 255, 255)"
KINDS = ("ab-test", "bernoulli", "multi-armed-bandits", "poisson-cohorts")


@pytest.fixture(params=KINDS)
def report(page: Page, site: Site, tmp_path: Path, request: pytest.FixtureRequest) -> list[str]:
    """Open the report of an answer from a file, cut off from the net; give what it asks for."""
    name = f"demo-{request.param}"
    answer = page.request.post(f"{site.url}/api/v1/experiments/{name}/runs", data={}).json()
    body = page.request.get(f"{site.url}/api/v1/runs/{answer['run_id']}/report").body()
    file = tmp_path / f"{name}.html"
    file.write_bytes(body)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.context.set_offline(True)
    page.goto(file.as_uri())
    return asked


def test_a_report_needs_no_net_and_is_accessible(page: Page, report: list[str]) -> None:
    page.evaluate(AXE)

    page.set_viewport_size(WIDE)
    on_screen = faults(page)
    page.set_viewport_size(PHONE)
    on_phone = faults(page)

    assert (on_screen, on_phone, len(report)) == ([], [], 1)


def test_a_report_fits_on_paper_and_leaves_it_white(page: Page, report: list[str]) -> None:
    page.set_viewport_size(A4)
    page.emulate_media(media="print", color_scheme="dark")

    cut: list[str] = page.evaluate(
        "[...document.querySelectorAll('table, figure, pre')]"
        ".filter(part => part.scrollWidth > innerWidth).map(part => part.outerHTML.slice(0, 80))"
    )
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    backs: list[str] = page.evaluate(
        "[...document.querySelectorAll('figure svg')]"
        ".map(svg => getComputedStyle(svg.querySelector('path')).fill)"
    )

    assert (cut, paper, set(backs)) == ([], WHITE, {WHITE})
    assert report


def test_what_is_folded_on_a_page_stands_open_in_a_report(page: Page, report: list[str]) -> None:
    folded = page.locator("details:not([open])").count()

    assert (folded, page.get_by_text("Settings of this answer").count()) == (0, 1)
    assert report
