"""Stages of runs of a marketing mix: what is refused, what ends a run, and who may begin it."""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

from pymc_vibes.http.app import create_app
from pymc_vibes.kinds.marketing_mix.samples import SAMPLE
from pymc_vibes.settings import Settings
from tests.http.mix import BEFORE, RUN_SPEC, create, poll, sample_csv, status, upload


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A server with the sample as a dataset."""
    settings = Settings(home=tmp_path_factory.mktemp("mix"))
    with TestClient(create_app(settings, quiet=True)) as client:
        upload(client, sample_csv()).raise_for_status()
        yield client


@pytest.mark.parametrize(
    "part", ["outputs", "posterior_summary", "contributions", "outputs/features.parquet"]
)
def test_what_is_not_there_yet_is_refused_with_the_next_call(server: TestClient, part: str) -> None:
    run_id = create(server)

    refused = server.get(f"/runs/{run_id}/{part}")

    assert refused.status_code == 409
    assert refused.json()["stage"] == "CREATED"
    assert refused.json()["next"] == f"POST /runs/{run_id}/build_features"


def test_features_are_built_once(server: TestClient) -> None:
    run_id = create(server)
    server.post(f"/runs/{run_id}/build_features").raise_for_status()

    again = server.post(f"/runs/{run_id}/build_features")
    features = server.get(f"/runs/{run_id}/outputs/features.parquet")

    assert again.status_code == 409
    assert again.json()["next"] == f"POST /runs/{run_id}/train"
    assert pq.read_table(io.BytesIO(features.content)).num_rows > 0


def test_the_sample_ships_with_an_empty_lake(tmp_path: Path) -> None:
    with TestClient(create_app(Settings(home=tmp_path), quiet=True)) as client:
        unknown = client.post("/runs/create", json={**RUN_SPEC, "dataset_id": "sample_002"})
        made = client.post("/runs/create", json=RUN_SPEC)
        shown = client.get(f"/datasets/{SAMPLE}").json()

    assert unknown.status_code == 404
    assert made.status_code == 201
    assert shown["rows"] == 104
    assert shown["channels"] == ["digital", "social", "tv"]


def test_run_all_trains_without_being_told(server: TestClient) -> None:
    begun = server.post("/runs/create", json={**RUN_SPEC, "run_all": True, "random_seed": 7})
    run_id = begun.json()["run_id"]
    again = server.post(f"/runs/{run_id}/train")
    pending = server.get(f"/runs/{run_id}/contributions")
    stopped = server.post(f"/api/v1/runs/{run_id}/cancel")
    (*_, last) = poll(server, run_id)
    after = server.post(f"/runs/{run_id}/train")

    assert begun.status_code == 202
    assert begun.json()["stage"] == "TRAINING"
    assert (again.status_code, again.json()["next"]) == (409, f"GET /runs/{run_id}/status")
    assert (pending.status_code, pending.headers["location"]) == (202, f"/api/v1/runs/{run_id}")
    assert stopped.status_code == 200
    assert (last["stage"], last["reason"]["code"]) == ("ERROR", "run-cancelled")
    assert (after.status_code, after.json()["next"]) == (409, "POST /runs/create")


def test_a_run_is_about_the_data_as_they_were_when_it_was_created(server: TestClient) -> None:
    upload(server, sample_csv(80), params={"dataset_id": "grows"}).raise_for_status()
    run_id = create(server, dataset_id="grows")
    upload(
        server,
        sample_csv().splitlines(keepends=True)[0]
        + b"".join(sample_csv().splitlines(keepends=True)[81:]),
        params={"dataset_id": "grows"},
    ).raise_for_status()
    server.post(f"/runs/{run_id}/build_features").raise_for_status()

    canonical = server.get(f"/runs/{run_id}/outputs/canonical_data.parquet").content

    assert pq.read_table(io.BytesIO(canonical)).num_rows == 80
    assert server.get("/datasets/grows").json()["rows"] == 104


def test_errors_in_the_data_end_a_run_and_name_their_rows(server: TestClient) -> None:
    upload(server, sample_csv(30), params={"dataset_id": "short"}).raise_for_status()
    run_id = create(server, dataset_id="short")

    refused = server.post(f"/runs/{run_id}/train")
    after = status(server, run_id)

    assert refused.status_code == 422
    assert refused.json()["type"] == "/problems/insufficient-data"
    assert refused.json()["errors"]
    assert refused.json()["run_id"] == run_id
    assert after["stage"] == "ERROR"
    assert after["reason"]["code"] == "insufficient-data"
    assert after["reason"]["errors"] == refused.json()["errors"]
    assert [mark["stage"] for mark in after["history"]] == ["CREATED", "ERROR"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"target_col": "profit"}, "target_col"),
        ({"drivers": ["act_tv", "act_radio"]}, "drivers"),
        ({"controls": ["ctrl_weather"]}, "controls"),
        (
            {"feature_config": {"adstock": {"per_channel": {"radio": 0.3}}}},
            "feature_config.adstock.per_channel",
        ),
        (
            {"feature_config": {"adstock": {"decay_default": 2}}},
            "feature_config.adstock.decay_default",
        ),
        ({"grain": "fortnight"}, "grain"),
        ({"random_seed": -1}, "random_seed"),
        ({"sample_weight": "x"}, "sample_weight"),
    ],
)
def test_a_specification_that_cannot_be_met_names_the_field(
    server: TestClient, changes: dict[str, Any], field: str
) -> None:
    refused = server.post("/runs/create", json={**RUN_SPEC, **changes})

    assert refused.status_code == 422
    assert refused.json()["type"] == "/problems/bad-config"
    assert [item["field"] for item in refused.json()["fields"]] == [field]


def test_a_run_needs_a_dataset_with_rows(server: TestClient) -> None:
    unknown = server.post("/runs/create", json={**RUN_SPEC, "dataset_id": "nowhere"})
    made = {"name": "empty", "kind": "marketing-mix"}
    server.post("/api/v1/experiments", json=made).raise_for_status()
    empty = server.post("/runs/create", json={**RUN_SPEC, "dataset_id": "empty"})
    server.post("/ingest", json={"rows": [{"ts": "2024-01-01", "cohort": "a", "event": "e"}]})
    other = server.post("/runs/create", json={**RUN_SPEC, "dataset_id": "observations"})

    assert (unknown.status_code, empty.status_code, other.status_code) == (404, 422, 409)
    assert "/datasets/upload" in unknown.json()["hint"]


def test_the_dataset_of_a_run_may_be_deleted_and_made_anew(server: TestClient) -> None:
    upload(server, sample_csv(), params={"dataset_id": "fleeting"}).raise_for_status()
    run_id = create(server, dataset_id="fleeting")
    server.delete("/api/v1/experiments/fleeting").raise_for_status()
    upload(server, sample_csv(), params={"dataset_id": "fleeting"}).raise_for_status()

    refused = server.post(f"/runs/{run_id}/train")

    assert refused.status_code == 404
    assert status(server, run_id)["stage"] == "CREATED"


def test_runs_of_the_resource_tree_have_stages_too(server: TestClient) -> None:
    pending = server.post(f"/api/v1/experiments/{SAMPLE}/runs", json={"draws": 400, "tune": 50})
    run_id = pending.json()["id"]
    asked = status(server, run_id)
    server.post(f"/api/v1/runs/{run_id}/cancel").raise_for_status()
    (*_, last) = poll(server, run_id)

    assert asked["stage"] == "TRAINING"
    assert asked["stage"] not in BEFORE
    assert last["reason"]["code"] == "run-cancelled"


def test_runs_of_other_kinds_have_no_stages(server: TestClient) -> None:
    server.post("/ingest", json={"rows": [{"ts": "2024-01-01", "cohort": "a", "event": "e"}]})
    other = server.post("/api/v1/experiments/observations/runs", json={}).raise_for_status()

    answers = [
        server.get(f"/runs/{other.json()['run_id']}/{part}") for part in ("status", "fitted")
    ]
    unknown = server.get("/runs/nowhere/status")

    assert [a.status_code for a in answers] == [409, 409]
    assert unknown.status_code == 404


def test_a_run_that_is_begun_by_many_at_once_is_one_run(server: TestClient) -> None:
    run_id = create(server, random_seed=11)
    server.post(f"/runs/{run_id}/build_features").raise_for_status()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: server.post(f"/runs/{run_id}/train"), range(4)))
    listed = server.get(f"/api/v1/experiments/{SAMPLE}/runs", params={"limit": 100}).json()["runs"]
    server.post(f"/api/v1/runs/{run_id}/cancel").raise_for_status()
    poll(server, run_id)

    statuses = [answer.status_code for answer in answers]
    assert 202 in statuses
    assert set(statuses) <= {202, 409}
    assert [line["id"] for line in listed].count(run_id) == 1


def test_a_run_keeps_its_id_while_another_is_asked_the_same(server: TestClient) -> None:
    run_ids = [create(server, random_seed=12) for _ in range(2)]
    for run_id in run_ids:
        server.post(f"/runs/{run_id}/train").raise_for_status()
    runs = [server.get(f"/api/v1/runs/{run_id}").raise_for_status().json() for run_id in run_ids]
    for run_id in run_ids:
        server.post(f"/api/v1/runs/{run_id}/cancel").raise_for_status()
        poll(server, run_id)

    assert [run["id"] for run in runs] == run_ids
    assert len({run["key"] for run in runs}) == 2


def test_who_navigates_to_a_run_that_is_not_trained_gets_its_dataset(server: TestClient) -> None:
    run_id = create(server)

    page = server.get(f"/runs/{run_id}", headers={"Accept": "text/html"}, follow_redirects=False)

    assert page.status_code == 303
    assert page.headers["location"] == f"/experiments/{SAMPLE}"
