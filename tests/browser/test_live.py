"""The page of a running run moves by itself; the history shows what runs and stops it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from pymc_vibes.core.experiment import UploadOptions
from pymc_vibes.core.run import Pending
from pymc_vibes.settings import Settings
from tests.browser.conftest import Site, Watch, served
from tests.browser.test_every_page import AXE, faults
from tests.sampled.registered import TOSSES, Gate

WIDE: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 375, "height": 700}


@pytest.fixture
def coin(tmp_path: Path, gate: Gate) -> Iterator[Site]:
    """A server with a kind that must sample, and some tosses."""
    file = tmp_path / "tosses.csv"
    file.write_text(TOSSES)
    with served(Settings(home=tmp_path / "home")) as up:
        up.service.create("coin", "coin")
        up.service.upload("coin", file, UploadOptions(format="csv"))
        yield up
        gate.open()


def begun(site: Site, **config: object) -> str:
    """Ask a question that must be sampled, and give the address of its run's page."""
    with pytest.raises(Pending) as pending:
        site.service.without_waiting().analyze("coin", config)
    return f"{site.url}/runs/{pending.value.run.id}"


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_chains_are_seen_on_any_screen_and_turn_into_the_answer(
    page: Page, coin: Site, gate: Gate, size: ViewportSize, scheme: str
) -> None:
    watch = Watch(page, coin.url)
    page.set_viewport_size(size)
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    with page.expect_request("**/events"):
        page.goto(begun(coin))

    bar = page.get_by_role("list", name="Chains").get_by_role("progressbar", name="Chain 4")
    expect(bar).to_have_attribute("value", "5")
    expect(bar).to_have_attribute("max", "10")
    expect(page.get_by_role("status")).to_have_text("Sampling …")
    expect(page).to_have_title(re.compile("^50 % · Run of coin"))
    page.evaluate(AXE)
    found = faults(page)
    gate.open()
    expect(page.locator(".headline").first).to_contain_text("The coin falls on heads")
    expect(page).to_have_title(re.compile("^Run of coin"))

    assert found == []
    watch.assert_calm()


def test_without_events_it_moves_all_the_same(page: Page, coin: Site, gate: Gate) -> None:
    page.route("**/events*", lambda route: route.abort())
    page.goto(begun(coin))

    expect(page.get_by_role("progressbar", name="Chain 1")).to_have_attribute("value", "5")
    gate.open()
    expect(page.locator(".headline").first).to_contain_text("The coin falls on heads")


def test_a_page_that_nobody_sees_gives_its_connection_back(page: Page, coin: Site) -> None:
    page.goto(begun(coin))
    expect(page).to_have_title(re.compile("^50 % · Run of coin"))
    hide = (
        "value => { Object.defineProperty(document, 'hidden', {value, configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange')); }"
    )

    with page.expect_event("requestfailed", lambda request: "/events" in request.url):
        page.evaluate(hide, arg=True)
    with page.expect_request("**/events?last_event_id=*") as again:
        page.evaluate(hide, arg=False)

    assert again.value.url.partition("=")[2].isdecimal()


def test_the_stage_is_read_out_once(page: Page, coin: Site) -> None:
    page.goto(begun(coin))
    status = page.get_by_role("status")
    expect(status).to_have_text("Sampling …")
    status.evaluate("element => { element.seen = true }")
    with page.expect_response("**/standing"):
        pass
    with page.expect_response("**/standing"):
        pass

    assert status.evaluate("element => element.seen") is True


def test_the_history_moves_and_stops_what_runs(page: Page, coin: Site) -> None:
    watch = Watch(page, coin.url)
    first = begun(coin).rpartition("/")[2]
    begun(coin, level=0.9)
    page.set_viewport_size(PHONE)
    page.goto(f"{coin.url}/runs")

    rows = page.get_by_role("list", name="Runs, newest first").get_by_role("listitem")
    expect(rows).to_have_count(2)
    expect(rows.last).to_contain_text("Sampling … 50 %")
    page.evaluate(AXE)
    found = faults(page)
    rows.last.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("This run was cancelled.")).to_be_visible()
    page.goto(f"{coin.url}/runs")
    page.get_by_label("State").select_option("cancelled")
    page.get_by_role("button", name="Show").click()

    expect(rows).to_have_count(1)
    expect(rows.get_by_role("link").first).to_have_attribute("href", f"/runs/{first}")
    assert found == []
    watch.assert_calm()
