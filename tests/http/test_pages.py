"""The pages, asked over HTTP as a browser without scripts would."""

import html
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import pytest
from markupsafe import escape
from starlette.testclient import TestClient

from pymc_vibes.http.app import create_app
from pymc_vibes.kinds import catalog
from pymc_vibes.settings import Settings
from tests.http.conftest import words_of

BROWSER = {"Accept": "text/html"}
AB = "variant,unit_id,converted\n" + "".join(
    f"{'AB'[number % 2]},u{number},{int(number % (7 - 3 * (number % 2)) == 0)}\n"
    for number in range(400)
)
AT_ONCE = sorted({*catalog()} - {"marketing-mix"})  # that one is always sampled
HOSTILE = "<img src=x onerror=alert(1)>\"'&amp;{{7*7}}"


def attributes_of(page: str) -> set[str]:
    """Name every attribute of a page's elements."""
    found: set[str] = set()

    class Reader(HTMLParser):
        def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.update(name for name, _ in attrs)

    Reader().feed(page)
    return found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A browser that follows redirects and takes pages; one server for all these tests."""
    settings = Settings(home=tmp_path_factory.mktemp("pages") / "home")
    with TestClient(create_app(settings, quiet=True), headers=BROWSER) as opened:
        yield opened


@pytest.fixture
def test_page(browser: TestClient) -> Iterator[TestClient]:
    """An A/B test with data, called signups."""
    browser.post("/experiments", data={"name": "signups", "kind": "ab-test"})
    uploaded = browser.post("/experiments/signups/upload", data={"pasted": AB})
    assert "400 rows added" in uploaded.text
    yield browser
    browser.post("/experiments/signups/delete", data={"confirm": "signups"})


def test_the_first_page_says_how_to_begin(client: TestClient) -> None:
    page = client.get("/", headers=BROWSER).text

    assert "export VIBES_URL=http://testserver" in page
    assert all(f'value="{slug}"' in page for slug in catalog())


@pytest.mark.parametrize("slug", AT_ONCE)
def test_an_example_of_every_kind_is_one_button_away(browser: TestClient, slug: str) -> None:
    page = browser.post("/example", data={"kind": slug})

    assert page.status_code == 200
    assert urlsplit(str(page.url)).path == f"/experiments/demo-{slug}"
    assert "The known truth of this simulated world" in page.text


def test_an_example_that_is_there_is_shown(browser: TestClient) -> None:
    browser.post("/example", data={"kind": "bernoulli"})

    again = browser.post("/example", data={"kind": "bernoulli"})

    assert urlsplit(str(again.url)).path == "/experiments/demo-bernoulli"


def test_an_experiment_can_be_made_filled_and_read(test_page: TestClient) -> None:
    page = test_page.get("/experiments/signups").text
    home = test_page.get("/").text

    headline = test_page.get("/api/v1/runs").json()["runs"][0]["headline"]
    assert headline in words_of(page)
    assert headline in words_of(home)


def test_a_test_that_must_run_on_is_still_collecting(browser: TestClient) -> None:
    browser.post("/experiments", data={"name": "young", "kind": "ab-test"})
    few = AB.splitlines()[:9]
    browser.post("/experiments/young/upload", data={"pasted": "\n".join(few)})
    answer = words_of(browser.get("/experiments/young").text)
    row = words_of(browser.get("/", params={"q": "young"}).text)
    browser.post("/experiments/young/delete", data={"confirm": "young"})

    assert "No answer yet" in answer
    assert "young collecting" in row


def test_a_name_that_is_taken_is_told_beside_the_form(test_page: TestClient) -> None:
    page = test_page.post("/experiments", data={"name": "Signups", "kind": "ab-test"})

    assert page.status_code == 409
    assert 'value="Signups"' in page.text


def test_an_experiment_without_events_says_what_to_do(browser: TestClient) -> None:
    page = browser.post("/experiments", data={"name": "empty", "kind": "bernoulli"}).text

    assert "vibes events upload --name empty" in page
    assert "No events yet" in page


def test_bad_rows_are_listed_by_line_and_nothing_is_written(test_page: TestClient) -> None:
    bad = "variant,unit_id,converted\nA,u900,1\nB,u901,perhaps\n"

    page = test_page.post("/experiments/signups/upload", data={"pasted": bad})

    assert page.status_code == 422
    assert "perhaps" in page.text
    assert re.search(r'<td class="num">3</td><td>converted</td>', page.text)
    assert test_page.get("/api/v1/experiments/signups").json()["rows"] == 400


def test_bad_rows_can_be_left_out(test_page: TestClient) -> None:
    bad = "variant,unit_id,converted\nA,u900,1\nB,u901,perhaps\n"

    page = test_page.post("/experiments/signups/upload", data={"pasted": bad, "skip_bad_rows": "1"})

    assert "1 row added, 1 left out" in page.text
    assert test_page.get("/api/v1/experiments/signups").json()["rows"] == 401


def test_columns_with_other_names_are_mapped(browser: TestClient) -> None:
    browser.post("/experiments", data={"name": "rates", "kind": "poisson-cohorts"})
    rows = b"when,model,year\n2024-03-01 09:00,T,2014\n2024-03-02 09:00,T,2015\n"

    page = browser.post(
        "/experiments/rates/upload",
        data={
            "timezone": "America/New_York",
            "column.timestamp": "when",
            "column.cohort": "model, year",
            "constant.event": "claim",
        },
        files={"file": ("rows.csv", rows, "text/csv")},
    )

    preview = browser.get("/api/v1/experiments/rates/events", headers={"Accept": "*/*"}).json()
    first = dict(zip(preview["columns"], preview["rows"][0], strict=True))
    assert page.status_code == 200
    assert (first["cohort"], first["event"]) == ("T | 2014", "claim")
    assert first["timestamp"].startswith("2024-03-01T14:00:00")


def test_a_file_and_text_together_are_refused(test_page: TestClient) -> None:
    page = test_page.post(
        "/experiments/signups/upload",
        data={"pasted": AB},
        files={"file": ("rows.csv", AB.encode(), "text/csv")},
    )

    assert page.status_code == 400
    assert "not both" in page.text


def test_only_settings_that_differ_stay_in_the_address(test_page: TestClient) -> None:
    page = test_page.get("/experiments/signups", params={"set.level": "0.9", "set.seed": "42"})

    assert parse_qs(urlsplit(str(page.url)).query) == {"set.level": ["0.9"]}
    assert "90 %" in page.text
    assert "vibes analyze signups --set level=0.9" in html.unescape(page.text)


def test_a_wrong_setting_is_told_beside_its_field(test_page: TestClient) -> None:
    page = test_page.get("/experiments/signups", params={"set.level": "7"})

    assert page.status_code == 422
    assert 'id="f-set-level-error">input should be less than or equal to 0.999' in page.text


def test_settings_can_be_kept(test_page: TestClient) -> None:
    test_page.post("/experiments/signups/settings", data={"set.level": "0.9"})

    assert test_page.get("/api/v1/experiments/signups").json()["config"] == {"level": 0.9}


def test_a_question_is_answered_as_a_page_and_as_a_part_of_one(test_page: TestClient) -> None:
    asked = {"a": "A", "b": "B"}

    page = test_page.get("/experiments/signups/ask/compare", params=asked)
    part = test_page.get(
        "/experiments/signups/ask/compare", params=asked, headers={"HX-Request": "true"}
    )

    assert "<h1>" in page.text
    assert "<h1>" not in part.text
    assert "<html" not in part.text
    assert "HX-Request" in part.headers["Vary"]


@pytest.mark.parametrize("slug", AT_ONCE)
def test_a_question_without_parameters_can_be_asked(browser: TestClient, slug: str) -> None:
    browser.post("/example", data={"kind": slug})
    plain = [
        query.slug
        for query in catalog()[slug].queries
        if not any(field.is_required() for field in query.parameters.model_fields.values())
    ]

    pages = {
        name: browser.get(f"/experiments/demo-{slug}/ask/{name}", params={"asked": "1"})
        for name in plain
    }

    silent = [name for name, page in pages.items() if "headline small" not in page.text]
    kept = [query.slug for query in catalog()[slug].queries if query.is_kept]
    assert silent == [name for name in plain if name in kept]


def test_a_question_that_cannot_be_answered_says_why(test_page: TestClient) -> None:
    page = test_page.get("/experiments/signups/ask/compare", params={"a": "A", "b": "Z"})

    assert page.status_code == 404
    assert 'role="alert"' in page.text


def test_an_assignment_is_posted_and_kept(browser: TestClient) -> None:
    browser.post("/example", data={"kind": "multi-armed-bandits"})
    address = "/experiments/demo-multi-armed-bandits/ask/assign"

    looked = browser.get(address, params={"unit_id": "ann"}).text
    first = browser.post(address, data={"unit_id": "ann", "seed": "1"}).text
    again = browser.post(address, data={"unit_id": "ann", "seed": "99"}).text

    def told(page: str) -> list[str]:
        return re.findall(r'class="headline small"[^>]*>([^<]+)', page)

    assert told(looked) == []
    assert told(first) == told(again) != []


def test_a_run_keeps_its_answer_when_data_arrive(test_page: TestClient) -> None:
    run = test_page.get("/api/v1/runs").json()["runs"][0]
    more = AB.replace(",u", ",w")

    test_page.post("/experiments/signups/upload", data={"pasted": more})
    page = test_page.get(f"/runs/{run['id']}").text

    assert run["headline"] in words_of(page)


def test_deleting_asks_for_the_name(test_page: TestClient) -> None:
    refused = test_page.post("/experiments/signups/delete", data={"confirm": "signup"})
    kept = test_page.get("/experiments/signups")
    test_page.post("/experiments/signups/delete", data={"confirm": "signups"})
    gone = test_page.get("/experiments/signups")

    assert [refused.status_code, kept.status_code, gone.status_code] == [422, 200, 404]


def test_remembered_answers_can_be_forgotten(test_page: TestClient) -> None:
    page = test_page.post("/experiments/signups/clear-cache")

    assert "forgotten" in page.text


def test_events_are_shown_a_page_at_a_time(test_page: TestClient) -> None:
    page = test_page.get("/experiments/signups/data", params={"offset": 350}).text

    assert "showing 351 to 400 of 400" in page
    assert "Earlier rows" in page
    assert "Next rows" not in page


def test_a_page_past_the_last_events_leads_to_the_first(test_page: TestClient) -> None:
    page = test_page.get("/experiments/signups/data", params={"offset": 99_999}).text

    assert "There are 400 rows, none from 100,000 on." in page
    assert 'href="/experiments/signups/data"' in page


def test_a_variant_that_is_not_there_is_answered_with_those_that_are(test_page: TestClient) -> None:
    asked = {"a": "zz", "b": "A"}

    page = test_page.get("/experiments/signups/ask/compare", params=asked).text

    assert "There is no variant &#39;zz&#39; in the data." in page
    assert "There are: &#39;A&#39;, &#39;B&#39;." in page


def test_the_list_is_searched_and_ordered_by_its_address(test_page: TestClient) -> None:
    test_page.post("/experiments", data={"name": "b", "kind": "bernoulli", "display_name": "Zebra"})

    found = test_page.get("/", params={"q": "zEBra"}).text
    none = test_page.get("/", params={"q": "Zebra", "kind": "ab-test"}).text
    ordered = test_page.get("/", params={"order": "name"}).text

    assert ("Zebra" in found, "/experiments/signups" in found) == (True, False)
    assert "Nothing matches" in none
    assert ordered.index("/experiments/signups") < ordered.index("/experiments/b")


@pytest.mark.parametrize("slug", sorted(catalog()))
def test_every_kind_has_a_page_with_its_columns_and_settings(
    browser: TestClient, slug: str
) -> None:
    kind = catalog()[slug]

    page = browser.get(f"/kinds/{slug}").text

    assert all(f"<code>{column.name}</code>" in page for column in kind.schema.columns)
    assert all(f"<code>{name}</code>" in page for name in kind.config.model_fields)


def test_a_problem_is_a_page_for_people_and_a_document_for_programs(client: TestClient) -> None:
    page = client.get("/experiments/nothing", headers=BROWSER)
    document = client.get("/experiments/nothing", headers={"Accept": "application/json"})

    assert page.headers["Content-Type"].startswith("text/html")
    assert "There is no such experiment" in page.text
    assert document.json()["status"] == page.status_code == 404


def test_hostile_names_are_text(browser: TestClient) -> None:
    browser.post(
        "/experiments",
        data={"name": "h", "kind": "poisson-cohorts", "display_name": HOSTILE},
    )
    rows = [
        {"timestamp": "2024-01-01T00:00:00Z", "cohort": cohort, "event": f"{HOSTILE}</script>"}
        for cohort in (HOSTILE, "../..", "a" * 500)
    ]
    browser.post("/experiments/h/upload", data={"pasted": json.dumps(rows)})

    pages = [
        browser.get(address).text
        for address in (
            "/",
            "/experiments/h",
            "/experiments/h/data",
            "/ui/posterior?experiment=h",
            "/runs?experiment=h",
        )
    ]

    assert all(str(escape(HOSTILE)) in page for page in pages)
    assert not any("<img src=x" in page for page in pages)


def test_a_name_cannot_turn_the_words_around_it(browser: TestClient) -> None:
    name = "west\u202e % 001"
    browser.post("/experiments", data={"name": "rtl", "kind": "poisson-cohorts"})
    rows = [{"timestamp": "2024-01-01T00:00:00Z", "cohort": name, "event": "claim"}]
    browser.post("/experiments/rtl/upload", data={"pasted": json.dumps(rows)})

    page = browser.get("/experiments/rtl").text
    asked = browser.get("/experiments/rtl/ask/rate", params={"cohort": name})

    drawn = r'<script type="application/json">.*?</script>'
    visible = re.sub(rf'{drawn}|="[^"]*"', "", page, flags=re.DOTALL)
    assert "west % 001" in visible
    assert "\u202e" not in visible
    assert asked.status_code == 200


def test_no_page_holds_a_script_or_style_of_its_own(test_page: TestClient) -> None:
    addresses = ("/", "/experiments/signups", "/ui/posterior", "/runs", "/kinds", "/kinds/ab-test")

    for address in addresses:
        page = test_page.get(address).text

        assert re.findall(r"<script(?![^>]*(src=|application/json))", page) == []
        assert "<style" not in page
        assert {name for name in attributes_of(page) if re.match(r"on|style$", name)} == set()
