"""The change of one person's days at its fixed address, and the history of what was asked."""

import base64
import io
import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

from pymc_vibes.http.app import create_app
from pymc_vibes.http.interventions import picture
from pymc_vibes.service import Service
from pymc_vibes.settings import Settings

START, DAYS, AT = date(2025, 1, 6), 90, 45
CHANGE = (START + timedelta(days=AT)).isoformat()
ANALYZE, HISTORY = "/analytics/its/analyze", "/analytics/its/history"
KIND = "interrupted-time-series"
PNG = b"\x89PNG\r\n\x1a\n"
EFFECTS = ("immediate_effect", "sustained_effect", "counterfactual_effect")
PEOPLE = ("ana", "Ana", "a/b%")


def ask(**given: Any) -> dict[str, Any]:
    return {"user_id": "ana", "intervention_date": CHANGE} | given


def parquet() -> bytes:
    """Measurements of three people at noon: better by 6 from the day of the change on."""
    rows = [
        {
            "timestamp": datetime(START.year, START.month, START.day, 12, tzinfo=UTC)
            + timedelta(days=day),
            "userId": person,
            "sessionPerformanceScore": 70 + 3 * math.sin(day * day) + 6 * (day >= AT),
            "experimentPhase": "intervention" if day >= AT else "baseline",
            "restingHeartRate": 60 + 2 * math.cos(day * day) - 5 * (day >= AT),
        }
        for person in PEOPLE
        for day in range(DAYS)
    ]
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()


def upload(client: TestClient, name: str) -> None:
    client.post("/api/v1/experiments", json={"name": name, "kind": KIND}).raise_for_status()
    headers = {"Content-Type": "application/vnd.apache.parquet"}
    address = f"/api/v1/experiments/{name}/events"
    client.post(address, content=parquet(), headers=headers).raise_for_status()


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, Service]]:
    """An application with ninety days of three people, and its service."""
    settings = Settings(home=tmp_path_factory.mktemp("interventions"))
    service = Service.open(settings)
    with TestClient(create_app(settings, service=service, quiet=True)) as client:
        upload(client, "behavioral_events")
        yield client, service
    service.close()


@pytest.fixture
def days(opened: tuple[TestClient, Service]) -> TestClient:
    """The application alone."""
    return opened[0]


def test_days_are_analyzed_recorded_and_found_again(days: TestClient) -> None:
    body = ask(outcome_metric="sessionPerformanceScore")

    first = days.post(ANALYZE, json=body)
    found = first.json()
    again = days.post(ANALYZE, json=body).json()
    run = days.get(f"/api/v1/runs/{found['run_id']}").json()
    past = days.get(f"{HISTORY}/ana").json()["analyses"]

    assert first.status_code == 200
    assert next(iter(found)) == "verdict"
    assert found["cached"] is False
    assert again == found | {"cached": True}
    assert run["state"] == "succeeded"
    assert run["config"]["user_id"] == "ana"
    for plot in found["plots"].values():
        assert base64.b64decode(plot, validate=True).startswith(PNG)
    assert set(found["plots"]) == {
        "observed_vs_counterfactual", "posterior_predictive_check", "effect_distribution",
        "mcmc_diagnostics",
    }  # fmt: skip
    (same,) = [line for line in past if line["run_id"] == found["run_id"]]
    assert set(same) == {"run_id", "created", "params", "effects", "verdict"}
    assert (
        same["effects"]["counterfactual_effect"]["mean"] == (found["counterfactual_effect"]["mean"])
    )


def test_effects_are_those_of_the_run_with_relative_sizes(days: TestClient) -> None:
    found = days.post(ANALYZE, json=ask()).json()
    summary = days.get(f"/api/v1/runs/{found['run_id']}/summary").json()
    average = next(e for e in summary["estimates"] if e["name"] == "average")
    relative = next(e for e in summary["estimates"] if e["name"] == "relative")

    for name in EFFECTS:
        effect = found[name]
        assert effect["hdi"][0] < effect["mean"] < effect["hdi"][1]
        assert abs(effect["mean"] - 6) < 4 * effect["sd"]
        assert 0 < effect["relative"]["low"] < effect["relative"]["high"] < 1
        assert effect["definition"]
    whole = found["counterfactual_effect"]
    assert (whole["mean"], whole["sd"]) == (average["mean"], average["sd"])
    assert whole["relative"]["median"] == relative["median"]
    assert found["probability_of_benefit"] == whole["p_positive"] > 0.95


def test_the_immediate_effect_is_relative_to_its_own_days(days: TestClient) -> None:
    found = days.post(ANALYZE, json=ask(user_id="Ana")).json()

    # the level without the change is near 70 on any days
    for name in EFFECTS:
        assert found[name]["relative"]["median"] == pytest.approx(found[name]["mean"] / 70, rel=0.1)


def test_the_engine_says_who_it_is_and_shows_its_grid(days: TestClient) -> None:
    found = days.post(ANALYZE, json=ask()).json()["mcmc_diagnostics"]

    assert (found["engine"], found["method"], found["r_hat_max"]) == ("exact", "quadrature", None)
    assert 1 <= found["grid"]["effective_nodes"] <= found["grid"]["nodes"]
    assert 0 < found["grid"]["heaviest"] <= 1


def test_what_has_no_effect_is_said(days: TestClient) -> None:
    default = days.post(ANALYZE, json=ask()).json()
    without = days.post(ANALYZE, json=ask(include_time_of_day=False)).json()

    codes = [[said["code"] for said in body["warnings"]] for body in (default, without)]
    assert ["time-of-day" in found for found in codes] == [True, False]
    assert all("draws" in found for found in codes)


def test_the_counterfactual_comes_day_by_day(days: TestClient) -> None:
    body = days.post(ANALYZE, json=ask()).json()
    found = body["counterfactual"]

    assert len(found["day"]) == DAYS == len(found["expected"]) == len(found["high_with_noise"])
    after = range(AT, DAYS)
    beyond = sum(found["observed"][day] - found["expected"][day] for day in after) / len(after)
    assert abs(beyond - body["counterfactual_effect"]["mean"]) < 0.5  # one is of expectations
    for day in range(DAYS):
        assert found["low_with_noise"][day] < found["low"][day] < found["high"][day]


def test_any_stored_column_can_be_the_outcome(days: TestClient) -> None:
    plain = days.post(ANALYZE, json=ask()).json()
    other = days.post(ANALYZE, json=ask(outcome_metric="restingHeartRate")).json()
    same = days.post(ANALYZE, json=ask(outcome_metric="sessionPerformanceScore")).json()

    assert other["outcome_metric"] == "restingHeartRate"
    assert other["counterfactual_effect"]["mean"] < 0 < plain["counterfactual_effect"]["mean"]
    assert (same["run_id"], same["cached"]) == (plain["run_id"], True)


def test_a_stored_column_goes_before_what_its_name_is_another_name_of(days: TestClient) -> None:
    days.post("/api/v1/experiments", json={"name": "pulse", "kind": KIND}).raise_for_status()
    headers = {"Content-Type": "application/vnd.apache.parquet"}
    address = "/api/v1/experiments/pulse/events?map=outcome%3DrestingHeartRate"
    days.post(address, content=parquet(), headers=headers).raise_for_status()

    pulse, score = (
        days.post(f"{ANALYZE}?experiment=pulse", json=ask(outcome_metric=name)).json()
        for name in ("outcome", "sessionPerformanceScore")
    )

    assert pulse["counterfactual_effect"]["mean"] < 0 < score["counterfactual_effect"]["mean"]


def test_pictures_of_a_known_answer_are_not_drawn_again(days: TestClient) -> None:
    first = days.post(ANALYZE, json=ask()).json()
    drawn = picture.cache_info().misses

    again = days.post(ANALYZE, json=ask()).json()

    assert again["plots"] == first["plots"]
    assert picture.cache_info().misses == drawn


def test_a_column_without_a_number_is_named(days: TestClient) -> None:
    told = days.post(ANALYZE, json=ask(outcome_metric="experimentPhase"))

    assert told.status_code == 422
    assert "'phase'" in told.json()["detail"]


def test_the_days_before_alone_can_be_asked_for(days: TestClient) -> None:
    found = days.post(ANALYZE, json=ask(engine="segmented")).json()

    assert found["mcmc_diagnostics"]["engine"] == "segmented"
    assert "independent-days" in {said["code"] for said in found["warnings"]}
    assert abs(found["counterfactual_effect"]["mean"] - 6) < 2


def test_the_sampler_agrees_with_the_exact_engine_and_is_followed_or_awaited(
    days: TestClient,
) -> None:
    sampled = ask(engine="nuts", mcmc_samples=1000, mcmc_chains=2)
    exact = days.post(ANALYZE, json=ask()).json()["counterfactual_effect"]

    accepted = days.post(ANALYZE, json=sampled, headers={"Prefer": "respond-async"})
    body = days.post(ANALYZE, json=sampled).json()
    known = days.post(ANALYZE, json=sampled, headers={"Prefer": "respond-async"})

    assert accepted.status_code == 202
    assert accepted.json()["id"] == body["run_id"] == known.json()["run_id"]
    checked = body["mcmc_diagnostics"]
    assert (checked["engine"], checked["method"], checked["verdict"]) == ("nuts", "nuts", "good")
    assert checked["r_hat_max"] < 1.05
    error = exact["sd"] / min(checked["ess_bulk_min"], 2000) ** 0.5
    assert abs(body["counterfactual_effect"]["mean"] - exact["mean"]) < 6 * error
    assert all(base64.b64decode(png).startswith(PNG) for png in body["plots"].values())
    history = days.get(f"{HISTORY}/ana").json()["analyses"]
    assert body["run_id"] in {line["run_id"] for line in history}


@pytest.mark.parametrize(
    "given",
    [
        {"include_day_of_week": False},
        {"include_time_of_day": False},
        {"window_days": 5},
        {"phases": ["baseline", "intervention"]},
        {"mcmc_samples": 500},
        {"mcmc_chains": 2},
        {"start_date": "2025-01-10"},
        {"end_date": "2025-04-01"},
    ],
    ids=str,
)
def test_every_setting_makes_another_run(days: TestClient, given: dict[str, Any]) -> None:
    known = days.post(ANALYZE, json=ask()).json()

    found = days.post(ANALYZE, json=ask(**given)).json()

    assert found["run_id"] != known["run_id"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"phases": ["baseline"]}, "0 after"),
        ({"outcome_metric": "heart_rate"}, "heart_rate"),
        ({"window_days": 0}, "window_days"),
        ({"intervention_date": "2200-01-01"}, "future"),
        ({"intervention_date": "2020-01-01"}, "0 before"),
        ({"intervention_date": "2025-04-04"}, "2 after"),
        ({"start_date": "2025-02-17"}, "3 before"),
        ({"start_date": "2025-03-17"}, "must lie after start"),
        ({"user_id": "\0"}, "NUL"),
        ({"mcmc_samples": 499}, "mcmc_samples"),
        ({"mcmc_samples": 10_001}, "mcmc_samples"),
        ({"mcmc_chains": 9}, "mcmc_chains"),
        ({"nonsense": 1}, "nonsense"),
        ({"intervention_date": "soon"}, "intervention_date"),
    ],
    ids=str,
)
def test_what_cannot_be_answered_is_refused_with_the_reason(
    days: TestClient, given: dict[str, Any], said: str
) -> None:
    problem = days.post(ANALYZE, json=ask(**given))

    assert problem.status_code == 422
    assert said in problem.json()["detail"]


def test_an_unknown_person_is_not_found(days: TestClient) -> None:
    assert days.post(ANALYZE, json=ask(user_id="nobody")).status_code == 404
    assert days.get(f"{HISTORY}/nobody").json() == {"analyses": [], "next": None}


def test_without_the_experiment_the_problem_says_how_to_make_it(client: TestClient) -> None:
    for problem in (client.post(ANALYZE, json=ask()), client.get(f"{HISTORY}/ana")):
        assert problem.status_code == 404
        assert f"create behavioral_events --type {KIND}" in problem.json()["hint"]


def test_another_experiment_can_be_named_and_must_be_of_the_kind(days: TestClient) -> None:
    upload(days, "other")
    days.post("/api/v1/experiments", json={"name": "rates", "kind": "poisson-cohorts"})

    found = days.post(ANALYZE, json=ask(), params={"experiment": "other"})
    wrong = days.post(ANALYZE, json=ask(), params={"experiment": "rates"})

    assert found.status_code == 200
    assert days.get(f"/api/v1/runs/{found.json()['run_id']}").json()["experiment"] == "other"
    assert wrong.status_code == 409


def test_a_history_is_of_one_person_only_and_pages(days: TestClient) -> None:
    made = [
        days.post(ANALYZE, json=ask(user_id=person, mcmc_samples=samples)).json()["run_id"]
        for samples in (600, 700)
        for person in PEOPLE
    ]

    first = days.get(f"{HISTORY}/a%2Fb%25", params={"limit": 1}).json()
    second = days.get(first["next"]).json()
    wide = days.get(f"{HISTORY}/Ana").json()["analyses"]

    assert [line["run_id"] for line in first["analyses"]] == [made[5]]
    assert [line["run_id"] for line in second["analyses"]] == [made[2]]
    assert {line["params"]["user_id"] for line in wide} == {"Ana"}


def test_the_ledgers_id_is_told_once_there_is_one(opened: tuple[TestClient, Service]) -> None:
    client, service = opened
    body = ask(mcmc_samples=800)
    before = client.post(ANALYZE, json=body).json()

    service.queue.mark_mirrored(before["run_id"], "0123abcd")
    after = client.post(ANALYZE, json=body).json()
    service.queue.mark_mirrored(before["run_id"], "failed: the ledger said no")
    failed = client.post(ANALYZE, json=body).json()

    found = [body["mlflow_run_id"] for body in (before, after, failed)]
    assert found == [None, "0123abcd", None]
