"""The page that compares two rates, asked over HTTP."""

import html
import re
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from pymc_vibes.http.app import create_app
from pymc_vibes.settings import Settings
from tests.http.conftest import words_of

ROWS = [
    {"ts": f"2024-01-{day:02d}T12:00:00Z", "cohort": cohort, "event": "claim"}
    for day in range(1, 15)
    for cohort in ("north", "south")
    if cohort == "north" or day % 3 == 0
]


@pytest.fixture(scope="module")
def rated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A browser that takes pages, of a server with observations of two cohorts."""
    settings = Settings(home=tmp_path_factory.mktemp("rates") / "home")
    with TestClient(create_app(settings, quiet=True), headers={"Accept": "text/html"}) as opened:
        opened.post("/ingest", json={"rows": ROWS}).raise_for_status()
        yield opened


def test_two_rates_are_compared_by_address(rated: TestClient) -> None:
    asked = {"a": "north", "b": "south", "event": "claim", "n": "200", "seed": "7"}

    page = rated.get("/ui/posterior", params=asked | {"start": "2024-01-01", "end": "2024-01-15"})
    answer = rated.get("/compare", params={"event": "claim", "A": "north", "B": "south"}).json()

    assert answer["headline"] in words_of(page.text)
    assert "P(A &gt; B)" in page.text
    assert "of 200 pairs of draws (seed 7)" in page.text


def test_the_draws_offered_beside_two_rates_are_those_of_the_check(rated: TestClient) -> None:
    asked = {"a": "north", "b": "south", "n": "300", "seed": "7", "unit": "week"}

    page = rated.get("/ui/posterior", params=asked).text
    links = [html.unescape(link) for link in re.findall(r'href="(/posterior/samples[^"]+)"', page)]
    first, second = (rated.get(link).json()["samples"] for link in links if "format=json" in link)

    higher = sum(one > other for one, other in zip(first, second, strict=True))
    assert f"A was higher in {higher} of 300 pairs" in page


def test_a_comparison_chooses_two_cohorts_and_says_so(rated: TestClient) -> None:
    page = rated.get("/ui/posterior").text

    assert "Two cohorts were chosen for you" in page
    assert page.count("<vibes-figure>") == 2


@pytest.mark.parametrize(
    ("asked", "words"),
    [({"n": "99"}, "greater than or equal to 100"), ({"start": "soon"}, "must look like")],
)
def test_a_comparison_tells_a_wrong_field(
    rated: TestClient, asked: dict[str, str], words: str
) -> None:
    page = rated.get("/ui/posterior", params=asked)

    assert page.status_code == 422
    assert re.search(rf'class="error"[^>]*>[^<]*{words}', page.text)


def test_a_chance_is_never_shown_as_certain(rated: TestClient) -> None:
    page = rated.get("/ui/posterior", params={"a": "north", "b": "south"}).text

    assert not re.search(r"(?<![\d.])(0|100) %", page)


def test_two_rates_can_be_pooled_and_the_page_says_so(rated: TestClient) -> None:
    asked = {"a": "north", "b": "south", "event": "claim", "model": "hierarchical", "n": "200"}

    page = rated.get("/ui/posterior", params=asked).text
    answer = rated.get(
        "/compare", params={"event": "claim", "A": "north", "B": "south", "model": "hierarchical"}
    ).json()

    assert answer["headline"] in words_of(page)
    assert "by quadrature, no sampling; cohorts pooled" in words_of(page)
    assert "raw rate" in page


def test_only_models_with_one_rate_per_cohort_are_offered(rated: TestClient) -> None:
    page = rated.get("/ui/posterior").text

    (models,) = re.findall(r'<select[^>]*name="model".*?</select>', page, re.DOTALL)
    assert re.findall(r'value="([^"]*)"', models) == ["independent", "hierarchical"]


def test_pooled_draws_offered_are_those_of_the_check(rated: TestClient) -> None:
    asked = {"a": "north", "b": "south", "n": "300", "seed": "7", "model": "hierarchical"}

    page = rated.get("/ui/posterior", params=asked).text
    links = [html.unescape(link) for link in re.findall(r'href="(/posterior/samples[^"]+)"', page)]
    first, second = (rated.get(link).json()["samples"] for link in links if "format=json" in link)

    higher = sum(one > other for one, other in zip(first, second, strict=True))
    assert f"A was higher in {higher} of 300 pairs" in page


def test_cohorts_are_searched_without_javascript(rated: TestClient) -> None:
    page = rated.get("/experiments/observations/ask/find", params={"name_contains": "NOR"})

    assert page.status_code == 200
    assert "1 of 2 cohorts have 'NOR' in their name" in words_of(page.text)
