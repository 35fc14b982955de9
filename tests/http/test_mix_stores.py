"""Staged runs with the stores of a team: stages in PostgreSQL, files in S3, another one works."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from pymc_vibes.http.app import create_app
from pymc_vibes.service import Service
from pymc_vibes.service.setup import prepare_stores
from pymc_vibes.settings import Settings
from tests.http.mix import create, sample_csv, status, upload
from tests.servers import Bucket


@pytest.fixture
def settings(tmp_path: Path, postgres_url: str, s3: Bucket) -> Settings:
    """Stores of a team."""
    given: dict[str, Any] = {
        "home": tmp_path / "home",
        "ledger": "off",
        "catalog": postgres_url,
        "queue": postgres_url,
        "data": f"s3://{s3.bucket}/lake",
        "artifacts": f"s3://{s3.bucket}/runs",
        **s3.settings(),
    }
    return Settings(**given)


@pytest.fixture
def servers(settings: Settings) -> Iterator[tuple[TestClient, TestClient]]:
    """Two servers on the same stores, neither of which works on runs."""
    assert list(prepare_stores(settings))
    services = [Service.open(settings, works=False) for _ in range(2)]
    first, second = (
        TestClient(create_app(settings, service=service, quiet=True)) for service in services
    )
    with first, second:
        upload(first, sample_csv()).raise_for_status()
        yield first, second
    for service in services:
        service.close()


def test_stages_are_those_of_the_run_whichever_server_is_asked(
    servers: tuple[TestClient, TestClient],
) -> None:
    first, second = servers
    run_id = create(first)

    built = second.post(f"/runs/{run_id}/build_features").raise_for_status().json()
    begun = first.post(f"/runs/{run_id}/train").raise_for_status().json()
    seen = status(second, run_id)
    second.post(f"/api/v1/runs/{run_id}/cancel").raise_for_status()
    over = status(first, run_id)

    assert built["stage"] == "FEATURES_BUILT"
    assert (begun["stage"], seen["state"]) == ("TRAINING", "queued")
    assert seen["history"][:4] == begun["history"]
    assert over["reason"]["code"] == "run-cancelled"


def test_two_servers_begin_a_run_once(servers: tuple[TestClient, TestClient]) -> None:
    run_id = create(servers[0])

    def train(turn: int) -> int:
        return servers[turn % 2].post(f"/runs/{run_id}/train").status_code

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(train, range(4)))
    told = status(servers[0], run_id)

    assert 202 in statuses
    assert set(statuses) <= {202, 409}
    stages = [mark["stage"] for mark in told["history"]]
    assert stages == ["CREATED", "VALIDATED", "FEATURES_BUILT", "TRAINING"]


@pytest.mark.parametrize("strange", ["%00", "a%00b", "%F0%9F%92%A5", "x" * 100])
def test_an_id_that_no_run_can_have_is_not_found(
    servers: tuple[TestClient, TestClient], strange: str
) -> None:
    places = [f"/runs/{strange}{part}" for part in ("", "/status", "/fitted", "/outputs")]

    answers = [servers[0].get(place) for place in (*places, f"/api/v1/runs/{strange}")]

    assert {answer.status_code for answer in answers} == {404}
