"""The workbench of the marketing mix before anything is trained, as a browser without scripts."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from starlette.testclient import TestClient

from pymc_vibes.core.answer import Table
from pymc_vibes.core.errors import PageNotFound
from pymc_vibes.core.run import Progress, Run, RunState
from pymc_vibes.http.app import create_app
from pymc_vibes.http.page_mix_bench import READING, STEPS, address
from pymc_vibes.http.page_mix_stages import marks_of
from pymc_vibes.http.page_mix_table import table_file
from pymc_vibes.settings import Settings
from tests.http.conftest import run_aside, words_of
from tests.http.mix_pages import BROWSER, make, place_of, sample_csv, service_of, step

FEW = """week,region,sales,act_tv,spend_tv,act_radio,ctrl_price,weird
2024-01-01,A,100,5,10,3,1,1
2024-01-08,A,110,6,12,3,1,1
2024-01-08,A,110,6,12,3,1,1
2024-01-22,A,,0,13,3,1,2
"""
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A browser that takes pages, on a server with one brand and one file that blocks a fit."""
    settings = Settings(home=tmp_path_factory.mktemp("bench") / "home")
    with TestClient(create_app(settings, quiet=True), headers=BROWSER) as opened:
        make(opened, "brand", sample_csv(opened)).raise_for_status()
        make(opened, "few", FEW).raise_for_status()
        make(opened, "empty").raise_for_status()
        yield opened


@pytest.fixture
def nobody(settings: Settings) -> Iterator[TestClient]:
    """A browser on a server that holds nothing."""
    with TestClient(create_app(settings, quiet=True), headers=BROWSER) as opened:
        yield opened


def test_who_has_nothing_is_told_how_to_begin(nobody: TestClient) -> None:
    real = words_of(nobody.get("/ui/mix").text)
    demo = words_of(nobody.get("/ui/mix", params={"workspace": "demo"}).text)

    assert "Nothing of your own yet. Upload a spreadsheet below, or look at the demo" in real
    assert "There are no worlds yet." in demo
    assert "Make the demo worlds" in demo


def test_worlds_of_the_demo_stand_apart_and_are_marked(nobody: TestClient) -> None:
    made = nobody.post("/ui/mix/demo")
    world = nobody.get(f"{address('sample_001')}/data").text

    assert all(name in made.text for name in ("demo-marketing-mix", "sample_001"))
    assert "Nothing of your own yet" in nobody.get("/ui/mix").text
    assert '<span class="badge">Demo</span>' in world
    assert "A simulated world whose truth is known." in world
    assert "Make the demo worlds" not in made.text


def test_own_data_under_a_name_of_the_demo_are_no_demo(nobody: TestClient) -> None:
    page = make(nobody, "sample_001", sample_csv(nobody))

    assert "Demo</span>" not in page.text
    assert "sample_001" in nobody.get("/ui/mix").text


def test_a_file_that_cannot_be_read_leaves_an_empty_mix_of_ones_own(nobody: TestClient) -> None:
    page = make(nobody, "letters", "Dear all,\nthe numbers follow.\n")
    words = words_of(page.text)

    assert page.status_code == 422
    assert "letters has no data yet." in words
    assert 'href="/ui/mix?workspace=real" aria-current="true"' in page.text
    assert service_of(nobody).experiment("letters").rows == 0


def test_a_name_that_is_taken_is_told_beside_the_form(browser: TestClient) -> None:
    page = make(browser, "Brand", "")

    assert page.status_code == 409
    assert 'value="Brand"' in page.text
    assert "exists already" in page.text


def test_a_new_mix_without_a_file_says_what_the_file_holds(browser: TestClient) -> None:
    words = step(browser, "empty", "data")

    assert "empty has no data yet. Upload a spreadsheet." in words
    assert "act_…" in words
    assert "sample_001.csv" in words


def test_the_check_names_errors_that_block_and_the_rows_they_are_about(
    browser: TestClient,
) -> None:
    page = browser.get(f"{address('few')}/data").text
    words = words_of(page)

    assert "3 errors stand against a fit, and there are 2 warnings." in words
    assert "Blocks: 1 date of an entity has more than one row." in words
    assert '<th scope="row" dir="auto">A</th><td class="when">2024-01-08</td>' in page
    assert "Careful: ctrl_price has the same value everywhere" in words


def test_the_check_says_which_part_each_column_plays(browser: TestClient) -> None:
    words = step(browser, "few", "data")

    assert "spend_tv spend of tv" in words
    assert "act_radio activity of radio" in words
    assert "ctrl_price control none sales-weighted" in words
    assert "weird not used" in words
    assert "sales what was sold 33.3 %" in words


def test_what_blocks_a_fit_is_told_where_one_would_train(browser: TestClient) -> None:
    page = browser.get(f"{address('few')}/train").text

    assert "3 errors stand against a fit" in page
    assert "more than one row" in page
    assert ">Train</button>" not in page


def test_a_mended_file_takes_the_place_of_the_rows_there_are(nobody: TestClient) -> None:
    make(nobody, "mended", FEW)
    here = f"{address('mended')}/replace"
    file = {"file": ("media.csv", sample_csv(nobody))}

    page = nobody.post(here, files=file)

    assert "The rows are now the 104 of this file." in page.text
    assert "Ready to train" in page.text
    assert service_of(nobody).experiment("mended").rows == 104


def test_a_file_that_cannot_be_read_replaces_nothing(nobody: TestClient) -> None:
    make(nobody, "kept", FEW)
    file = {"file": ("media.csv", "nothing,of,this\n1,2,3\n")}

    page = nobody.post(f"{address('kept')}/replace", files=file)

    assert page.status_code == 422
    assert service_of(nobody).experiment("kept").rows == 4
    assert [one.name for one in service_of(nobody).experiments()] == ["kept"]


def test_settings_are_kept_and_experiments_among_them_stay(nobody: TestClient) -> None:
    make(nobody, "kept", sample_csv(nobody))
    tested = {"channel": "tv", "first": "2024-03-04", "last": "2024-03-31", "lift": "900"}
    here = address("kept")
    nobody.post(f"{here}/experiments", data={**tested, "sd": "100"})

    page = nobody.post(f"{here}/settings", data={"set.harmonics": "3", "set.link": "identity"})
    config = service_of(nobody).experiment("kept").config

    assert "Kept: harmonics." in page.text
    assert config["harmonics"] == 3
    assert "link" not in config
    assert [one["channel"] for one in config["experiments"]] == ["tv"]  # type: ignore[index, union-attr, call-overload]  # JSON


def test_a_setting_that_cannot_be_is_told_beside_its_field(browser: TestClient) -> None:
    page = browser.post(f"{address('brand')}/settings", data={"set.chains": "99"})

    assert page.status_code == 422
    assert 'id="f-set-chains-error"' in page.text
    assert '<details class="panel" open><summary><h2>Sampler and words' in page.text
    assert "chains" not in service_of(browser).experiment("brand").config


def test_every_setting_but_experiments_has_its_field(browser: TestClient) -> None:
    page = browser.get(f"{address('brand')}/settings").text
    kind = next(one for one in service_of(browser).kinds() if one.slug == "marketing-mix")

    missing = [name for name in kind.config.model_fields if f'name="set.{name}' not in page]

    assert missing == ["experiments"]


def test_an_experiment_is_listed_and_taken_off(nobody: TestClient) -> None:
    make(nobody, "tested", sample_csv(nobody))
    here = address("tested")
    given = {"channel": "tv", "name": HOSTILE, "first": "2024-03-04", "last": "2024-03-31"}

    added = nobody.post(f"{here}/experiments", data={**given, "lift": "-20000", "sd": "5000"})
    removed = nobody.post(f"{here}/experiments/remove", data={"number": "0"})

    assert HOSTILE not in added.text
    assert "-20,000, give or take 5,000" in words_of(added.text)
    assert "No experiment calibrates tested yet." in words_of(removed.text)


def test_an_experiment_without_its_numbers_is_refused_and_the_form_kept(
    browser: TestClient,
) -> None:
    page = browser.post(f"{address('brand')}/experiments", data={"channel": "tv", "lift": "-20000"})

    assert page.status_code == 422
    assert "lift and sd with first and last" in page.text
    assert 'value="-20000"' in page.text


@pytest.mark.parametrize("slug", [one.slug for one in READING])
def test_a_step_that_needs_an_answer_says_what_to_do_first(browser: TestClient, slug: str) -> None:
    without_rows, untrained = step(browser, "empty", slug), step(browser, "brand", slug)

    assert f"{STEPS[slug].title} needs a trained model." in untrained
    assert "Train brand , then come back." in untrained
    assert "empty has no data yet. Upload and check them" in without_rows


def test_whoever_comes_in_is_sent_to_the_step_that_is_next(browser: TestClient) -> None:
    assert place_of(browser.get(address("empty"))).endswith("/workbench/data")


def test_an_address_that_leads_nowhere_says_where_to_go(browser: TestClient) -> None:
    browser.post("/experiments", data={"name": "signups", "kind": "ab-test"})

    unknown = browser.get(f"{address('brand')}/forecast")
    other = browser.get(f"{address('signups')}/fit")
    absent = browser.get(f"{address('brnd')}/fit")
    run = browser.get(f"{address('brand')}/fit", params={"run": "01hqz3v9k2m0000000000000000"})

    assert [page.status_code for page in (unknown, other, absent, run)] == [404, 409, 404, 404]
    assert "contributions, response, roi" in unknown.text
    assert "/experiments/signups" in other.text
    assert "Did you mean brand?" in absent.text


def test_the_page_of_a_mix_leads_to_its_workbench(browser: TestClient) -> None:
    page = browser.get("/experiments/empty").text

    assert f'href="{address("empty")}"' in page


def test_the_sample_is_read_back_as_it_was_written(browser: TestClient) -> None:
    lines = sample_csv(browser).splitlines()

    assert len(lines) == 105
    assert lines[1].startswith('"brand_total",2023-01-02,')


def standing(stage: str) -> Run:
    now = datetime(2024, 1, 1, tzinfo=UTC)
    progress = Progress(stage=stage, updated=now)
    state = RunState.RUNNING
    return Run(
        id="1", experiment="e", kind="k", state=state, created=now, config={}, progress=progress
    )


@pytest.mark.parametrize(
    ("stage", "now"),
    [
        ("", "Features"),
        ("building features", "Features"),
        ("compile", "Model compiled"),
        ("sample", "Sampled"),
        ("writing the answer", "Answer written"),
    ],
)
def test_stages_follow_what_the_run_does(stage: str, now: str) -> None:
    marks = marks_of(standing(stage))
    at = [mark.state for mark in marks].index("now")

    assert marks[at].title == now
    assert {mark.state for mark in marks[:at]} == {"done"}
    assert {mark.state for mark in marks[at + 1 :]} <= {"later"}


async def read(table: Table) -> str:
    response = table_file([table], table.name, "brand")
    pieces = [piece async for piece in response.body_iterator]  # type: ignore[attr-defined]  # a stream
    return b"".join(pieces).decode()


def test_text_that_a_spreadsheet_would_run_is_made_inert() -> None:
    rows = (("=1+1", -1.5), ("tv", None))
    table = Table(name="t", title="T", columns=("channel", "mean"), rows=rows)

    assert run_aside(read(table)).splitlines() == ['"channel","mean"', '"\'=1+1",-1.5', '"tv",']


def test_a_table_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(PageNotFound) as refused:
        table_file([Table(name="part", title="P", columns=("a",), rows=())], "lost", "brand")

    assert refused.value.hint == "There is: part."


def test_an_empty_table_is_a_file_with_its_headings() -> None:
    table = Table(name="t", title="T", columns=("channel", "mean"), rows=())

    assert run_aside(read(table)).splitlines() == ['"channel","mean"']


def test_who_may_only_read_trains_nothing(locked: TestClient, reader: dict[str, str]) -> None:
    asked = locked.post(f"{address('brand')}/train", headers=reader)

    assert asked.status_code == 403
