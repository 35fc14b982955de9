"""An answer that is being sampled: the page shows how far it is, and turns into the answer."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from pymc_vibes.core.experiment import UploadOptions
from pymc_vibes.settings import Settings
from tests.browser.conftest import Site, Watch, served
from tests.sampled.registered import TOSSES, Gate


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


def test_the_page_turns_into_the_answer(page: Page, coin: Site, gate: Gate) -> None:
    watch = Watch(page, coin.url)
    page.goto(f"{coin.url}/experiments/coin")

    panel = page.get_by_label("Being sampled")
    expect(panel).to_contain_text("Sampling …")
    expect(panel).to_contain_text("20 of 40 steps · 2 divergences")
    expect(panel.get_by_role("progressbar", name="All of it")).to_have_attribute("value", "0.5")
    gate.open()
    expect(page.locator(".headline").first).to_contain_text("The coin falls on heads")
    expect(page.get_by_role("table", name="Attempts of the sampler")).to_be_visible()
    watch.assert_calm()


def test_a_question_on_the_page_is_answered_in_its_place(
    page: Page, coin: Site, gate: Gate
) -> None:
    page.goto(f"{coin.url}/experiments/coin/ask/heads")
    page.get_by_role("button", name="Ask").click()

    asked = page.locator("#asked")
    expect(asked.get_by_label("Being sampled")).to_contain_text("steps")
    gate.open()
    expect(asked).to_contain_text("Heads, mostly.")


def test_the_run_is_cancelled_from_the_keyboard(page: Page, coin: Site) -> None:
    page.goto(f"{coin.url}/experiments/coin")
    expect(page.get_by_label("Being sampled")).to_contain_text("steps")
    page.get_by_role("button", name="Cancel").press("Enter")

    expect(page.get_by_text("This run was cancelled.")).to_be_visible()


def test_without_scripts_the_page_loads_itself_again(
    browser: Browser, coin: Site, gate: Gate
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{coin.url}/experiments/coin")
    expect(page.get_by_label("Being sampled")).to_be_visible()
    gate.open()

    expect(page.locator(".headline").first).to_contain_text("The coin falls on heads")
    context.close()


def test_a_doubtful_answer_is_marked(page: Page, coin: Site, gate: Gate) -> None:
    gate.open()
    page.goto(f"{coin.url}/experiments/coin?set.ends=doubtful")

    expect(page.get_by_role("alert")).to_contain_text("Do not rely on this: R-hat of theta")
    doubtful = page.get_by_role("group", name="Doubtful")
    expect(doubtful).to_contain_text("The coin falls on heads now and then.")
    expect(doubtful).to_contain_text("Toss again.")
