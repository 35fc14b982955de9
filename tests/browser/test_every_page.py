"""Every page in light, dark and on a phone: quiet, at home, accessible, and no wider than it is."""

import json
import re
from pathlib import Path

import axe_core_python
import pytest
from playwright.sync_api import Page, expect

from pymc_vibes.core.experiment import UploadOptions
from tests.browser.conftest import Site, Watch

AXE = Path(axe_core_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    "\"quoted\" 'twice' `thrice` &amp; {{7*7}}",
    "../../etc/passwd",
    "\N{FAMILY}\N{ZERO WIDTH JOINER}\N{PILE OF POO} \N{REGIONAL INDICATOR SYMBOL LETTER N}",
    "\N{HEBREW LETTER SHIN}\N{HEBREW LETTER LAMED} \N{RIGHT-TO-LEFT OVERRIDE}abc",
    "x" * 500,
)
WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 375, "height": 700}
PAGES = (
    "/",
    "/?q=nothing+like+it",
    "/experiments/demo-ab-test",
    "/experiments/demo-bernoulli",
    "/experiments/demo-multi-armed-bandits",
    "/experiments/demo-poisson-cohorts",
    "/experiments/demo-ab-test?set.level=7",
    "/experiments/demo-ab-test/ask/compare?a=A&b=B",
    "/experiments/demo-ab-test/data",
    "/experiments/demo-ab-test/delete",
    "/experiments/empty",
    "/experiments/many",
    "/experiments/hostile",
    "/ui/posterior?experiment=demo-poisson-cohorts",
    "/ui/posterior?experiment=hostile",
    "/ui/mix",
    "/ui/mix?workspace=demo",
    "/experiments/demo-marketing-mix/workbench/data",
    "/experiments/demo-marketing-mix/workbench/settings",
    "/experiments/demo-marketing-mix/workbench/train",
    "/experiments/demo-marketing-mix/workbench/roi",
    "/experiments/demo-marketing-mix/workbench/calibration",
    "/runs",
    "/kinds",
    "/kinds/ab-test",
    "/kinds/poisson-cohorts",
    "/nowhere",
    "/docs",
    "/problems",
    "/problems/bad-rows",
    "/sign-in",
)


@pytest.fixture(scope="module")
def full_site(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The site with an empty experiment, one of many cohorts and one of hostile names."""
    folder = tmp_path_factory.mktemp("events")
    many = [f"batch {number:03d}" for number in range(150)]
    for name, cohorts in {"empty": (), "many": many, "hostile": HOSTILE}.items():
        display_name = HOSTILE[0] if name == "hostile" else name
        site.service.create(name, "poisson-cohorts", display_name=display_name)
        rows = [
            {"timestamp": f"2024-01-{day:02d}T00:00:00Z", "cohort": cohort, "event": event}
            for number, cohort in enumerate(cohorts)
            for day in range(1, 3 + number % 7)
            for event in (HOSTILE[:2] if name == "hostile" else ["claim"])
        ]
        if rows:
            path = folder / f"{name}.json"
            path.write_text(json.dumps(rows), encoding="utf-8")
            site.service.upload(name, path, UploadOptions(format="json"))
    return site


def faults(page: Page) -> list[str]:
    """List what is not accessible, and whether the page is wider than the window."""
    expect(page.locator("vibes-figure:not([data-ready])")).to_have_count(0)
    page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
    found: list[str] = page.evaluate(
        "tags => axe.run({runOnly: tags}).then(found => found.violations.map("
        "rule => `${rule.id}: ${rule.nodes.map(node => node.html.slice(0, 120)).join(' | ')}`))",
        TAGS,
    )
    overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return [*found, *([f"{overflow} pixels too wide"] if overflow > 0 else [])]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_quiet_accessible_and_fits(page: Page, full_site: Site, path: str) -> None:
    watch = Watch(page, full_site.url)
    page.set_viewport_size(WIDE)

    page.goto(f"{full_site.url}{path}")
    page.evaluate(AXE)
    in_light = faults(page)
    page.emulate_media(color_scheme="dark")
    in_dark = faults(page)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(PHONE)
    on_phone = faults(page)

    assert {"light": in_light, "dark": in_dark, "phone": on_phone} == {
        "light": [],
        "dark": [],
        "phone": [],
    }
    watch.assert_calm()


@pytest.mark.parametrize("path", [path for path in PAGES if re.fullmatch(r".*/demo-[a-z-]+", path)])
def test_the_numbers_of_an_answer_are_seen_without_scrolling_sideways(
    page: Page, full_site: Site, path: str
) -> None:
    page.set_viewport_size(WIDE)

    page.goto(f"{full_site.url}{path}")
    cut: list[str] = page.evaluate(
        "[...document.querySelectorAll('#answer .scroll')]"
        ".filter(part => part.scrollWidth > part.clientWidth).map(part => part.ariaLabel)"
    )

    expect(page.locator("#answer .scroll").first).to_be_visible()
    assert cut == []


def test_a_thing_keeps_its_color_between_figures(page: Page, full_site: Site) -> None:
    page.goto(f"{full_site.url}/experiments/demo-ab-test")
    expect(page.locator("vibes-figure:not([data-ready])")).to_have_count(0)

    names = page.locator("vibes-figure").first.get_by_text("B", exact=True)
    bars = page.locator("vibes-figure").last.locator("svg g[aria-label] rect, svg rect[fill]")

    assert names.get_attribute("fill") in bars.evaluate_all(
        "all => all.map(bar => bar.getAttribute('fill'))"
    )


def test_the_checks_find_what_is_wrong(page: Page, full_site: Site) -> None:
    watch = Watch(page, full_site.url)
    page.set_viewport_size(PHONE)
    page.goto(f"{full_site.url}/kinds")
    page.evaluate(AXE)

    page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', "
        "'<img src=https://example.org/x.png><p style=color:#bbb;width:900px>faint</p>')"
    )
    found = " ".join(faults(page))

    assert all(word in found for word in ("image-alt", "color-contrast", "too wide"))
    assert watch.elsewhere or watch.complaints
