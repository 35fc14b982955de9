"""What stands around every page: its files, its colors, its session, its size on the wire."""

import re
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from pymc_vibes.http.app import create_app
from pymc_vibes.http.auth import create_token
from pymc_vibes.settings import Settings

BROWSER = {"Accept": "text/html"}
LARGEST_FIRST_PAGE = 150_000  # bytes on the wire, from the performance page of the spec


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A browser that follows redirects and takes pages."""
    settings = Settings(home=tmp_path_factory.mktemp("frame") / "home")
    with TestClient(create_app(settings, quiet=True), headers=BROWSER) as opened:
        yield opened


def bytes_of(browser: TestClient, address: str) -> int:
    """Count the bytes of an answer as they travel."""
    with browser.stream("GET", address, headers={"Accept-Encoding": "gzip"}) as answer:
        return sum(len(piece) for piece in answer.iter_raw())


def files_of(browser: TestClient, page: str) -> set[str]:
    """Name the files a page asks for, and those that its modules import."""
    found = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', page))
    modules = {address for address in found if "figure.js" in address}
    while modules:
        text = browser.get(modules.pop()).text
        imported = {f"/static/{name}" for name in re.findall(r'from "\./([^"]+)"', text)}
        modules |= imported - found
        found |= imported
    return found


def test_a_first_page_with_figures_is_small(browser: TestClient) -> None:
    address = str(browser.post("/example", data={"kind": "poisson-cohorts"}).url)
    files = files_of(browser, browser.get(address).text)

    sizes = {name: bytes_of(browser, name) for name in (address, *files)}

    assert any("vendor/plot" in name for name in sizes)
    assert sum(sizes.values()) < LARGEST_FIRST_PAGE


def test_downloads_go_out_as_they_are(browser: TestClient) -> None:
    browser.post("/example", data={"kind": "bernoulli"})

    page = browser.get("/experiments/demo-bernoulli")
    file = browser.get("/api/v1/experiments/demo-bernoulli/events", params={"format": "csv"})

    assert page.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in file.headers


def test_a_compressed_file_is_held_by_a_weak_tag(browser: TestClient) -> None:
    first = browser.get("/static/app.css")

    again = browser.get("/static/app.css", headers={"If-None-Match": first.headers["ETag"]})

    assert first.headers["ETag"].startswith('W/"')
    assert again.status_code == 304


def test_static_files_are_named_by_their_content(browser: TestClient) -> None:
    page = browser.get("/").text

    for address in re.findall(r'(?:src|href)="(/static/[^"]+)"', page):
        answer = browser.get(address)

        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]


def test_the_chosen_colors_are_in_the_page_from_the_start(browser: TestClient) -> None:
    browser.cookies.set("theme", "dark")
    dark = browser.get("/").text
    browser.cookies.set("theme", '"><script>')
    hostile = browser.get("/").text

    assert '<html lang="en" data-theme="dark">' in dark
    assert '<html lang="en">' in hostile


def test_forms_of_a_session_carry_its_token(locked: TestClient, locked_settings: Settings) -> None:
    token = create_token(locked_settings, "bob", ["admin"], 1)
    locked.headers.update(BROWSER)
    locked.post("/sign-in", data={"token": token, "next": "/"})

    page = locked.get("/").text
    found = re.findall(r'name="csrf_token" value="([^"]+)"', page)
    posted = locked.post("/example", data={"kind": "bernoulli", "csrf_token": found[0]})
    forged = locked.post("/example", data={"kind": "bernoulli", "csrf_token": "x"})

    assert len(set(found)) == 1
    assert [posted.status_code, forged.status_code] == [303, 403]


def test_without_a_session_a_person_is_sent_to_sign_in(locked: TestClient) -> None:
    answer = locked.get("/experiments/signups", headers=BROWSER)

    assert answer.status_code == 303
    assert answer.headers["Location"] == "/sign-in?next=%2Fexperiments%2Fsignups"
