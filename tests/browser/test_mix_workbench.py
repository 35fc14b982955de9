"""The workbench of the marketing mix in a real browser, from a spreadsheet to a budget."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from pymc_vibes.settings import Settings
from tests.browser.conftest import Site, Watch, served
from tests.browser.test_every_page import AXE, PHONE, WIDE, faults

READING = ("Fit", "Contributions", "Response", "ROI", "Budget", "Calibration")
SAMPLING = 240_000  # milliseconds for compiling and sampling on a busy machine


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server that holds nothing yet."""
    with served(Settings(home=tmp_path_factory.mktemp("bench") / "home")) as up:
        yield up


@pytest.fixture(scope="module")
def trained(bench: Site, spreadsheet: Path) -> Site:
    """The same with a brand that is trained."""
    quick = {"currency": "EUR", "tune": 200, "draws": 800, "chains": 2}
    bench.service.create("trained", "marketing-mix", config=quick)
    bench.service.upload("trained", spreadsheet)
    bench.service.with_waiting().analysis("trained")
    return bench


@pytest.fixture(scope="module")
def spreadsheet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample as a file."""
    import pyarrow.csv as pc

    from pymc_vibes.kinds.marketing_mix.samples import sample

    path = tmp_path_factory.mktemp("media") / "media.csv"
    pc.write_csv(sample()[1], path)
    return path


def upload(page: Page, bench: Site, spreadsheet: Path, name: str) -> None:
    page.goto(f"{bench.url}/ui/mix")
    page.get_by_label("Name", exact=False).first.fill(name)
    page.get_by_label("Display name").fill(f"The {name}")
    page.get_by_label("Spreadsheet").set_input_files(spreadsheet)
    page.get_by_role("button", name="Create and check").click()


def train_quickly(page: Page) -> None:
    page.get_by_role("link", name="Configure").first.click()
    page.get_by_label("Currency").fill("EUR")
    page.get_by_text("Sampler and words").click()
    page.get_by_label("Tune").fill("200")
    page.get_by_label("Draws").fill("800")
    page.get_by_label("Chains").fill("2")
    page.get_by_role("button", name="Save and train").click()


def open_step(page: Page, title: str) -> None:
    page.get_by_role("navigation", name="Steps").get_by_role("link", name=title).click()


def faults_of(page: Page, title: str) -> list[str]:
    """List what is not accessible on a step, or too wide: on a desk in the dark, on a phone."""
    open_step(page, title)
    expect(page.locator(".asked[hx-get]:empty")).to_have_count(0)
    page.evaluate(AXE)
    page.set_viewport_size(WIDE)
    page.emulate_media(color_scheme="dark")
    found = faults(page)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(PHONE)
    return [*found, *faults(page)]


def test_from_a_spreadsheet_to_a_budget(page: Page, bench: Site, spreadsheet: Path) -> None:
    watch = Watch(page, bench.url)

    upload(page, bench, spreadsheet, "brand")
    expect(page.get_by_role("status")).to_have_text("104 rows added.")
    expect(page.locator(".headline").first).to_have_text("Ready to train.")
    parts = page.get_by_role("table", name="Columns, and the part each plays")
    expect(parts.get_by_role("row", name="act_tv")).to_contain_text("activity of tv")

    train_quickly(page)
    panel = page.get_by_label("Being trained")
    expect(panel.get_by_role("list", name="Stages")).to_contain_text("Sampled")
    expect(panel.get_by_role("progressbar", name="All of it")).to_be_visible()

    expect(page).to_have_url(re.compile("/workbench/fit$"), timeout=SAMPLING)
    expect(page.locator(".headline").first).to_contain_text("Media brought about")
    expect(page.locator("vibes-figure[data-ready]").first).to_be_visible()

    open_step(page, "Contributions")
    lost = page.get_by_role("table", name=re.compile("Lost without it"))
    expect(lost.get_by_role("row")).to_have_count(4)
    open_step(page, "Response")
    expect(page.locator("vibes-figure[data-ready]")).to_have_count(1)
    open_step(page, "ROI")
    expect(page.get_by_role("columnheader", name="Marginal ROAS")).to_be_visible()

    open_step(page, "Budget")
    plan = page.locator("#asked-optimize")
    expect(plan.locator(".headline")).to_contain_text("EUR")
    page.get_by_text("Ask it otherwise").click()
    page.locator("#ask-optimize").get_by_label("Swing").fill("0.1")
    page.locator("#ask-optimize").get_by_role("button", name="Ask").click()
    expect(plan.get_by_role("table", name=re.compile("Money over the next"))).to_be_visible()
    expect(page).to_have_url(re.compile("/workbench/budget$"))

    open_step(page, "Calibration")
    expect(page.locator("#asked-next-experiment .headline")).to_contain_text("Test")
    watch.assert_calm()


@pytest.mark.parametrize("title", READING)
def test_a_step_is_accessible_and_fits(page: Page, trained: Site, title: str) -> None:
    watch = Watch(page, trained.url)
    page.goto(f"{trained.url}/experiments/trained/workbench")

    assert faults_of(page, title) == []
    watch.assert_calm()


def test_a_training_is_cancelled_from_the_keyboard(
    page: Page, bench: Site, spreadsheet: Path
) -> None:
    upload(page, bench, spreadsheet, "stopped")
    open_step(page, "Train")
    page.get_by_role("button", name="Train").click()
    expect(page.get_by_label("Being trained")).to_be_visible()
    page.get_by_role("button", name="Cancel").focus()
    page.keyboard.press("Enter")

    expect(page.get_by_role("list", name="Runs, newest first")).to_contain_text(
        "cancelled", timeout=SAMPLING
    )
    expect(page.get_by_role("button", name="Train")).to_be_visible()


def test_demo_and_real_stand_apart(page: Page, bench: Site) -> None:
    watch = Watch(page, bench.url)
    page.goto(f"{bench.url}/ui/mix")
    page.get_by_role("navigation", name="Workspace").get_by_role("link", name="Demo").click()
    page.get_by_role("button", name="Make the demo worlds").click()
    worlds = page.get_by_role("list", name="Demo worlds")
    expect(worlds.get_by_role("listitem")).to_have_count(3)
    worlds.get_by_role("link", name="One brand, three channels").click()

    expect(page.locator("h1 .badge")).to_have_text("Demo")
    page.get_by_role("navigation", name="Workspace").get_by_role("link", name="Real").click()
    expect(page.locator(".badge")).to_have_count(0)
    expect(page.get_by_text("One brand, three channels")).to_have_count(0)
    watch.assert_calm()


def test_without_scripts_data_are_checked_and_settings_kept(
    browser: Browser, bench: Site, spreadsheet: Path
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    upload(page, bench, spreadsheet, "plain")
    expect(page.locator(".headline").first).to_have_text("Ready to train.")
    open_step(page, "Configure")
    page.get_by_label("Harmonics").fill("3")
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_role("status")).to_have_text("Kept: harmonics.")
    expect(page.get_by_label("Harmonics")).to_have_value("3")
    context.close()
