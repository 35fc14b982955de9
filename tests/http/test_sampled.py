"""Over HTTP what must be sampled answers 202, with a run to follow, on every route."""

import re
from collections.abc import Callable, Iterator
from threading import Event
from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from pymc_vibes.http.app import create_app
from pymc_vibes.settings import Settings
from tests.http.conftest import words_of
from tests.sampled.registered import TOSSES, Gate

API = "/api/v1/experiments/coin"
HTML = {"Accept": "text/html"}
PARTIAL = {"HX-Request": "true"}


@pytest.fixture
def coin(settings: Settings, gate: Gate) -> Iterator[TestClient]:
    """A server with a kind that must sample, and some tosses."""
    assert not gate.file.exists()
    with TestClient(create_app(settings, quiet=True)) as client:
        client.post("/api/v1/experiments", json={"name": "coin", "kind": "coin"}).raise_for_status()
        headers = {"Content-Type": "text/csv"}
        client.post(f"{API}/events", content=TOSSES, headers=headers).raise_for_status()
        yield client


def follow(
    client: TestClient, pending: Response, holds: Callable[[Any], bool] = lambda _run: False
) -> dict[str, Any]:
    """Follow a run until something holds of it, or it is over."""
    assert pending.status_code == 202
    while True:
        run = client.get(pending.headers["Location"]).raise_for_status().json()
        if run["state"] not in ("queued", "running") or holds(run):
            return dict(run)
        Event().wait(0.01)


def is_half_way(run: Any) -> bool:
    return bool(run["progress"]) and run["progress"]["done"] == 20  # where the gate is


def test_a_run_is_followed_to_its_answer(coin: TestClient, gate: Gate) -> None:
    pending = coin.post(f"{API}/runs", json={})
    half_way = follow(coin, pending, is_half_way)
    gate.open()
    over = follow(coin, pending)
    answer = coin.post(f"{API}/runs", json={})

    assert pending.headers["Retry-After"] == "1"
    assert pending.json()["id"] == half_way["id"]
    assert half_way["state"] == "running"
    assert half_way["progress"]["total"] == 40
    assert over["state"] == "succeeded"
    assert answer.status_code == 200
    assert answer.json()["run_id"] == over["id"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"{API}/heads"),
        ("GET", f"{API}/heads"),
        ("GET", "/coin/posterior?experiment_name=coin"),
    ],
)
def test_every_route_to_the_answer_follows_the_same_run(
    coin: TestClient, gate: Gate, method: str, path: str
) -> None:
    pending = coin.post(f"{API}/runs", json={})
    joined = coin.request(method, path)
    gate.open()
    follow(coin, joined)

    assert joined.headers["Location"] == pending.headers["Location"]
    assert coin.request(method, path).status_code == 200


@pytest.mark.parametrize("part", ["summary", "diagnostics", "figures", "samples", "report"])
def test_the_parts_of_a_run_are_pending_with_it(coin: TestClient, part: str) -> None:
    where = coin.post(f"{API}/runs", json={}).headers["Location"]

    assert coin.get(f"{where}/{part}").status_code == 202


def test_a_run_is_cancelled_once(coin: TestClient) -> None:
    pending = coin.post(f"{API}/runs", json={})
    follow(coin, pending, is_half_way)
    where = pending.headers["Location"]
    asked = coin.post(f"{where}/cancel")
    over = follow(coin, pending)
    again = coin.post(f"{where}/cancel")

    assert asked.status_code == 200
    assert over["state"] == "cancelled"
    assert again.status_code == 409
    assert again.json()["type"] == "/problems/run-cancelled"
    assert coin.get(f"{where}/summary").json()["type"] == "/problems/no-answer"


def test_a_finished_run_cannot_be_cancelled(coin: TestClient, gate: Gate) -> None:
    gate.open()
    pending = coin.post(f"{API}/runs", json={})
    follow(coin, pending)
    refused = coin.post(f"{pending.headers['Location']}/cancel")

    assert refused.status_code == 409
    assert refused.json()["type"] == "/problems/illegal-transition"


def test_a_failure_is_told_by_the_run_and_by_the_question(coin: TestClient, gate: Gate) -> None:
    gate.open()
    run = follow(coin, coin.post(f"{API}/runs", json={"ends": "broken"}))
    again = coin.post(f"{API}/runs", json={"ends": "broken"})

    assert run["error"]["detail"] == "The coin fell off the table."
    assert again.status_code == 500
    assert again.json()["type"] == run["error"]["type"] == "/problems/inference-failed"


def test_the_list_says_how_far_runs_are(coin: TestClient) -> None:
    pending = coin.post(f"{API}/runs", json={})
    follow(coin, pending, is_half_way)
    (line,) = coin.get("/api/v1/runs").json()["runs"]

    assert line["state"] == "running"
    assert line["progress"]["stage"] == "sampling"


def test_diagnostics_tell_every_attempt_and_the_reason_for_the_method(
    coin: TestClient, gate: Gate
) -> None:
    gate.open()
    pending = coin.post(f"{API}/runs", json={})
    follow(coin, pending)
    found = coin.get(f"{pending.headers['Location']}/diagnostics").json()

    assert found["why"] == "The test says so."
    assert [attempt["verdict"] for attempt in found["attempts"]] == ["problem", "good"]


def test_fits_in_the_background_and_runs_that_wait_are_counted(
    coin: TestClient, gate: Gate
) -> None:
    pending = coin.post(f"{API}/runs", json={})
    coin.post(f"{API}/runs", json={"level": 0.9})
    follow(coin, pending, is_half_way)
    before = coin.get("/metrics").text
    gate.open()
    follow(coin, pending)
    while 'vibes_fits_total{kind="coin"' not in (after := coin.get("/metrics").text):
        Event().wait(0.01)

    assert 'vibes_runs_unfinished{state="running"} 1.0' in before
    assert 'vibes_runs_unfinished{state="queued"} 1.0' in before
    assert 'method="nuts",verdict="good"} ' in after


def test_the_page_shows_how_far_it_is_and_then_the_answer(coin: TestClient, gate: Gate) -> None:
    before = coin.get("/experiments/coin", headers=HTML)
    (run,) = coin.get("/api/v1/runs").json()["runs"]
    standing = f"/runs/{run['id']}/standing"
    where = Response(202, headers={"Location": f"/api/v1/runs/{run['id']}"})
    follow(coin, where, is_half_way)
    half_way = words_of(coin.get(standing, headers=PARTIAL).text)
    gate.open()
    follow(coin, where)
    over = coin.get(standing, headers=PARTIAL)
    after = words_of(coin.get("/experiments/coin", headers=HTML).text)

    assert f'hx-get="{standing}"' in before.text
    assert '<meta http-equiv="refresh"' in before.text
    assert "Sampling … " in half_way
    assert "20 of 40 steps · 2 divergences" in half_way
    assert over.headers["HX-Refresh"] == "true"
    assert "The coin falls on heads now and then." in after
    assert "Why this method The test says so." in after
    assert "Attempts of the sampler" in after


def test_a_part_of_a_page_is_asked_for_again_once_it_is_there(coin: TestClient, gate: Gate) -> None:
    address = "/experiments/coin/ask/heads?asked=1"
    panel = coin.get(address, headers=PARTIAL)
    standing = re.search(r'hx-get="([^"]+)"', panel.text)
    assert standing is not None
    gate.open()
    (run,) = coin.get("/api/v1/runs").json()["runs"]
    follow(coin, Response(202, headers={"Location": f"/api/v1/runs/{run['id']}"}))
    over = coin.get(standing[1], headers=PARTIAL)

    assert f'hx-get="{address}"' in over.text
    assert "Heads, mostly." in coin.get(address, headers=PARTIAL).text


def test_cancelling_on_a_page_leads_to_the_page_of_the_run(coin: TestClient) -> None:
    pending = coin.post(f"{API}/runs", json={})
    run_id = pending.json()["id"]
    page = coin.post(f"/runs/{run_id}/cancel")
    follow(coin, pending)
    over = coin.get(f"/runs/{run_id}/standing", headers=PARTIAL)

    assert page.url.path == f"/runs/{run_id}"
    assert over.headers["HX-Redirect"] == f"/runs/{run_id}"
    assert "This run was cancelled." in words_of(coin.get(f"/runs/{run_id}", headers=HTML).text)


def test_a_doubtful_answer_says_so_before_it_says_anything(coin: TestClient, gate: Gate) -> None:
    gate.open()
    pending = coin.post(f"{API}/runs", json={"ends": "doubtful"})
    follow(coin, pending)
    pages = [
        coin.get("/experiments/coin?set.ends=doubtful", headers=HTML).text,
        coin.get(f"{pending.headers['Location']}/report").text,
    ]

    for text in map(words_of, pages):
        said = text.rindex("The coin falls on heads")
        assert text.index("Do not rely on this: R-hat of theta is 1.40") < said
        assert text.index("Doubtful") < said
        assert "Toss again" in text
