"""Rates at their fixed addresses, with names that hold anything."""

import json
from collections.abc import Iterator
from threading import Event
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from pymc_vibes.http.app import create_app
from pymc_vibes.kinds import catalog
from pymc_vibes.settings import Settings

HOSTILE = [
    "a/b",
    "samples",
    "a/samples",
    "hierarchical",
    "50%",
    "%2F",
    "..",
    "<img src=x onerror=alert(1)>",
    "'; DROP TABLE x; --",
    'say "hi"',
    "naïve ☃ \U0001f600",
    "\u202eright to left",
    "q?x=1&y#z",
    "a+b c",
    "A",
    "a",
    "x" * 500,
]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Observations whose cohorts and events have hostile names."""
    rows = [
        {"ts": "2024-01-01", "cohort": name, "event": event, "count": index + 1}
        for index, name in enumerate(HOSTILE)
        for event in ("e/v", "plain")
    ]
    settings = Settings(home=tmp_path_factory.mktemp("hostile"))
    with TestClient(create_app(settings, quiet=True)) as opened:
        opened.post("/ingest", json=rows).raise_for_status()
        yield opened


def test_the_first_rows_make_the_experiment(client: TestClient) -> None:
    rows = [{"ts": "2024-01-01", "cohort": "a", "event": "e"}]

    answer = client.post("/ingest", json={"rows": rows}).json()

    assert answer["ingested"] == 1
    assert client.get("/api/v1/experiments/observations").json()["kind"] == "poisson-cohorts"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/csv", "ts,cohort,event,count\n2024-01-01,a,e,2\n"),
        ("application/x-ndjson", '{"ts": "2024-01-01", "cohort": "a", "event": "e"}\n'),
        ("application/json", '[{"ts": "2024-01-01", "cohort": "a", "event": "e"}]'),
    ],
)
def test_rows_are_taken_in_every_form(client: TestClient, kind: str, body: str) -> None:
    response = client.post("/ingest", content=body, headers={"Content-Type": kind})

    assert response.json()["ingested"] == 1


def test_before_the_first_rows_the_problem_says_what_to_do(client: TestClient) -> None:
    problem = client.get("/posterior/a/e").json()

    assert problem["status"] == 404
    assert "/ingest" in problem["hint"]


def test_a_posterior_is_the_conjugate_one(observed: TestClient) -> None:
    found = observed.get("/posterior/north/claim", params={"alpha0": 2, "beta0": 3}).json()

    assert (found["alpha"], found["beta"]) == (2 + 14, 3 + 14)
    assert (found["k"], found["T"], found["unit"]) == (14, 14, "day")
    assert found["mean"] == pytest.approx(16 / 17)
    low, high = found["hdi95"]
    assert low < found["mean"] < high
    assert found["model"] == "independent"


def test_a_window_and_a_unit_are_obeyed(observed: TestClient) -> None:
    query = {"start": "2024-01-03", "end": "2024-01-05", "unit": "hour", "level": 0.8}

    found = observed.get("/posterior/north/claim", params=query).json()

    assert (found["k"], found["T"], found["unit"], found["level"]) == (2, 48, "hour", 0.8)


def test_a_silent_window_is_an_answer_and_an_unknown_cohort_is_not(observed: TestClient) -> None:
    window = {"start": "2024-02-01", "end": "2024-02-02"}

    silent = observed.get("/posterior/north/claim", params=window)
    unknown = observed.get("/posterior/nobody/claim", params=window)

    assert silent.json()["k"] == 0
    assert unknown.status_code == 404


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_is_found_by_path_and_by_parameter(hostile: TestClient, name: str) -> None:
    count = HOSTILE.index(name) + 1
    segment = quote(name, safe="") if name != ".." else "%2E%2E"

    by_name = hostile.get("/posterior", params={"cohort": name, "event": "e/v"}).json()
    by_path = hostile.get(f"/posterior/{segment}/e%2Fv").json()
    origins = by_name.pop("origin"), by_path.pop("origin", None)

    assert (by_name["cohort"], by_name["k"]) == (name, count)
    # a client that resolves dots never sends them
    assert by_path == by_name or name == ".."
    assert origins[1] == origins[0] | {"cached": True} or name == ".."


@pytest.mark.parametrize("name", ["a/b", "a/samples", "samples", "%2F"])
def test_samples_are_told_from_names(hostile: TestClient, name: str) -> None:
    path = f"/posterior/{quote(name, safe='')}/plain/samples"

    found = hostile.get(path, params={"n": 3}).json()

    assert (found["cohort"], len(found["samples"])) == (name, 3)


def test_an_unwritten_slash_belongs_to_the_cohort(hostile: TestClient) -> None:
    assert hostile.get("/posterior/a/b/plain").json()["cohort"] == "a/b"


def test_samples_have_their_agreed_shape(observed: TestClient) -> None:
    found = observed.get("/posterior/north/claim/samples", params={"n": 100, "seed": 7}).json()

    assert set(found) >= {
        "cohort", "event", "alpha", "beta", "k", "T", "unit", "start", "end", "samples",
    }  # fmt: skip
    assert len(found["samples"]) == 100
    assert min(found["samples"]) > 0


def test_samples_repeat_and_cohorts_do_not_share_them(observed: TestClient) -> None:
    query = {"n": 50, "seed": 7}

    north, again = (observed.get("/posterior/north/claim/samples", params=query) for _ in range(2))
    south = observed.get("/posterior/south/claim/samples", params=query).json()

    assert north.json()["samples"] == again.json()["samples"]
    ratios = {
        round(a / b, 6) for a, b in zip(north.json()["samples"], south["samples"], strict=True)
    }
    assert len(ratios) > 40


def test_samples_stream_as_lines(observed: TestClient) -> None:
    query = {"n": 6000, "format": "ndjson"}

    lines = observed.get("/posterior/north/claim/samples", params=query).text.splitlines()
    plain = observed.get("/posterior/north/claim/samples", params={"n": 6000}).json()["samples"]

    assert [json.loads(line)["rate"] for line in lines] == plain


@pytest.mark.parametrize("n", [0, 50_001, -1, "many"])
def test_the_number_of_samples_is_bounded(observed: TestClient, n: Any) -> None:
    assert observed.get("/posterior/north/claim/samples", params={"n": n}).status_code == 422


def test_two_cohorts_are_compared_exactly(observed: TestClient) -> None:
    query = {"event": "claim", "A": "north", "B": "south"}

    found = observed.get("/compare", params=query).json()
    swapped = observed.get("/compare", params={**query, "A": "south", "B": "north"}).json()

    assert found["p_A_gt_B"] > 0.99
    assert found["p_A_gt_B"] + swapped["p_A_gt_B"] == pytest.approx(1, abs=1e-12)
    assert found["decision"] == "higher"
    assert found["A"]["k"] == 14


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/posterior/north/claim", {}),
        ("/cohorts", {}),
        ("/compare", {"event": "claim", "A": "north", "B": "south"}),
    ],
)
def test_both_models_answer_and_others_are_refused(
    observed: TestClient, path: str, asked: dict[str, str]
) -> None:
    for model in ("independent", "hierarchical"):
        assert observed.get(path, params=asked | {"model": model}).status_code == 200
    for model in ("piecewise", "nonsense"):
        assert observed.get(path, params=asked | {"model": model}).status_code == 422


def test_a_cell_of_a_hierarchy_has_no_parameters_of_its_own(observed: TestClient) -> None:
    query = {"model": "hierarchical"}

    found = observed.get("/posterior/south/claim", params=query).json()
    alone = observed.get("/posterior/south/claim").json()

    assert (found["alpha"], found["beta"], found["model"]) == (None, None, "hierarchical")
    assert found["method"] == "quadrature"
    assert found["mean"] > alone["mean"]  # north, which has more, lends


def test_a_comparison_says_its_model(observed: TestClient) -> None:
    query = {"event": "claim", "A": "north", "B": "south"}

    pooled = observed.get("/compare", params=query | {"model": "hierarchical"}).json()
    alone = observed.get("/compare", params=query).json()

    assert (pooled["model"], alone["model"]) == ("hierarchical", "independent")
    assert pooled["p_A_gt_B"] < alone["p_A_gt_B"]


def test_a_hierarchy_is_drawn_together(observed: TestClient) -> None:
    query = {"n": 400, "seed": 3}

    found = observed.get("/posterior/hierarchical/claim/samples", params=query).json()
    again = observed.get("/posterior/hierarchical/samples", params=query | {"event": "claim"})
    one = observed.get(
        "/posterior/north/claim/samples", params=query | {"model": "hierarchical"}
    ).json()

    assert again.json() == found
    assert (found["event"], found["n"], found["seed"], found["unit"]) == ("claim", 400, 3, "day")
    assert {name: len(x) for name, x in found["hyperparams"].items()} == {"alpha": 400, "beta": 400}
    assert set(found["rates"]) == {"north", "south"}
    assert one["samples"] == found["rates"]["north"]


def test_chosen_cohorts_of_a_hierarchy_have_the_same_draws(observed: TestClient) -> None:
    address = "/posterior/hierarchical/claim/samples"
    whole = observed.get(address, params={"n": 50}).json()

    part = observed.get(address, params={"n": 50, "cohort": ["south"]}).json()

    assert part["rates"] == {"south": whole["rates"]["south"]}
    assert part["hyperparams"] == whole["hyperparams"]
    assert observed.get(address, params={"cohort": "nobody"}).status_code == 404
    assert observed.get("/posterior/hierarchical/nothing/samples").status_code == 404


@pytest.mark.parametrize("event", ["e/v", "plain"])
def test_the_hierarchical_route_wins_over_a_cohort_of_that_name(
    hostile: TestClient, event: str
) -> None:
    query = {"n": 5}
    path = f"/posterior/hierarchical/{quote(event, safe='')}"

    pooled = hostile.get(f"{path}/samples", params=query).json()
    cell = hostile.get(path).json()
    named = {"cohort": "hierarchical", "event": event}
    samples = hostile.get("/posterior/samples", params=query | named).json()

    assert set(pooled["rates"]) == set(HOSTILE)
    assert cell["cohort"] == samples["cohort"] == "hierarchical"


def test_a_sampled_hierarchy_is_followed_to_its_answer(observed: TestClient) -> None:
    query = {"model": "hierarchical", "engine": "nuts"}
    address = "/posterior/south/claim"

    pending = observed.get(address, params=query)
    while observed.get(pending.headers["Location"]).json()["state"] in ("queued", "running"):
        Event().wait(0.05)
    sampled = observed.get(address, params=query).json()
    exact = observed.get(address, params={"model": "hierarchical"}).json()

    assert pending.status_code == 202
    assert (sampled["method"], exact["method"]) == ("nuts", "quadrature")
    # 2 000 of the draws of alpha and beta: five standard errors of a mean are 0.11 sd at worst
    assert abs(sampled["mean"] - exact["mean"]) < 0.15 * exact["sd"]


def test_too_many_draws_of_a_hierarchy_are_refused_with_the_way_out(hostile: TestClient) -> None:
    rows = [{"ts": "2024-01-01", "cohort": f"c{i}", "event": "e"} for i in range(60)]
    hostile.post("/api/v1/experiments", json={"name": "wide", "kind": "poisson-cohorts"})
    hostile.post("/ingest", params={"experiment": "wide"}, json=rows).raise_for_status()
    query = {"experiment": "wide", "n": 50_000}

    problem = hostile.get("/posterior/hierarchical/e/samples", params=query)

    assert problem.status_code == 413
    assert "n=33333" in problem.json()["hint"]


def test_independent_rates_have_no_hyperparameters(observed: TestClient) -> None:
    problem = observed.get(
        "/posterior/hierarchical/claim/samples", params={"model": "independent"}
    ).json()

    assert problem["type"] == "/problems/bad-config"


def test_a_model_over_time_does_not_hide_single_rates(rates: TestClient) -> None:
    config = {"model": "change-point"}
    rates.post(
        "/api/v1/experiments", json={"name": "t", "kind": "poisson-cohorts", "config": config}
    ).raise_for_status()
    rows = [{"ts": f"2024-01-0{day}", "cohort": "a", "event": "e"} for day in range(1, 9)]
    rates.post("/ingest", params={"experiment": "t"}, json=rows).raise_for_status()

    found = rates.get("/posterior/a/e", params={"experiment": "t"}).json()

    assert (found["model"], found["k"]) == ("independent", 8)


def test_cohorts_are_listed_with_their_events(observed: TestClient) -> None:
    (north, south) = observed.get("/cohorts").json()["cohorts"]

    assert (north["cohort"], south["cohort"]) == ("north", "south")
    (event,) = south["events"]
    assert (event["event"], event["count"], event["exposure"]) == ("claim", 4, 14)
    assert event["first"] == "2024-01-03T12:00:00Z"
    assert event["last"] == "2024-01-12T12:00:00Z"
    assert event["hdi95"][0] < event["mean"] < event["hdi95"][1]


def test_a_page_of_cohorts_leads_to_the_next(hostile: TestClient) -> None:
    names: list[str] = []
    address: str | None = "/cohorts?limit=4"
    for _ in HOSTILE:
        page = hostile.get(address or "/cohorts?limit=1000").json()
        names += [line["cohort"] for line in page["cohorts"] if address]
        address = page["next"]

    assert names == sorted(HOSTILE)


def test_first_and_last_follow_new_rows(rates: TestClient) -> None:
    rates.get("/cohorts")
    rates.post("/ingest", json=[{"ts": "2023-12-24", "cohort": "south", "event": "claim"}])

    south = rates.get("/cohorts").json()["cohorts"][1]

    assert south["events"][0]["first"] == "2023-12-24T00:00:00Z"


def test_another_experiment_can_be_named(rates: TestClient) -> None:
    rates.post("/api/v1/experiments", json={"name": "other", "kind": "poisson-cohorts"})
    rows = [{"ts": "2024-01-01", "cohort": "east", "event": "claim"}]
    rates.post("/ingest", params={"experiment": "other"}, json=rows)

    found = rates.get("/posterior/east/claim", params={"experiment": "other"})

    assert found.json()["k"] == 1
    assert rates.get("/posterior/east/claim").status_code == 404


def test_an_experiment_of_another_kind_is_a_conflict(rates: TestClient) -> None:
    rates.post("/api/v1/experiments", json={"name": "other", "kind": "bernoulli"})

    assert rates.get("/cohorts", params={"experiment": "other"}).status_code == 409
    assert rates.post("/ingest", params={"experiment": "other"}, json=[{}]).status_code == 409


@pytest.mark.parametrize("slug", catalog())
def test_every_kind_answers_at_its_own_address(client: TestClient, slug: str) -> None:
    client.post("/api/v1/experiments", json={"name": "x", "kind": slug})
    asked = {"format": "ndjson", "num_events": min(catalog()[slug].sizes.common, 1000)}
    made = client.get(f"/api/v1/kinds/{slug}/generate", params=asked)
    client.post("/api/v1/experiments/x/events", content=made.content).raise_for_status()
    service = client.app.state.service  # type: ignore[attr-defined]
    service.with_waiting().analyze("x", {"level": 0.9})  # asked at once, what is sampled is 202

    found = client.get(f"/{slug}/posterior", params={"experiment_name": "x", "level": 0.9}).json()
    same = client.post("/api/v1/experiments/x/runs", json={"level": 0.9}).json()

    assert found["kind"] == slug
    assert found["summary"] == same["summary"]
    assert found["provenance"]["config"]["level"] == 0.9


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 400),
        ({"experiment_name": "nobody"}, 404),
        ({"experiment_name": "observations", "nonsense": 1}, 422),
        ({"experiment_name": "observations", "level": "high"}, 422),
    ],
)
def test_a_bad_question_at_a_kind_is_a_problem(
    observed: TestClient, query: dict[str, Any], status: int
) -> None:
    assert observed.get("/poisson-cohorts/posterior", params=query).status_code == status
