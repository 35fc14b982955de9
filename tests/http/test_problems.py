"""Whatever goes wrong is a problem document, and tells nothing that it should not."""

from typing import Any

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from pymc_vibes.core.errors import problems
from pymc_vibes.http.problems import MEDIA_TYPE

API = "/api/v1"
WRONG = {
    "no such address": ("GET", "/nope", {}, 404),
    "no such address, deep": ("GET", f"{API}/experiments/x/y/z/w", {}, 404),
    "no such method": ("PUT", f"{API}/kinds", {}, 405),
    "no such kind": ("GET", f"{API}/kinds/nope", {}, 404),
    "no such experiment": ("GET", f"{API}/experiments/nope", {}, 404),
    "a bad parameter": ("GET", f"{API}/experiments?limit=many", {}, 422),
    "a huge parameter": ("GET", f"{API}/experiments?limit=1{'0' * 5000}", {}, 422),
    "a missing parameter": ("GET", "/compare", {}, 422),
    "not JSON": ("POST", f"{API}/experiments", {"content": b"{"}, 400),
    "not an object": ("POST", f"{API}/experiments", {"json": [1]}, 400),
    "not a number": ("POST", f"{API}/experiments", {"content": b'{"a": NaN}'}, 400),
    "nested": ("POST", f"{API}/experiments", {"content": b"[" * 5000}, 400),
    "a lone surrogate": ("POST", f"{API}/experiments", {"content": b'{"name": "\\ud800"}'}, 400),
    "not UTF-8": ("POST", f"{API}/experiments", {"content": b'{"name": "\xff"}'}, 400),
    "a form": ("POST", f"{API}/experiments", {"data": {"name": "x"}}, 415),
    "a bad cell": ("GET", "/posterior/nobody/nothing", {}, 404),
    "a bad config": ("POST", f"{API}/experiments/observations/runs", {"json": {"level": 7}}, 422),
    "a bad snapshot": ("POST", f"{API}/experiments/observations/runs?snapshot=999", {}, 404),
    "a bad window": ("GET", "/posterior/north/claim?start=0", {}, 422),
}


def drop_runs(client: TestClient) -> None:
    """Break the run table as a careless hand would."""
    engine = client.app.state.service.queue.engine  # type: ignore[attr-defined]
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE runs"))


@pytest.mark.parametrize(("method", "path", "more", "status"), WRONG.values(), ids=WRONG.keys())
def test_every_error_is_a_problem_document(
    observed: TestClient, method: str, path: str, more: dict[str, Any], status: int
) -> None:
    response = observed.request(method, path, **more)
    problem = response.json()

    assert response.status_code == status
    assert response.headers["content-type"] == MEDIA_TYPE
    assert problem["status"] == status
    assert problem["type"].removeprefix("/problems/") in {p.slug() for p in problems()}
    assert problem["detail"].endswith((".", "!", "?", "]"))
    assert problem["instance"] == path.partition("?")[0]
    assert problem["request_id"] == response.headers["x-request-id"]


def test_a_wrong_method_says_which_are_right(observed: TestClient) -> None:
    response = observed.put(f"{API}/kinds")

    assert response.headers["allow"] == "GET"
    assert "GET" in response.json()["detail"]


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        (f"{API}/experiments", "GET, POST"),
        (f"{API}/experiments/x", "DELETE, GET, PATCH"),
        (f"{API}/runs/x/cancel", "POST"),
        ("/", "GET"),
    ],
)
def test_a_wrong_method_names_those_of_every_route_there(
    observed: TestClient, path: str, methods: str
) -> None:
    assert observed.put(path).headers["allow"] == methods


def test_what_breaks_on_our_side_leaks_nothing(client: TestClient) -> None:
    drop_runs(client)

    response = client.get(f"{API}/runs")

    assert response.status_code == 500
    assert response.headers["content-type"] == MEDIA_TYPE
    assert response.json()["type"] == "/problems/internal-fault"
    assert "no such table" not in response.text
    assert "Traceback" not in response.text
    assert response.headers["x-content-type-options"] == "nosniff"


def test_a_run_table_that_cannot_be_read_is_not_ready(client: TestClient) -> None:
    drop_runs(client)

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"
    assert client.get("/healthz").status_code == 200


def test_a_person_gets_a_page(observed: TestClient) -> None:
    response = observed.get("/nope", headers={"Accept": "text/html,*/*;q=0.8"})

    assert response.status_code == 404
    assert response.headers["content-type"].startswith("text/html")
    assert "There is nothing at this address" in response.text


def test_the_api_never_answers_with_a_page(observed: TestClient) -> None:
    response = observed.get(f"{API}/nope", headers={"Accept": "text/html"})

    assert response.headers["content-type"] == MEDIA_TYPE


@pytest.mark.parametrize("problem", problems(), ids=lambda problem: problem.slug())
def test_every_problem_has_a_page(observed: TestClient, problem: Any) -> None:
    page = observed.get(f"/problems/{problem.slug()}")

    assert page.status_code == 200
    assert problem.title() in page.text


def test_every_problem_is_listed(observed: TestClient) -> None:
    page = observed.get("/problems").text

    assert all(f'href="/problems/{problem.slug()}"' in page for problem in problems())


def test_a_problem_that_is_none_has_no_page(observed: TestClient) -> None:
    assert observed.get("/problems/nonsense").status_code == 404
