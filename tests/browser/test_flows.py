"""What people do on the pages, with a keyboard, a mouse, or without scripts."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from pymc_vibes.http.auth import create_token
from pymc_vibes.settings import Settings
from tests.browser.conftest import SECRET, Site, Watch

EVENTS = "variant,unit_id,converted\n" + "".join(
    f"{'AB'[number % 2]},u{number},{int(number % (7 - 3 * (number % 2)) == 0)}\n"
    for number in range(400)
)
BAD = "variant,unit_id,converted\nA,u900,1\nB,u901,perhaps\n"


def create(page: Page, site: Site, name: str, kind: str = "ab-test") -> None:
    page.goto(f"{site.url}/#create")
    page.get_by_label("Name", exact=False).first.fill(name)
    page.locator("#new-kind").select_option(kind)
    page.get_by_role("button", name="Create").click()


def paste(page: Page, text: str) -> None:
    page.get_by_label("or paste the rows").fill(text)
    page.get_by_role("button", name="Upload").click()


def test_from_nothing_to_an_answer(page: Page, site: Site) -> None:
    watch = Watch(page, site.url)

    create(page, site, "from-nothing")
    expect(page.get_by_text("No events yet.")).to_be_visible()
    paste(page, EVENTS)

    expect(page.get_by_role("status")).to_contain_text("400 rows added")
    expect(page.locator(".headline").first).to_contain_text("conversion rate")
    expect(page.locator("vibes-figure[data-ready]").first).to_be_visible()
    watch.assert_calm()


def test_a_file_with_bad_rows_is_explained_and_can_be_sent_again(
    page: Page, site: Site, tmp_path: Path
) -> None:
    file = tmp_path / "events.csv"
    file.write_text(BAD, encoding="utf-8")
    create(page, site, "bad-rows")
    page.get_by_label("File", exact=True).set_input_files(file)
    page.get_by_role("button", name="Upload").click()

    table = page.get_by_role("table", name=re.compile("Rows that cannot be used"))
    expect(table.get_by_role("row").nth(1)).to_contain_text("perhaps")
    expect(page.get_by_role("alert")).to_be_in_viewport()
    expect(page.get_by_role("alert")).to_contain_text("tick the box below")
    page.get_by_label("File", exact=True).set_input_files(file)
    page.get_by_label("Leave out rows").check()
    page.get_by_role("button", name="Upload").click()

    expect(page.get_by_text("1 row added, 1 left out")).to_be_in_viewport()


def test_other_settings_give_another_answer_with_an_address_of_its_own(
    page: Page, site: Site
) -> None:
    watch = Watch(page, site.url)
    page.goto(f"{site.url}/experiments/demo-ab-test")
    page.get_by_text("Read the data with other settings").click()
    page.get_by_label("Level").fill("0.8")
    page.get_by_label("Given as").first.select_option("shape")
    page.get_by_label("A", exact=True).fill("1")
    page.get_by_label("B", exact=True).fill("1")
    page.get_by_role("button", name="Read again").click()

    expect(page).to_have_url(re.compile(r"set\.level=0\.8.*set\.prior\.kind=shape"))
    expect(page).not_to_have_url(re.compile(r"set\.seed|set\.prior\.mean"))
    estimates = page.get_by_role("table", name="Estimates")
    expect(estimates.get_by_role("columnheader", name="80 % equal-tailed interval")).to_be_visible()
    watch.assert_calm()


def test_only_the_chosen_alternative_of_a_setting_is_shown(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/experiments/demo-ab-test#settings")
    chosen = page.get_by_label("Given as").first

    chosen.select_option("shape")
    expect(page.get_by_label("Effective sample size")).to_be_hidden()
    chosen.select_option("mean")
    expect(page.get_by_label("Effective sample size")).to_be_visible()


def test_a_question_is_answered_in_place(page: Page, site: Site) -> None:
    watch = Watch(page, site.url)
    page.goto(f"{site.url}/experiments/demo-poisson-cohorts#ask-compare")
    panel = page.locator("#ask-compare")
    panel.get_by_label("A", exact=False).first.select_option("north")
    panel.get_by_label("B", exact=False).first.select_option("south")
    panel.get_by_role("button", name="Ask").click()

    answer = panel.locator("[aria-live=polite]")
    expect(answer.locator(".headline")).to_contain_text("north")
    expect(answer.locator("vibes-figure[data-ready]")).to_have_count(2)
    expect(page).to_have_url(re.compile("demo-poisson-cohorts#ask-compare$"))
    watch.assert_calm()


def test_a_problem_with_a_question_is_told_in_place(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/experiments/demo-poisson-cohorts#ask-compare")
    panel = page.locator("#ask-compare")
    panel.get_by_label("A", exact=False).first.select_option("north")
    panel.get_by_label("B", exact=False).first.select_option("north")
    panel.get_by_role("button", name="Ask").click()

    expect(panel.get_by_role("alert")).to_contain_text("itself")


def test_two_rates_are_compared_and_the_address_holds_the_question(page: Page, site: Site) -> None:
    watch = Watch(page, site.url)
    page.goto(f"{site.url}/ui/posterior?experiment=demo-poisson-cohorts")
    page.locator("#f-a").select_option("west")
    page.locator("#f-b").select_option("harbor")
    page.get_by_label("Unit").select_option("week")
    page.get_by_role("button", name="Compare").click()

    expect(page.locator(".pair-numbers")).to_contain_text("A: west")
    expect(page.locator(".pair-numbers")).to_contain_text("per week")
    expect(page).to_have_url(re.compile(r"a=west&b=harbor.*unit=week"))
    page.reload()
    expect(page.locator(".pair-numbers")).to_contain_text("A: west")
    expect(page.locator("#f-b")).to_have_value("harbor")
    expect(page.locator("vibes-figure[data-ready]")).to_have_count(2)
    watch.assert_calm()


def test_going_back_shows_the_comparison_before(page: Page, site: Site) -> None:
    watch = Watch(page, site.url)
    page.goto(f"{site.url}/ui/posterior?experiment=demo-poisson-cohorts&a=west&b=harbor")
    page.locator("#f-a").select_option("north")
    page.get_by_role("button", name="Compare").click()
    expect(page.locator(".pair-numbers")).to_contain_text("A: north")

    page.go_back()

    expect(page.locator(".pair-numbers")).to_contain_text("A: west")
    expect(page.get_by_role("heading", name="Compare two rates")).to_be_visible()
    expect(page.locator("vibes-figure[data-ready]")).to_have_count(2)
    watch.assert_calm()


def test_signing_in_opens_the_site_and_uploads_work_there(page: Page, locked_site: Site) -> None:
    watch = Watch(page, locked_site.url)
    settings = Settings(home=locked_site.service.settings.home, auth_secret=SECRET)
    token = create_token(settings, "ann", ["admin"], 1)

    page.goto(f"{locked_site.url}/kinds")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_label("Token").fill("not a token")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{locked_site.url}/kinds")

    create(page, locked_site, "signed-in")
    paste(page, EVENTS)
    expect(page.get_by_role("status")).to_contain_text("400 rows added")
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{locked_site.url}/experiments/signed-in")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    watch.assert_calm()


def test_everything_needed_works_without_scripts(browser: Browser, site: Site) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()

    create_without_scripts(page, site)
    paste_without_scripts(page)
    expect(page.locator(".headline").first).to_contain_text("conversion rate")
    expect(page.locator("vibes-figure img").first).to_be_visible()
    page.goto(f"{site.url}/experiments/plain/ask/compare?a=A&b=B")
    expect(page.locator(".headline")).to_contain_text("conversion rate")
    page.goto(f"{site.url}/experiments/plain/delete")
    page.get_by_label("Type plain to delete it").fill("plain")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="Experiments")).to_be_visible()
    expect(page.locator("a[href='/experiments/plain']")).to_have_count(0)
    context.close()


def create_without_scripts(page: Page, site: Site) -> None:
    page.goto(site.url)
    page.locator("#create summary").click()
    page.locator("#new-name").fill("plain")
    page.locator("#new-kind").select_option("ab-test")
    page.get_by_role("button", name="Create").click()


def paste_without_scripts(page: Page) -> None:
    page.get_by_label("or paste the rows").fill(EVENTS)
    page.get_by_role("button", name="Upload").click()


def test_the_colors_chosen_stay(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/kinds")
    page.get_by_role("button", name="Switch to dark colors").click()
    page.goto(f"{site.url}/experiments/demo-bernoulli")

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator("body")).to_have_css("background-color", "rgb(21, 23, 26)")
    expect(page.get_by_role("button", name="Switch to light colors")).to_be_visible()


def test_the_keyboard_reaches_the_content_first(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/experiments/demo-bernoulli")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


@pytest.mark.parametrize("link", ["HTML report", "JSON", "CSV", "Parquet"])
def test_an_answer_and_its_events_can_be_taken_along(page: Page, site: Site, link: str) -> None:
    page.goto(f"{site.url}/experiments/demo-bernoulli")

    with page.expect_download() as started:
        page.locator(".downloads").get_by_role("link", name=link, exact=True).first.click()

    assert started.value.path().stat().st_size > 500


def test_the_report_opens_without_a_server(page: Page, site: Site, tmp_path: Path) -> None:
    run = site.service.analyze("demo-ab-test")
    page.goto(f"{site.url}/runs/{run.run_id}")
    with page.expect_download() as started:
        page.get_by_role("link", name="HTML report").click()
    file = tmp_path / "report.html"
    started.value.save_as(file)

    page.goto(file.as_uri())

    expect(page).to_have_title(f"demo-ab-test: {run.summary.headline}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("conversion rate")
    expect(page.locator("svg").first).to_be_visible()
    expect(page.locator("main")).to_have_css("max-width", "864px")
