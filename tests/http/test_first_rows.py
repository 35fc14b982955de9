"""The first rows of rates make their experiment, whatever it is called."""

import pytest
from starlette.testclient import TestClient


@pytest.mark.parametrize("name", ["observations", "nyc"])
def test_first_rows_make_an_experiment_of_any_name(client: TestClient, name: str) -> None:
    rows = [{"ts": "2024-01-01", "cohort": "east", "event": "claim", "count": 3}]

    client.post("/ingest", params={"experiment": name}, json=rows).raise_for_status()
    client.post("/ingest", params={"experiment": name.upper()}, json=rows).raise_for_status()

    assert client.get("/posterior/east/claim", params={"experiment": name}).json()["k"] == 6


@pytest.mark.parametrize("name", ["observations", "nyc"])
def test_first_rows_that_are_refused_leave_no_experiment(client: TestClient, name: str) -> None:
    bad = [{"ts": "whenever", "cohort": "east", "event": "claim"}]
    good = [{"ts": "2024-01-01", "cohort": "east", "event": "claim"}]
    there = f"/api/v1/experiments/{name}"

    refused = client.post("/ingest", params={"experiment": name}, json=bad)
    before = client.get(there)
    client.post("/ingest", params={"experiment": name}, json=good)

    assert (refused.status_code, before.status_code) == (422, 404)
    assert client.get(there).json()["rows"] == 1


def test_a_name_that_cannot_be_is_refused(client: TestClient) -> None:
    problem = client.post("/ingest", params={"experiment": "New York!"}, json=[{}])

    assert problem.status_code == 422
    assert problem.json()["type"] == "/problems/bad-name"
