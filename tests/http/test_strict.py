"""A parameter that is not there is refused: an answer to another question would look the same."""

import re
from typing import Any

import pytest
from starlette.testclient import TestClient

HTML = {"Accept": "text/html"}
PAIR = "event=claim&A=north&B=south"


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        (f"/compare?{PAIR}&startt=2024-01-02", "start"),
        ("/cohorts?startt=2024-01-02", "start"),
        ("/posterior?cohort=north&event=claim&unti=hour", "unit"),
        ("/posterior/north/claim?endd=2024-01-09", "end"),
        ("/posterior/north/claim/samples?sed=3", "seed"),
        ("/api/v1/runs?experimentx=observations", "experiment"),
        ("/api/v1/experiments/observations/events?form=csv", "format"),
    ],
)
def test_a_parameter_that_was_mistyped_is_refused_with_what_was_meant(
    observed: TestClient, address: str, meant: str
) -> None:
    refused = observed.get(address)
    problem = refused.json()

    assert refused.status_code == 422
    assert problem["hint"].startswith(f"Did you mean {meant}? There are: ")
    assert len(problem["fields"]) == 1


def test_every_address_for_programs_refuses_what_it_does_not_take(observed: TestClient) -> None:
    paths: dict[str, Any] = observed.get("/openapi.json").json()["paths"]
    lax = []
    for path, operations in paths.items():
        filled = re.sub(r"\{\w+\}", "observations", path)
        for method, operation in operations.items():
            found = observed.request(method, f"{filled}?nothing_of_the_sort=1")
            if operation["tags"] != ["operations"] and found.status_code != 422:
                lax.append((method, path, found.status_code))

    # a question reads its parameters by the kind of its experiment or run, or is not of that kind
    assert {status for _, _, status in lax} <= {400, 404}
    assert all(path.endswith("/posterior") or "/api/v1/" in path for _, path, _ in lax)
    assert {method for method, _, _ in lax} == {"get"}


def test_a_question_by_address_refuses_what_neither_it_nor_the_kind_takes(
    observed: TestClient,
) -> None:
    address = "/api/v1/experiments/observations/compare?a=north&b=south&evnt=claim"

    assert "evnt" in observed.get(address).json()["detail"]
    assert observed.get(address).status_code == 422


@pytest.mark.parametrize("address", ["/", "/runs", "/ui/posterior", "/static/app.css", "/healthz"])
def test_pages_files_and_checks_of_health_take_whatever_is_sent(
    observed: TestClient, address: str
) -> None:
    assert observed.get(f"{address}?utm_source=mail", headers=HTML).status_code == 200


def test_a_page_that_is_an_answer_to_programs_too_takes_what_browsers_send(
    observed: TestClient,
) -> None:
    run = observed.post("/api/v1/experiments/observations/runs", json={}).json()["run_id"]
    address = f"/runs/{run}?utm_source=mail"

    assert observed.get(address, headers=HTML).status_code == 200
    assert observed.get(address).status_code == 422


def test_runs_are_listed_by_experiment(client: TestClient) -> None:
    for name in ("one", "two"):
        made = {"name": name, "kind": "bernoulli"}
        client.post("/api/v1/experiments", json=made).raise_for_status()
        rows = [{"outcome": True}, {"outcome": False}]
        client.post(f"/api/v1/experiments/{name}/events", json=rows).raise_for_status()
        client.post(f"/api/v1/experiments/{name}/runs", json={}).raise_for_status()

    listed = client.get("/api/v1/runs", params={"experiment": "two"}).json()["runs"]

    assert [run["experiment"] for run in listed] == ["two"]
    assert client.get("/api/v1/runs", params={"experiment": "three"}).status_code == 404
