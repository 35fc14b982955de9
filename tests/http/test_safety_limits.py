"""Nobody can ask for so much costly work that nothing is left for the others."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.testclient import TestClient

from pymc_vibes.core.errors import TooManyRequests
from pymc_vibes.http.app import create_app
from pymc_vibes.http.auth import LOCAL, Principal, create_token
from pymc_vibes.http.limits import MOST_CLIENTS, Limits, costs_of
from pymc_vibes.kinds import catalog
from pymc_vibes.settings import Settings
from tests.http.conftest import SECRET
from tests.sampled.registered import TOSSES, Gate

GENERATE = "/api/v1/kinds/bernoulli/generate"
ROWS = [{"ts": "2024-01-01", "cohort": "a", "event": "e"}]
CHEAP = {
    *("/sign-in", "/sign-out", "/experiments", "/runs/{run_id}/cancel"),
    *("/api/v1/experiments", "/api/v1/runs/{run_id}/cancel", "/api/v1/kinds/{slug}/{query}"),
    *("/api/v1/experiments/{name}/{query}", "/api/v1/runs/{run_id}/{query}"),
    *(f"/experiments/{{name}}/{change}" for change in ("settings", "clear-cache", "delete")),
    *(
        f"/experiments/{{name}}/workbench/{c}"
        for c in ("cancel", "experiments", "experiments/remove")
    ),
    *(  # questions before any data: seconds at most, on bounded parameters
        f"/api/v1/kinds/{kind.slug}/{query.slug}"
        for kind in catalog().values()
        for query in kind.queries
        if query.on == "config"
    ),
}


def routes_of(app: FastAPI) -> Iterator[tuple[str, str, object]]:
    for context in iter_route_contexts(app.routes):
        route = getattr(context, "original_route", context)
        yield from ((method, context.path_format or "", route) for method in context.methods or ())


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tight(tmp_path: Path) -> Settings:
    """Settings that demand a token and allow two of everything."""
    return Settings(
        home=tmp_path / "home",
        auth_secret=SECRET,
        max_uploads_per_minute=2,
        max_downloads_per_minute=2,
        max_runs_per_minute=2,
    )


@pytest.fixture
def busy(tight: Settings, clock: Clock) -> Iterator[TestClient]:
    app = create_app(tight, quiet=True)
    app.state.limits = Limits(tight, clock)
    with TestClient(app) as opened:
        yield opened


def holder(settings: Settings, name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {create_token(settings, name, ['admin'], 1)}"}


def ann() -> Principal:
    return Principal(subject="ann", scopes=frozenset({"read"}), via="bearer")


def test_who_used_up_their_minute_waits_as_long_as_they_are_told(
    busy: TestClient, tight: Settings, clock: Clock
) -> None:
    headers = holder(tight, "ann")
    served = [busy.get(GENERATE, headers=headers).status_code for _ in range(2)]

    refused = busy.get(GENERATE, headers=headers)
    clock.now += float(refused.headers["retry-after"])
    later = busy.get(GENERATE, headers=headers)

    assert (served, refused.status_code, later.status_code) == ([200, 200], 429, 200)
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["type"] == "/problems/too-many-requests"
    assert "VIBES_MAX_DOWNLOADS_PER_MINUTE" in refused.json()["hint"]


def test_one_clients_haste_does_not_stop_another(busy: TestClient, tight: Settings) -> None:
    for _ in range(3):
        last = busy.get(GENERATE, headers=holder(tight, "ann"))

    other = busy.get(GENERATE, headers=holder(tight, "bob"))

    assert (last.status_code, other.status_code) == (429, 200)


def test_a_second_token_of_the_same_holder_gives_no_second_share(
    busy: TestClient, tight: Settings
) -> None:
    answers = []
    for days in (1, 2, 3):
        token = create_token(tight, "ann", ["admin"], days)
        headers = {"Authorization": f"Bearer {token}"}
        answers.append(busy.get(GENERATE, headers=headers).status_code)

    assert answers == [200, 200, 429]


def test_an_upload_that_is_refused_stores_nothing(busy: TestClient, tight: Settings) -> None:
    headers = holder(tight, "ann")
    answers = [busy.post("/ingest", json=ROWS, headers=headers).status_code for _ in range(4)]

    shown = busy.get("/api/v1/experiments/observations", headers=headers).json()

    assert answers == [200, 200, 429, 429]
    assert shown["rows"] == 2


def test_reading_what_is_known_is_never_refused(busy: TestClient, tight: Settings) -> None:
    headers = holder(tight, "ann")
    busy.post("/ingest", json=ROWS, headers=headers)

    answers = {busy.get("/posterior/a/e", headers=headers).status_code for _ in range(20)}

    assert answers == {200}


def test_one_person_at_one_machine_is_never_refused(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, max_downloads_per_minute=1)
    with TestClient(create_app(settings, quiet=True)) as client:
        answers = {client.get(GENERATE).status_code for _ in range(5)}

    assert answers == {200}


def test_a_run_is_paid_once_however_often_it_is_asked_about(clock: Clock) -> None:
    limits = Limits(Settings(max_runs_per_minute=2), clock)
    for _ in range(50):
        limits.began(ann(), "the same run")
    limits.admit(ann(), "runs")
    limits.began(ann(), "another run")

    with pytest.raises(TooManyRequests) as refusal:
        limits.admit(ann(), "runs")

    assert refusal.value.extras["retry_after"] == 30


def test_a_bucket_holds_no_more_than_a_minute(clock: Clock) -> None:
    limits = Limits(Settings(max_downloads_per_minute=2), clock)
    limits.admit(ann(), "downloads")
    clock.now += 3600
    limits.admit(ann(), "downloads")
    limits.admit(ann(), "downloads")

    with pytest.raises(TooManyRequests):
        limits.admit(ann(), "downloads")


def test_buckets_do_not_pile_up(clock: Clock) -> None:
    limits = Limits(Settings(), clock)
    for number in range(MOST_CLIENTS + 10):
        client = Principal(subject=f"client {number}", scopes=frozenset(), via="bearer")
        limits.admit(client, "downloads")
        limits.began(client, f"run {number}")

    assert len(limits._buckets) == MOST_CLIENTS  # noqa: SLF001  # nothing else shows what is held


def test_who_works_without_a_token_has_no_bucket(clock: Clock) -> None:
    limits = Limits(Settings(max_downloads_per_minute=1), clock)

    answers = [limits.admit(LOCAL, "downloads") for _ in range(5)]

    assert answers == [None] * 5


@pytest.fixture
def coins(tight: Settings, gate: Gate, clock: Clock) -> Iterator[TestClient]:
    """A server of a kind whose answers are sampled, none of which comes while the gate is shut."""
    assert not gate.file.exists()
    app = create_app(tight, quiet=True)
    app.state.limits = Limits(tight, clock)
    with TestClient(app, headers=holder(tight, "ann")) as client:
        client.post("/api/v1/experiments", json={"name": "coin", "kind": "coin"}).raise_for_status()
        sent = {"content": TOSSES, "headers": {"Content-Type": "text/csv"}}
        client.post("/api/v1/experiments/coin/events", **sent).raise_for_status()
        yield client


@pytest.mark.parametrize(
    "ask",
    [
        lambda client, seed: client.post("/api/v1/experiments/coin/runs", json={"seed": seed}),
        lambda client, seed: client.get(f"/experiments/coin?set.seed={seed}"),
        lambda client, seed: client.get(f"/coin/posterior?experiment_name=coin&seed={seed}"),
    ],
    ids=["run", "page", "address"],
)
def test_whatever_begins_a_run_is_counted(coins: TestClient, ask: Any) -> None:
    answers = [ask(coins, seed).status_code for seed in (1, 1, 1, 2, 3)]

    assert 429 not in answers[:4]
    assert answers[4] == 429


def test_every_route_that_can_begin_a_run_or_make_something_large_has_its_cost() -> None:
    app = create_app(Settings(), quiet=True)
    priced = {
        (method, path): costs_of(route)
        for method, path, route in routes_of(app)
        if method in {"GET", "POST"}
    }

    free = {pair for pair, costs in priced.items() if not costs}

    assert {path for method, path in free if method == "POST"} <= CHEAP
    assert not {path for _, path in free if path.endswith(("/samples", "/report", "/posterior"))}
    assert not {
        path for _, path in free if path.endswith(("/generate", "{name}/events", "/ingest"))
    }
    assert not {path for _, path in free if "/figures/" in path}
