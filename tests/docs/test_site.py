"""The site of the documentation: built without a warning, whole, and nothing from elsewhere."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Literal, NamedTuple

import pytest
from axe_core_python.sync_playwright import Axe
from filelock import FileLock
from playwright.sync_api import Request, expect, sync_playwright
from typer.main import get_command

from pymc_vibes.cli.app import app
from pymc_vibes.core.errors import problems
from pymc_vibes.http.app import create_app
from pymc_vibes.kinds import catalog
from pymc_vibes.settings import Settings, variables
from scripts.chromium import find_chromium
from scripts.site.notebooks import NAMES
from scripts.site.pictures import PICTURES, take_pictures
from tests.browser.conftest import ARGUMENTS
from tests.docs.conftest import ROOT, blocks

BUILD = (sys.executable, "-m", "scripts.site")
RUNS = "bernoulli"
# a page of each sort
LOOKED_AT = (
    "index.html",
    "tutorial.html",
    "answers/marketing-mix.html",
    f"notebooks/{RUNS}.html",
    "reference/kinds/n-of-1.html",
    "reference/commands.html",
    "reference/http.html",
    "reference/http/rates.html",
    "reference/settings.html",
    "performance.html",
    "search.html",
)
NO_BROWSER = {"VIBES_CHROMIUM": "no-such-browser"}
# attributes whose address is loaded with the page; that of a link is followed by a reader only
LOADS = {
    "script": ("src",),
    "link": ("href",),
    "img": ("src", "srcset"),
    "iframe": ("src",),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
    "object": ("data",),
    "embed": ("src",),
}
CSS_ADDRESS = re.compile(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)")
ELSEWHERE = re.compile(r"(?:[a-z]+:)?//", re.IGNORECASE)


class Found(NamedTuple):
    """What a page has: addresses that it loads, those that it leads to, and its own places."""

    loads: list[str]
    leads: list[str]
    places: set[str]


class Reader(HTMLParser):
    """Collects the addresses of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found = Found([], [], set())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.found.loads.extend(given[name] for name in LOADS.get(tag, ()) if name in given)
        self.found.loads.extend(_of_css(given.get("style", "")))
        if tag == "a" and "href" in given:
            self.found.leads.append(given["href"])
        self.found.places.update(given[name] for name in ("id", "name") if name in given)


def _of_css(text: str) -> list[str]:
    return [first or second for first, second in CSS_ADDRESS.findall(text)]


def build(*arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*BUILD, *arguments],
        cwd=ROOT,
        env={**os.environ, **more},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built once for all processes of the tests: no pictures, one notebook that runs."""
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    with FileLock(shared / "site.lock"):
        if not (shared / "site.said").exists():
            asked = ("--notebooks", RUNS, "--output", str(shared / "site"))
            done = build(*asked, **NO_BROWSER)
            (shared / "site.said").write_text(f"{done.returncode}\n{done.stdout}{done.stderr}")
    return shared / "site"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Found]:
    """Each page of the site with what it has."""
    read = {}
    for path in sorted(site.rglob("*.html")):
        reader = Reader()
        reader.feed(path.read_text("utf-8"))
        read[path.relative_to(site).as_posix()] = reader.found
    return read


def test_it_is_built_without_a_warning_and_says_that_pictures_are_missing(site: Path) -> None:
    code, _, said = (site.parent / "site.said").read_text().partition("\n")

    assert code == "0", said
    assert "WARNING" not in said
    assert "built without pictures" in said


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[str, Found]) -> None:
    loaded = {page: found.loads for page, found in pages.items()}
    loaded |= {path.name: _of_css(path.read_text("utf-8")) for path in site.rglob("*.css")}

    assert sum(map(len, loaded.values())) > len(pages)
    assert [
        (name, one) for name, ones in loaded.items() for one in ones if ELSEWHERE.match(one)
    ] == []


def test_every_link_inside_leads_to_a_place_that_is_there(
    site: Path, pages: dict[str, Found]
) -> None:
    links = [(page, link) for page, found in pages.items() for link in found.leads]
    inside = [(page, *link.partition("#")[::2]) for page, link in links if ":" not in link]
    aims = [
        (page, (site / page).parent.joinpath(path).resolve() if path else site / page, place)
        for page, path, place in inside
    ]

    assert len(inside) > 1000
    assert [(page, str(aim)) for page, aim, _ in aims if not aim.exists()] == []
    assert [
        (page, aim.name, place)
        for page, aim, place in aims
        if place and place not in pages[aim.relative_to(site.resolve()).as_posix()].places
    ] == []


def test_everything_that_the_code_declares_has_its_place(site: Path) -> None:
    settings = (site / "reference/settings.html").read_text("utf-8")
    told = (site / "reference/problems.html").read_text("utf-8")
    kinds = {kind: (site / f"reference/kinds/{kind}.html").read_text("utf-8") for kind in catalog()}
    declared = {
        slug: [*kind.config.model_fields, *(column.name for column in kind.schema.columns)]
        for slug, kind in catalog().items()
    }

    assert [name for name in Settings.model_fields if variables(name)[0] not in settings] == []
    assert [problem.slug() for problem in problems() if f'id="{problem.slug()}"' not in told] == []
    assert [
        (slug, name)
        for slug, names in declared.items()
        for name in names
        if f">{name}</span>" not in kinds[slug]
    ] == []


def test_every_route_and_command_has_its_place(site: Path) -> None:
    routes = (site / "reference/http.html").read_text("utf-8")
    told = (site / "reference/commands.html").read_text("utf-8")
    paths = create_app(Settings(home=site), quiet=True).openapi()["paths"]
    groups = get_command(app).commands.items()
    commands = [
        " ".join(["vibes", name, *below])
        for name, command in groups
        for below in ([[part] for part in getattr(command, "commands", {})] or [[]])
    ]

    assert [path for path in paths if f">{path}</span>" not in routes] == []
    assert len(commands) > 20
    assert [one for one in commands if f'id="{one.replace(" ", "-")}"' not in told] == []


def test_the_commands_of_every_page_are_run_by_some_test() -> None:
    pages = [path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")]
    shown = [page for page in pages if blocks(page, "console") or blocks(page, "python")]
    tests = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))

    assert len(shown) > 8
    assert [page for page in shown if f'"{page}"' not in tests] == []


def test_every_guide_is_in_the_margin(pages: dict[str, Found]) -> None:
    guides = {f"guides/{path.stem}.html" for path in (ROOT / "docs/guides").glob("*.md")}

    assert guides - set(pages["index.html"].leads) == set()


def test_every_notebook_has_a_page_in_the_margin(pages: dict[str, Found]) -> None:
    wanted = {f"notebooks/{name}.html" for name in NAMES}

    assert len(wanted) > 8
    assert wanted - set(pages) == set()
    assert wanted - set(pages["index.html"].leads) == set()
    assert (
        wanted - {f"notebooks/{link[13:]}" for link in pages["guides/notebooks.html"].leads}
        == set()
    )


def test_a_notebook_that_ran_shows_its_answer_and_figures_for_light_and_dark(site: Path) -> None:
    page = (site / f"notebooks/{RUNS}.html").read_text("utf-8")
    pictures = re.findall(r'<img alt="([^"]+)" class="only-(light|dark)" src="([^"]+)"', page)
    drawn = {
        scheme: (site / "notebooks" / where).read_text("utf-8") for _, scheme, where in pictures
    }

    assert "The success rate is about 44.6 %" in page
    assert "Posterior densities of success rates" in pictures[0][0]
    assert drawn["light"].count("<text") == drawn["dark"].count("<text") > 5
    assert drawn["light"] != drawn["dark"]


def test_a_notebook_that_did_not_run_says_so(site: Path) -> None:
    told = "built without running the notebook"
    silent = [
        p.stem for p in (site / "notebooks").glob("*.html") if told not in p.read_text("utf-8")
    ]

    assert silent == [RUNS]


def test_pages_and_search_work_from_the_disk(site: Path) -> None:
    asked: list[str] = []

    def see(request: Request) -> None:
        asked.append(request.url)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        page = browser.new_page()
        page.on("request", see)
        page.goto((site / "index.html").as_uri())
        page.get_by_role("textbox", name="Search").fill("overdispersed")
        page.keyboard.press("Enter")
        expect(page.locator("#search-results li").first).to_be_visible()
        browser.close()

    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_accessible_and_fit_a_phone(site: Path, scheme: Literal["light", "dark"]) -> None:
    found: list[tuple[str, str]] = []

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        page = browser.new_page(color_scheme=scheme, viewport={"width": 390, "height": 844})
        for name in LOOKED_AT:
            page.goto((site / name).as_uri())
            wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            found += [(name, "too wide")] if wider > 0 else []
            found += [(name, one["id"]) for one in Axe().run(page)["violations"]]
        browser.close()

    assert found == []


def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages/index.md").write_text("# One\n\n[gone](gone.md)\n")
    program = (
        "from pathlib import Path; from scripts.site.build import build_html; "
        "raise SystemExit(build_html(Path('pages'), Path('out'), Path('trees')))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert "gone.md" in done.stderr


def test_pictures_that_are_asked_for_fail_the_build_where_no_browser_runs(tmp_path: Path) -> None:
    done = build("--pictures", "all", "--output", str(tmp_path / "site"), **NO_BROWSER)

    assert done.returncode == 1
    assert "no-such-browser" in done.stdout
    assert not (tmp_path / "site").exists()


def test_every_picture_is_taken_and_has_a_place(tmp_path: Path) -> None:
    marked = {
        name
        for path in (ROOT / "docs").rglob("*.md")
        for name in re.findall(r"<!-- picture: (\S+) -->", path.read_text("utf-8"))
    }

    taken = take_pictures(tmp_path / "pictures")

    sizes = {path.stem: path.stat().st_size for path in (tmp_path / "pictures").iterdir()}
    assert marked == set(taken) == {picture.name for picture in PICTURES}
    assert set(sizes) == {f"{name}-{scheme}" for name in taken for scheme in ("light", "dark")}
    assert min(sizes.values()) > 40_000  # a page without content has about 10,000


@pytest.mark.parametrize("slug", sorted(p.stem for p in (ROOT / "docs/answers").glob("*.md")))
def test_signs_that_a_page_names_are_those_that_the_code_gives(slug: str) -> None:
    page = (ROOT / "docs/answers" / f"{slug}.md").read_text("utf-8")
    product = ROOT / "src/pymc_vibes"
    module = type(catalog()[slug].example).__module__.split(".")[2]
    own = "".join(path.read_text("utf-8") for path in product.glob(f"kinds/{module}/*.py"))
    words = set(re.findall(r"\w+", own))
    shared = (path for path in product.glob("stats/*.py") if path.stem in words)
    source = own + "".join(path.read_text("utf-8") for path in shared)
    given = set(re.findall(r"""\bcode=(?:"([a-z-]+)"|f"([a-z-]+)\{)""", source))
    known = {one.rstrip("-") for pair in given for one in pair if one}
    signs = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]

    named = {code for sign in signs for code in re.findall(r"`([a-z]+(?:-[a-z]+)*)`", sign)}

    assert "When not to trust it" in page
    assert named - known == set()
