"""A staged run of a marketing mix: from a file to contributions, one call after the other."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
import xarray as xr
from starlette.testclient import TestClient

from pymc_vibes.http.app import create_app
from pymc_vibes.kinds.marketing_mix.samples import SAMPLE, SAMPLE_COLUMNS, sample
from pymc_vibes.settings import Settings
from tests.http.mix import RUN_SPEC, create, poll, sample_csv, status, upload

HTML = {"Accept": "text/html"}
STAGES = ["CREATED", "VALIDATED", "FEATURES_BUILT", "TRAINING", "OUTPUTS_READY"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A server with the sample as a dataset."""
    settings = Settings(home=tmp_path_factory.mktemp("mix"))
    with TestClient(create_app(settings, quiet=True)) as client:
        upload(client, sample_csv()).raise_for_status()
        yield client


@pytest.fixture(scope="module")
def told(server: TestClient) -> list[dict[str, Any]]:
    """All that was told of the run of the specification while it went through its stages."""
    run_id = create(server)
    said = [status(server, run_id)]
    said.append(server.post(f"/runs/{run_id}/build_features").raise_for_status().json())
    said.append(server.post(f"/runs/{run_id}/train").raise_for_status().json())
    return said + poll(server, run_id)


@pytest.fixture(scope="module")
def run_id(told: list[dict[str, Any]]) -> str:
    return str(told[-1]["run_id"])


def read(client: TestClient, run_id: str, part: str, **params: Any) -> Any:
    return client.get(f"/runs/{run_id}/{part}", params=params).raise_for_status()


def as_table(client: TestClient, run_id: str, part: str, form: str) -> pa.Table:
    content = io.BytesIO(read(client, run_id, part, format=form).content)
    return pq.read_table(content) if form == "parquet" else pc.read_csv(content)


def test_the_run_of_the_specification_goes_through_every_stage(
    told: list[dict[str, Any]],
) -> None:
    assert [said["stage"] for said in told[:3]] == ["CREATED", "FEATURES_BUILT", "TRAINING"]
    assert told[-1]["stage"] == "OUTPUTS_READY"
    assert [mark["stage"] for mark in told[-1]["history"]] == STAGES
    times = [mark["at"] for mark in told[-1]["history"]]
    assert times == sorted(times)
    assert told[-1]["reason"] is None


def test_training_tells_how_far_it_is(told: list[dict[str, Any]]) -> None:
    steps = [said["progress"] for said in told if said["progress"]]

    assert any(step["total"] for step in steps)
    assert any("divergences" in step["facts"] for step in steps)
    assert {said["state"] for said in told[2:]} == {"queued", "running", "succeeded"} - (
        set() if any(s["state"] == "queued" for s in told[2:]) else {"queued"}
    )


def test_every_status_names_the_next_call(told: list[dict[str, Any]], run_id: str) -> None:
    named = list(dict.fromkeys(said["next"] for said in told))

    assert named == [
        f"POST /runs/{run_id}/build_features",
        f"POST /runs/{run_id}/train",
        f"GET /runs/{run_id}/status",
        f"GET /runs/{run_id}/outputs",
    ]


def test_the_id_is_that_of_the_run_in_the_resource_tree(server: TestClient, run_id: str) -> None:
    run = server.get(f"/api/v1/runs/{run_id}").raise_for_status().json()
    listed = server.get(f"/api/v1/experiments/{SAMPLE}/runs").json()["runs"]

    assert (run["id"], run["state"]) == (run_id, "succeeded")
    assert run_id in [line["id"] for line in listed]


def test_programs_get_the_record_of_a_run_and_people_its_page(
    server: TestClient, run_id: str
) -> None:
    record = server.get(f"/runs/{run_id}").raise_for_status()
    page = server.get(f"/runs/{run_id}", headers=HTML).raise_for_status()

    assert record.headers["content-type"] == "application/json"
    assert "Accept" in record.headers["vary"]
    assert record.json()["run_spec"] == RUN_SPEC
    assert record.json()["settings"]["preset"] == "reference"
    assert record.json()["headline"]
    assert page.headers["content-type"].startswith("text/html")
    assert run_id in page.text


@pytest.mark.parametrize("part", ["posterior_summary", "diagnostics", "contributions", "fitted"])
def test_every_table_says_the_same_in_every_format(
    server: TestClient, run_id: str, part: str
) -> None:
    body = read(server, run_id, part).json()
    names = {"posterior_summary": "parameters", "diagnostics": "parameters"}
    rows = body[names.get(part, part)]
    columns = list(rows[0])
    given = pa.Table.from_pylist(rows).select(columns)

    for form in ("csv", "parquet"):
        table = as_table(server, run_id, part, form)
        assert set(table.column_names) == set(columns)
        for name in columns:
            assert [str(x) for x in table[name].to_pylist()] == [
                str(x) for x in given[name].to_pylist()
            ]


def test_contributions_have_a_row_for_every_period_and_channel(
    server: TestClient, run_id: str
) -> None:
    found = read(server, run_id, "contributions").json()
    rows = found["contributions"]

    assert list(rows[0]) == [
        "period_start", "channel", "contrib_mean", "contrib_low", "contrib_high",
    ]  # fmt: skip
    assert {row["channel"] for row in rows} == {"tv", "digital", "social"}
    assert len(rows) == 3 * len({row["period_start"] for row in rows})
    assert all(row["contrib_low"] <= row["contrib_mean"] <= row["contrib_high"] for row in rows)
    assert found["decomposition"] == "counterfactual"
    assert not found["adds_up"]
    assert "overlap" in found["note"]


def test_additive_contributions_stay_below_the_counterfactual_ones(
    server: TestClient, run_id: str
) -> None:
    lost, parts = (
        sum(
            row["contrib_mean"]
            for row in read(server, run_id, "contributions", decomposition=form).json()[
                "contributions"
            ]
        )
        for form in ("counterfactual", "additive")
    )

    assert read(server, run_id, "contributions", decomposition="additive").json()["adds_up"]
    assert parts < lost  # under a log link what would be lost overlaps


def test_fitted_sales_stand_beside_those_that_were_seen(server: TestClient, run_id: str) -> None:
    rows = read(server, run_id, "fitted").json()["fitted"]
    seen = {str(t.date()): y for t, y in zip(*_columns("period_start", "sales"), strict=True)}
    inside = np.mean([row["y_hat_low"] <= row["y"] <= row["y_hat_high"] for row in rows])

    assert list(rows[0]) == ["period_start", "y", "y_hat_mean", "y_hat_low", "y_hat_high"]
    assert all(row["y"] == pytest.approx(seen[row["period_start"]], rel=1e-12) for row in rows)
    # of about 104 draws with a chance of 0.94 each: four standard errors
    assert abs(inside - 0.94) < 4 * np.sqrt(0.94 * 0.06 / len(rows))


def _columns(*names: str) -> list[list[Any]]:
    return [sample()[1][name].to_pylist() for name in names]


def test_wider_intervals_hold_more(server: TestClient, run_id: str) -> None:
    def width(level: float) -> float:
        rows = read(server, run_id, "fitted", level=level).json()["fitted"]
        return float(np.mean([row["y_hat_high"] - row["y_hat_low"] for row in rows]))

    assert width(0.5) < width(0.94) < width(0.99)


def test_the_posterior_is_summarized_by_mean_and_interval(server: TestClient, run_id: str) -> None:
    lines = read(server, run_id, "posterior_summary").json()["parameters"]
    named = {line["parameter"]: line for line in lines}

    assert {"beta[tv]", "beta[digital]", "beta[social]", "sigma", "nu", "intercept"} <= set(named)
    assert all(line["hdi_3%"] <= line["mean"] <= line["hdi_97%"] for line in lines)


def test_diagnostics_judge_parameters_and_chains(server: TestClient, run_id: str) -> None:
    found = read(server, run_id, "diagnostics").json()

    assert found["verdict"] in ("good", "warning")
    assert [chain["chain"] for chain in found["chains"]] == [1, 2]
    assert found["divergences"] == sum(chain["divergences"] for chain in found["chains"])
    assert found["ebfmi_min"] == pytest.approx(min(c["bfmi"] for c in found["chains"]), rel=1e-9)
    assert max(line["r_hat"] for line in found["parameters"]) <= found["r_hat_max"] + 1e-9


def test_every_output_is_as_large_as_it_is_said_to_be(server: TestClient, run_id: str) -> None:
    found = read(server, run_id, "outputs").json()
    artifacts = {artifact["name"]: artifact for artifact in found["artifacts"]}

    assert set(artifacts) == {
        *("canonical_data.parquet", "features.parquet", "feature_scaler.json"),
        *("validation_summary.json", "posterior.nc", "posterior_summary", "diagnostics"),
        *("contributions", "fitted"),
    }
    for artifact in artifacts.values():
        got = server.get(artifact["url"]).raise_for_status()
        assert got.headers["content-type"].partition(";")[0] == artifact["media_type"]
        assert len(got.content) == artifact["bytes"]


def test_the_files_are_what_the_model_was_given_and_gave(
    server: TestClient, run_id: str, tmp_path: Path
) -> None:
    def table(name: str) -> pa.Table:
        return pq.read_table(io.BytesIO(read(server, run_id, f"outputs/{name}").content))

    canonical, features = table("canonical_data.parquet"), table("features.parquet")
    scaler = read(server, run_id, "outputs/feature_scaler.json").json()
    file = tmp_path / "posterior.nc"
    file.write_bytes(server.get(f"/api/v1/runs/{run_id}/posterior").content)

    assert set(canonical.column_names) == set(SAMPLE_COLUMNS)
    assert canonical.num_rows == 104
    assert {"media_tv", "ctrl_price", "trend", "sin_1", "cos_2"} <= set(features.column_names)
    assert scaler["media"]["tv"]["decay"] == 0.5
    price = canonical["ctrl_price"].to_numpy()[-features.num_rows :]
    mean, sd = (scaler["controls"]["ctrl_price"][part] for part in ("mean", "sd"))
    assert features["ctrl_price"].to_numpy() == pytest.approx((price - mean) / sd, rel=1e-9)
    with xr.open_datatree(file) as tree:
        assert dict(tree["posterior"].sizes) == {"chain": 2, "draw": 1000, **_dims()}


def _dims() -> dict[str, int]:
    return {"channel": 3, "column": 7}


@pytest.mark.parametrize("call", ["build_features", "train"])
def test_a_run_that_is_done_is_not_begun_again(server: TestClient, run_id: str, call: str) -> None:
    refused = server.post(f"/runs/{run_id}/{call}")

    assert refused.status_code == 409
    assert refused.json()["type"] == "/problems/illegal-transition"
    assert refused.json()["next"] == f"GET /runs/{run_id}/outputs"


def test_events_follow_a_run_by_its_id(server: TestClient, run_id: str) -> None:
    link = status(server, run_id)["links"]["events"]

    told = server.get(link).raise_for_status()

    assert told.headers["content-type"].startswith("text/event-stream")
    assert run_id in told.text
    assert "succeeded" in told.text


def test_every_link_leads_somewhere(server: TestClient, run_id: str) -> None:
    links = status(server, run_id)["links"]

    answers = {name: server.get(link) for name, link in links.items() if name != "cancel"}

    assert {"outputs", "fitted", "contributions", "report", "record", "dataset"} <= set(answers)
    assert {answer.status_code for answer in answers.values()} == {200}
    assert server.post(links["cancel"]).status_code == 409  # it is over


def test_the_answer_of_a_run_that_is_done_is_found_by_whoever_asks_the_same(
    server: TestClient, run_id: str
) -> None:
    settings = server.get(f"/runs/{run_id}").json()["settings"]

    found = server.post(f"/api/v1/experiments/{SAMPLE}/runs", json=settings)

    assert found.status_code == 200
    assert (found.json()["run_id"], found.json()["cached"]) == (run_id, True)


def test_a_run_that_was_asked_for_elsewhere_is_told_as_json_to_who_asks_for_it(
    server: TestClient, run_id: str
) -> None:
    settings = server.get(f"/runs/{run_id}").json()["settings"] | {"seed": 977}
    begun = server.post(f"/api/v1/experiments/{SAMPLE}/runs", json=settings).json()["id"]
    server.post(f"/api/v1/runs/{begun}/cancel").raise_for_status()

    told = server.get(f"/runs/{begun}", headers={"Accept": "application/json"})
    page = server.get(f"/runs/{begun}", headers=HTML)

    assert told.json()["run_id"] == server.get(f"/runs/{begun}/status").json()["run_id"] == begun
    assert told.json()["settings"]["seed"] == 977
    assert page.headers["content-type"].startswith("text/html")
