"""The workbench once a mix is trained: its answer step by step, and what a doubtful one hides."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from starlette.testclient import TestClient

from pymc_vibes.core.answer import Answer
from pymc_vibes.core.run import Run, RunState
from pymc_vibes.http.app import create_app
from pymc_vibes.http.page_mix_bench import address
from pymc_vibes.service import Service
from pymc_vibes.service.analysis import new_id
from pymc_vibes.settings import Settings
from tests.http.conftest import words_of
from tests.http.mix_pages import BROWSER, STEPS, make, place_of, sample_csv, service_of, step

QUICK = {"set.tune": "200", "set.draws": "800", "set.chains": "2", "set.holdout_periods": "13"}
PARTIAL = {"HX-Request": "true"}
RETURNS = ("ROAS", "per EUR spent", "Marginal", "Share lost", "Its part of what happened: adds up")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A browser on a server with one trained brand."""
    settings = Settings(home=tmp_path_factory.mktemp("trained") / "home")
    with TestClient(create_app(settings, quiet=True), headers=BROWSER) as opened:
        make(opened, "brand", sample_csv(opened)).raise_for_status()
        quick = {**QUICK, "set.currency": "EUR", "then": "train"}
        opened.post(f"{address('brand')}/settings", data=quick).raise_for_status()
        service_of(opened).with_waiting().analysis("brand")
        yield opened


@pytest.fixture(scope="module")
def doubtful(trained: TestClient) -> TestClient:
    """The same with a second brand whose chains do not agree."""
    service = service_of(trained)
    make(trained, "doubtful", sample_csv(trained)).raise_for_status()
    answer = without_trust(service, service.latest()[service.experiment("brand").id])
    now = datetime.now(UTC)
    run = Run(
        id=answer.run_id,
        experiment="doubtful",
        kind=answer.kind,
        state=RunState.SUCCEEDED,
        created=now,
        started=now,
        finished=now,
        config=answer.provenance.config,
        answer=answer,
    )
    service.queue.record(run, experiment_id=service.experiment("doubtful").id)
    return trained


def without_trust(service: Service, run: Run) -> Answer:
    """Give the answer that the kind gives where the sampler's verdict is a problem."""
    found = service.rebuilt(run.id)
    bad = {"verdict": "problem", "reasons": ("R-hat of decay[tv] is 1.21",)}
    diagnostics = found.answer.diagnostics.model_copy(update=bad)
    posterior = replace(found.posterior, diagnostics=diagnostics)
    return found.answer.model_copy(
        update={
            "run_id": new_id(),
            "experiment": "doubtful",
            "diagnostics": diagnostics,
            "summary": found.kind.summarize(posterior, found.config),
            "figures": found.kind.figures(posterior, found.config),
        }
    )


def test_whoever_comes_in_reads_the_fit(trained: TestClient) -> None:
    assert place_of(trained.get(address("brand"))) == f"{address('brand')}/fit"


def test_the_fit_says_how_well_it_predicts(trained: TestClient) -> None:
    words = step(trained, "brand", "fit")

    assert "Periods inside their 90 % interval" in words
    assert "Error in 13 held-out periods (CRPS)" in words
    assert "Naming last year's sales:" in words
    assert "The average effect of each channel before the data and after them" in words
    assert "Chains, parameter by parameter" in words


def test_contributions_are_told_in_two_forms_that_are_named(trained: TestClient) -> None:
    words = step(trained, "brand", "contributions")

    assert "Lost without it: what would be missing, all else as it was" in words
    assert "Its part of what happened: adds up exactly" in words
    assert "Lost without Lost, 95 % interval Share lost Share, 95 % interval" in words


def test_returns_are_told_with_those_of_the_next_money(trained: TestClient) -> None:
    page = trained.get(f"{address('brand')}/roi").text

    assert "Spend (EUR) ROAS ROAS, 95 % interval Marginal ROAS" in words_of(page)
    assert '"name":"roas"' in page


@pytest.mark.parametrize(
    ("slug", "question"),
    [
        ("contributions", "contributions"),
        ("fit", "fitted"),
        ("roi", "roas"),
        ("response", "curves"),
        ("budget", "optimize"),
        ("budget", "scenario"),
        ("calibration", "next-experiment"),
    ],
)
def test_a_question_is_answered_on_its_step(trained: TestClient, slug: str, question: str) -> None:
    asked = {"ask": question}
    page = trained.get(f"{address('brand')}/{slug}", params=asked)
    part = trained.get(f"{address('brand')}/{slug}", params=asked, headers=PARTIAL)

    assert page.status_code == part.status_code == 200
    assert f'<details class="panel ask" id="ask-{question}" open>' in page.text
    assert "headline small" in part.text
    assert "<html" not in part.text
    assert part.text.strip()[:200] in page.text


def test_a_question_that_is_asked_wrongly_is_told_in_its_place(trained: TestClient) -> None:
    asked = {"ask": "optimize", "swing": "-1"}

    page = trained.get(f"{address('brand')}/budget", params=asked, headers=PARTIAL)

    assert page.status_code == 422
    assert 'class="alert"' in page.text


def test_tables_are_files_for_a_spreadsheet(trained: TestClient) -> None:
    here = f"{address('brand')}/contributions"

    own = trained.get(here, params={"table": "part"})
    asked = trained.get(here, params={"ask": "contributions", "table": "contributions"})
    absent = trained.get(here, params={"table": "lost"})

    assert own.headers["content-type"].startswith("text/csv")
    assert own.text.splitlines()[0] == '"channel","part","part_low","part_high","share_part"'
    assert [line.split(",")[0] for line in own.text.splitlines()[1:]] == [
        '"digital"', '"social"', '"tv"',
    ]  # fmt: skip
    assert len(asked.text.splitlines()) > 100
    assert absent.status_code == 404


def test_an_answer_that_is_older_than_the_settings_says_so(trained: TestClient) -> None:
    here = address("brand")
    trained.post(f"{here}/settings", data={"set.harmonics": "3"})
    changed = step(trained, "brand", "roi")
    trained.post(f"{here}/settings", data={"set.harmonics": "2"})

    assert "Settings changed after this run: harmonics. Train again" in changed
    assert "Settings changed" not in step(trained, "brand", "roi")


def test_training_again_without_a_change_shows_the_answer(trained: TestClient) -> None:
    page = trained.post(f"{address('brand')}/train")

    assert place_of(page) == f"{address('brand')}/fit"
    assert "Trained: read the fit ." in step(trained, "brand", "train")


def test_an_address_may_name_the_run(trained: TestClient) -> None:
    [run] = service_of(trained).runs("brand")

    page = trained.get(f"{address('brand')}/roi", params={"run": run.id}).text

    assert "This is the run that the address names." in page
    assert f"{address('brand')}/budget?run={run.id}" in page


def test_a_run_that_is_over_sends_to_its_answer(trained: TestClient) -> None:
    [run] = service_of(trained).runs("brand")

    over = trained.get(f"{address('brand')}/standing/{run.id}", headers=PARTIAL)

    assert over.headers["HX-Redirect"] == f"{address('brand')}/fit"


def test_a_run_of_another_mix_is_not_shown(trained: TestClient) -> None:
    make(trained, "other")
    [run] = service_of(trained).runs("brand")

    pages = [
        trained.get(f"{address('other')}/fit", params={"run": run.id}),
        trained.get(f"{address('other')}/standing/{run.id}"),
        trained.post(f"{address('other')}/cancel", data={"run": run.id}),
    ]

    assert [page.status_code for page in pages] == [404, 404, 404]


def test_stopping_a_run_that_is_over_changes_nothing(trained: TestClient) -> None:
    [run] = service_of(trained).runs("brand")

    page = trained.post(f"{address('brand')}/cancel", data={"run": run.id})

    assert place_of(page) == f"{address('brand')}/train"
    assert service_of(trained).run(run.id).state is RunState.SUCCEEDED


@pytest.mark.parametrize("slug", STEPS)
def test_a_fit_that_failed_shows_no_return_anywhere(doubtful: TestClient, slug: str) -> None:
    page = doubtful.get(f"{address('doubtful')}/{slug}").text
    words = words_of(page)

    assert [name for name in RETURNS if name in words] == []
    assert '"name":"roas"' not in page
    assert "R-hat of decay[tv] is 1.21" in words
    assert 'class="panel ask"' not in page


def test_a_fit_that_failed_says_where_to_look(doubtful: TestClient) -> None:
    withheld = step(doubtful, "doubtful", "budget")
    page = doubtful.get(f"{address('doubtful')}/fit").text

    assert "Withheld: the fit cannot be relied on" in withheld
    assert "Look at the chains under Fit" in withheld
    assert '<details class="panel" open><summary><h2>Chains' in page
    assert "_trace" in page


def test_a_question_put_to_a_fit_that_failed_is_refused(doubtful: TestClient) -> None:
    page = doubtful.get(
        f"{address('doubtful')}/budget", params={"ask": "optimize"}, headers=PARTIAL
    )

    assert page.status_code == 404
