"""`vibes db init` on real servers: it makes everything, says so, and may be repeated."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.cli import terminal
from tests.servers import ObjectStore, Postgres, free_port

if TYPE_CHECKING:
    import subprocess

DATABASES = {"ducklake_catalog", "vibes_runs", "mlflow"}


def variables(postgres: Postgres, store: ObjectStore) -> dict[str, str]:
    """The settings of a team whose servers are empty."""
    return {
        "VIBES_CATALOG": postgres.url("ducklake_catalog"),
        "VIBES_QUEUE": postgres.url("vibes_runs"),
        "VIBES_LEDGER": postgres.url("mlflow"),
        "VIBES_DATA": "s3://ducklake/lake",
        "VIBES_ARTIFACTS": "s3://mlflow/vibes",
        **store.bucket("ducklake").environment(),
    }


@pytest.fixture
def team(postgres: Postgres, object_store: ObjectStore) -> dict[str, str]:
    return variables(postgres, object_store)


def vibes(
    home: Path, settings: Mapping[str, str], *arguments: str
) -> "subprocess.CompletedProcess[bytes]":
    return terminal.run(*arguments, home=home, **settings)


def databases(postgres: Postgres) -> set[str]:
    with psycopg.connect(postgres.url()) as connection:
        found = connection.execute("SELECT datname FROM pg_database WHERE NOT datistemplate")
        return {name for (name,) in found} - {"postgres"}


def test_it_makes_everything_once_and_then_the_doctor_is_content(
    tmp_path: Path, team: dict[str, str], postgres: Postgres, object_store: ObjectStore
) -> None:
    first = vibes(tmp_path, team, "db", "init")
    again = vibes(tmp_path / "another machine", team, "db", "init", "--json")
    examined = vibes(tmp_path, team, "doctor")

    assert first.returncode == 0, first.stderr.decode()
    assert databases(postgres) == DATABASES
    buckets = object_store.bucket("mlflow").client().list_buckets()["Buckets"]
    assert {bucket["Name"] for bucket in buckets} == {"ducklake", "mlflow"}
    for name in (*DATABASES, "bucket ducklake", "bucket mlflow"):
        assert [line for line in first.stdout.decode().splitlines() if f"{name} at" in line]
    done = json.loads(again.stdout)["done"]
    assert [line for line in done[:-1] if "already there" not in line] == []
    unwell = [check for check in json.loads(examined.stdout)["checks"] if not check["ok"]]
    assert unwell == []
    told = (first.stdout + first.stderr + again.stdout + examined.stdout).decode()
    assert postgres.password not in told
    assert object_store.secret not in told


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("worker",), ("db", "snapshots")])
@pytest.mark.parametrize("there", [True, False], ids=["empty", "missing"])
def test_what_is_started_before_it_says_what_to_run(
    tmp_path: Path,
    postgres_url: str,
    s3_variables: dict[str, str],
    command: tuple[str, ...],
    *,
    there: bool,
) -> None:
    address = postgres_url if there else f"{postgres_url}_missing"
    settings = {**s3_variables, "VIBES_CATALOG": address, "VIBES_QUEUE": address}

    refused = vibes(tmp_path, settings, *command)

    assert refused.returncode == 7, refused.stderr.decode()
    assert "vibes db init" in refused.stderr.decode()
    assert "Traceback" not in refused.stderr.decode()


@pytest.fixture
def s3_variables(shared_store: ObjectStore) -> dict[str, str]:
    bucket = shared_store.fresh_bucket()
    return {**bucket.environment(), "VIBES_DATA": f"s3://{bucket.bucket}/lake"}


def test_a_database_that_is_away_is_told_before_anything_is_made(tmp_path: Path) -> None:
    address = f"postgresql://vibes:canary-secret@127.0.0.1:{free_port()}/lake"

    refused = vibes(tmp_path, {"VIBES_CATALOG": address}, "db", "init")

    assert refused.returncode == 7
    assert "does not answer" in refused.stderr.decode()
    assert "canary-secret" not in refused.stderr.decode()


def test_who_may_not_make_databases_is_told_what_an_administrator_does(
    tmp_path: Path, postgres: Postgres
) -> None:
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE ada LOGIN PASSWORD 'lovelace-secret'")
    address = postgres.url("ours").replace(f"vibes:{postgres.password}", "ada:lovelace-secret")

    refused = vibes(tmp_path, {"VIBES_QUEUE": address}, "db", "init")

    assert refused.returncode == 7
    assert 'CREATE DATABASE "ours" OWNER "ada"' in refused.stderr.decode()
    assert "lovelace-secret" not in refused.stderr.decode()


def test_an_embedded_home_is_made_in_an_instant_and_without_mlflow(tmp_path: Path) -> None:
    done = vibes(tmp_path / "home", {}, "db", "init")

    assert done.returncode == 0, done.stderr.decode()
    assert "made when the first run is mirrored" in done.stdout.decode()
    assert {path.name for path in (tmp_path / "home").iterdir()} >= {"lake.sqlite", "runs.sqlite"}
    assert not (tmp_path / "home" / "ledger.sqlite").exists()
