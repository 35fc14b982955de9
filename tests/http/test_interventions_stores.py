"""Interventions with the stores of a team: history in PostgreSQL, and the run in MLflow."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pymc_vibes.http.app import create_app
from pymc_vibes.service import Service
from pymc_vibes.service.mirror import Mirror, Tries
from pymc_vibes.service.setup import prepare_stores
from pymc_vibes.settings import Settings
from pymc_vibes.store.artifacts import Artifacts
from pymc_vibes.store.ledger import Ledger, address
from tests.http.test_interventions import ANALYZE, HISTORY, PNG, ask, upload


@pytest.fixture
def settings(tmp_path: Path, postgres_url: str) -> Settings:
    return Settings(home=tmp_path / "home", queue=postgres_url)


@pytest.fixture
def team(settings: Settings) -> Iterator[tuple[TestClient, Service]]:
    """An application whose runs are kept in PostgreSQL, with ninety days of three people."""
    assert list(prepare_stores(settings))
    service = Service.open(settings)
    with TestClient(create_app(settings, service=service, quiet=True)) as client:
        upload(client, "behavioral_events")
        yield client, service
    service.close()


def test_a_history_in_postgresql_is_of_one_person_only(
    team: tuple[TestClient, Service],
) -> None:
    client, _ = team
    runs = {
        person: client.post(ANALYZE, json=ask(user_id=person)).json()["run_id"]
        for person in ("ana", "Ana", "a/b%")
    }

    found = {
        person: client.get(f"{HISTORY}/{address}").json()["analyses"]
        for person, address in (("ana", "ana"), ("Ana", "Ana"), ("a/b%", "a%2Fb%25"))
    }

    assert {p: [line["run_id"] for line in lines] for p, lines in found.items()} == {
        person: [run] for person, run in runs.items()
    }


def test_the_run_is_found_in_mlflow_with_params_metrics_and_four_plots(
    team: tuple[TestClient, Service], settings: Settings
) -> None:
    from mlflow import MlflowClient

    client, service = team
    body = client.post(ANALYZE, json=ask()).json()
    tries = Tries(settings.home / "ledger.tries.json")

    Mirror(service.queue, Artifacts.open(settings), Ledger(settings), tries).drain()

    told = client.post(ANALYZE, json=ask()).json()["mlflow_run_id"]
    run = MlflowClient(tracking_uri=address(settings.ledger_place)).get_run(told)
    assert run.data.tags["vibes.run_id"] == body["run_id"]
    assert run.data.params["user_id"] == "ana"
    assert any("average" in name for name in run.data.metrics)
    kept = {path.stem: path for path in Path(run.info.artifact_uri).rglob("*.png")}
    wanted = {
        "observed_and_expected",
        "posterior_predictive_check",
        "effect_distribution",
        "quadrature_grid",
    }
    assert wanted <= set(kept)
    assert all(kept[name].read_bytes().startswith(PNG) for name in wanted)
