"""Over HTTP and on its page a recorded answer is computed again and held against the record."""

import math
from collections.abc import Iterator
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from pymc_vibes.http.app import create_app
from pymc_vibes.settings import Settings
from tests.http.conftest import words_of
from tests.sampled.registered import TOSSES, Gate

if TYPE_CHECKING:
    from pymc_vibes.service import Service

API = "/api/v1/runs"


@pytest.fixture
def run_id(rates: TestClient) -> str:
    """The run of an exact answer."""
    answer = rates.post("/api/v1/experiments/observations/runs", json={})
    return str(answer.raise_for_status().json()["run_id"])


@pytest.fixture
def coin(settings: Settings, gate: Gate) -> Iterator[TestClient]:
    """A server with a kind that must sample and waits for nobody."""
    gate.open()
    with TestClient(create_app(settings, quiet=True)) as client:
        client.post("/api/v1/experiments", json={"name": "coin", "kind": "coin"}).raise_for_status()
        headers = {"Content-Type": "text/csv"}
        path = "/api/v1/experiments/coin/events"
        client.post(path, content=TOSSES, headers=headers).raise_for_status()
        yield client


def over(client: TestClient, location: str) -> dict[str, Any]:
    """Follow a run until it is over."""
    while (run := client.get(location).json())["state"] in ("queued", "running"):
        Event().wait(0.01)
    return dict(run)


def sampled(coin: TestClient) -> str:
    """Sample an answer and give its run."""
    pending = coin.post("/api/v1/experiments/coin/runs", json={})
    return str(over(coin, pending.headers["Location"])["id"])


def test_an_exact_answer_is_computed_again_in_the_request(rates: TestClient, run_id: str) -> None:
    found = rates.post(f"{API}/{run_id}/reproduce").raise_for_status().json()

    assert found["equal"] is True
    assert (found["run_id"], found["source"], found["by"]) == (run_id, "snapshot", None)
    assert (found["differences"], found["surroundings"]) == ([], [])


def test_what_is_sampled_answers_202_and_is_compared_when_it_is_there(coin: TestClient) -> None:
    run_id = sampled(coin)
    pending = coin.post(f"{API}/{run_id}/reproduce")
    fresh = over(coin, pending.headers["Location"])

    found = coin.post(f"{API}/{run_id}/reproduce", params={"by": fresh["id"]}).json()

    assert pending.status_code == 202
    assert pending.json()["id"] == fresh["id"] != run_id
    assert (found["equal"], found["by"]) == (True, fresh["id"])


def test_an_unknown_run_cannot_be_reproduced(client: TestClient) -> None:
    assert client.post(f"{API}/nope/reproduce").status_code == 404


def test_another_run_is_no_reproduction(rates: TestClient, run_id: str) -> None:
    refused = rates.post(f"{API}/{run_id}/reproduce", params={"by": run_id})
    assert refused.status_code == 400
    assert refused.json()["hint"] == f"Begin anew: vibes runs reproduce {run_id}"


def test_the_page_of_a_run_has_a_button_that_computes_it_again(
    rates: TestClient, run_id: str
) -> None:
    page = rates.get(f"/runs/{run_id}").text
    compared = rates.post(f"/runs/{run_id}/reproduce")

    assert f'action="/runs/{run_id}/reproduce"' in page
    assert compared.status_code == 200
    assert "Equal: the answer came out the same to the last digit." in words_of(compared.text)


def test_a_difference_in_the_last_digit_is_seen_on_the_page(rates: TestClient, run_id: str) -> None:
    service: Service = rates.app.state.service  # type: ignore[attr-defined]  # it is one of ours
    run = service.run(run_id)
    assert run.answer is not None
    first, *others = run.answer.summary.estimates
    assert first.mean is not None
    near = math.nextafter(first.mean, math.inf)
    estimates = (first.model_copy(update={"mean": near}), *others)
    summary = run.answer.summary.model_copy(update={"estimates": estimates})
    altered_id = f"{run_id[:-1]}{'1' if run_id[-1] == '0' else '0'}"
    answer = run.answer.model_copy(update={"summary": summary, "run_id": altered_id})
    altered = run.model_copy(update={"id": altered_id, "answer": answer})
    service.queue.record(altered, experiment_id=service.experiment("observations").id)

    page = words_of(rates.post(f"/runs/{altered_id}/reproduce").text)

    assert "Different: 1 value of the answer changed." in page
    assert f"[{first.label}].mean {near!r} {first.mean!r}" in page


def test_the_page_of_what_is_sampled_follows_and_then_compares(coin: TestClient) -> None:
    run_id = sampled(coin)
    sent = coin.post(f"/runs/{run_id}/reproduce", follow_redirects=False)
    fresh = sent.headers["Location"].partition("by=")[2]
    over(coin, f"{API}/{fresh}")

    page = coin.get(sent.headers["Location"])

    assert sent.status_code == 303
    words = words_of(page.text)
    assert "Equal: the answer came out the same to the last digit." in words
    assert f"sampled anew by run {fresh}" in words


def test_who_may_only_read_may_not_make_it_compute(
    locked: TestClient, reader: dict[str, str]
) -> None:
    assert locked.post(f"{API}/x/reproduce", headers=reader).status_code == 403
