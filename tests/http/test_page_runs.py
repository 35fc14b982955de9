"""The history of runs: each with its state, method, time and worker; filtered, paged, stopped."""

import re
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest
from starlette.testclient import TestClient

from pymc_vibes.http import page_runs
from pymc_vibes.http.app import create_app
from pymc_vibes.settings import Settings
from tests.http.conftest import words_of
from tests.sampled.registered import TOSSES, Gate

HTML = {"Accept": "text/html"}


@pytest.fixture
def coin(settings: Settings, gate: Gate) -> Iterator[TestClient]:
    """A server with two coins that must be sampled, and tosses of both."""
    with TestClient(create_app(settings, quiet=True)) as client:
        for name in ("coin", "penny"):
            made = {"name": name, "kind": "coin"}
            client.post("/api/v1/experiments", json=made).raise_for_status()
            where, headers = f"/api/v1/experiments/{name}/events", {"Content-Type": "text/csv"}
            client.post(where, content=TOSSES, headers=headers).raise_for_status()
        yield client
        gate.open()


def begin(client: TestClient, name: str = "coin", **config: Any) -> str:
    """Ask a question that must be sampled, and give its run."""
    pending = client.post(f"/api/v1/experiments/{name}/runs", json=config)
    assert pending.status_code == 202
    return str(pending.json()["id"])


def finished(client: TestClient, run_id: str) -> str:
    while client.get(f"/api/v1/runs/{run_id}").json()["state"] in ("queued", "running"):
        Event().wait(0.01)
    return run_id


def listed(client: TestClient, **asked: str) -> list[str]:
    page = client.get("/runs", params=asked, headers=HTML)
    assert page.status_code == 200
    return re.findall(r'<a href="/runs/(\w+)"><time', page.text)


def test_a_history_without_runs_says_how_to_make_one(coin: TestClient) -> None:
    words = words_of(coin.get("/runs", headers=HTML).text)

    assert "No runs yet: each answer leaves one behind." in words
    assert "vibes analyze NAME" in words


def test_runs_are_found_by_state_and_experiment(coin: TestClient, gate: Gate) -> None:
    running = begin(coin)
    while coin.get(f"/api/v1/runs/{running}").json()["state"] != "running":
        Event().wait(0.01)
    queued = begin(coin, "penny", level=0.9)
    before = [listed(coin, state=state) for state in ("running", "queued", "failed")]
    gate.open()
    finished(coin, queued)
    failed = finished(coin, begin(coin, "penny", ends="broken"))

    assert before == [[running], [queued], []]
    assert listed(coin, state="failed") == [failed]
    assert listed(coin, experiment="penny") == [failed, queued]
    assert listed(coin, experiment="penny", state="succeeded") == [queued]
    assert listed(coin, state="no such state") == [failed, queued, running]


def test_a_finished_run_says_method_verdict_and_time(coin: TestClient, gate: Gate) -> None:
    gate.open()
    finished(coin, begin(coin, ends="doubtful"))
    words = words_of(coin.get("/runs", headers=HTML).text)

    assert re.search(r"coin · sampled, verdict problem · took \d+ (ms|s)", words)
    assert "Cancel" not in words


def test_a_running_run_says_who_works_on_it_and_can_be_stopped(coin: TestClient) -> None:
    run_id = begin(coin)
    while "50 %" not in (words := words_of(coin.get("/runs", headers=HTML).text)):
        Event().wait(0.01)
    page = coin.post(f"/runs/{run_id}/cancel")
    finished(coin, run_id)

    assert re.search(r"Sampling … 50 % coin · worker \S+-\d+ ", words)
    assert page.url.path == f"/runs/{run_id}"
    assert listed(coin, state="cancelled") == [run_id]


def test_a_cancelled_run_says_what_was_asked_and_offers_to_ask_again(coin: TestClient) -> None:
    run_id = begin(coin, seed=7)
    coin.post(f"/runs/{run_id}/cancel")
    finished(coin, run_id)
    page = coin.get(f"/runs/{run_id}", headers=HTML).text

    assert "This run was cancelled. It was asked with changed settings: seed = 7" in words_of(page)
    assert 'href="/experiments/coin?set.seed=7"' in page


def test_pages_of_the_history_follow_each_other_and_end(
    coin: TestClient, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_runs, "LISTED", 2)
    gate.open()
    runs = [finished(coin, begin(coin, seed=seed)) for seed in range(4)]
    first = coin.get("/runs?experiment=coin&state=succeeded", headers=HTML).text
    earlier = re.search(r'<a href="([^"]+)">Earlier runs', first)
    assert earlier is not None
    last = coin.get(earlier[1].replace("&amp;", "&"), headers=HTML).text

    found = [re.findall(r'<a href="/runs/(\w+)"><time', page) for page in (first, last)]
    assert found == [runs[:1:-1], runs[1::-1]]
    assert "Earlier runs" not in last


def test_a_list_for_programs_is_filtered_too(coin: TestClient, gate: Gate) -> None:
    gate.open()
    done = finished(coin, begin(coin))
    failed = finished(coin, begin(coin, ends="broken"))
    of_one, of_all = "/api/v1/experiments/coin/runs", "/api/v1/runs"

    for path in (of_one, of_all):
        (line,) = coin.get(path, params={"state": "succeeded"}).json()["runs"]
        assert (line["id"], line["method"], line["tries"]) == (done, "nuts", 1)
        assert line["seconds"] >= 0
        assert [run["id"] for run in coin.get(path, params={"state": "failed"}).json()["runs"]] == [
            failed
        ]
    assert coin.get(of_all, params={"state": "lost"}).status_code == 422


def test_what_is_asked_of_a_run_without_an_answer_says_why_there_is_none(
    coin: TestClient, gate: Gate
) -> None:
    broken = coin.post("/api/v1/experiments/coin/runs", json={"ends": "broken"}).json()["id"]
    gate.open()
    finished(coin, broken)

    for part in ("summary", "diagnostics", "figures", "posterior", "samples", "report"):
        refused = coin.get(f"/api/v1/runs/{broken}/{part}")
        problem = refused.json()
        assert (refused.status_code, problem["type"]) == (409, "/problems/no-answer")
        assert f"Run {broken} failed, so it has no answer:" in problem["detail"]
        assert "vibes analyze coin" in problem["hint"]
        assert (problem["run"], problem["state"]) == (broken, "failed")


def test_a_page_leads_from_a_missing_answer_to_its_run(coin: TestClient) -> None:
    stopped = begin(coin)
    coin.post(f"/api/v1/runs/{stopped}/cancel").raise_for_status()
    finished(coin, stopped)

    page = coin.post(f"/runs/{stopped}/reproduce", headers=HTML)

    assert page.status_code == 409
    assert f"Run {stopped} was cancelled, so it has no answer." in words_of(page.text)
    assert f'href="/runs/{stopped}"' in page.text


def test_a_program_that_asks_for_json_at_the_page_of_a_run_is_told_where_it_is(
    coin: TestClient,
) -> None:
    run_id = begin(coin)

    told = coin.get(f"/runs/{run_id}", headers={"Accept": "application/json"})

    assert told.headers["content-type"] == "application/problem+json"
    assert told.json()["hint"] == f"GET /api/v1/runs/{run_id} shows it."
    assert coin.get(f"/runs/{run_id}", headers=HTML).headers["content-type"].startswith("text/html")
