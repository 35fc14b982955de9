"""The doctor on real servers: well, wrong, and away."""

import dataclasses
from pathlib import Path

import psycopg
import pytest

from pymc_vibes.core.errors import BadConfig, NotInitialized, StoreUnavailable
from pymc_vibes.service import stores
from pymc_vibes.settings import Settings
from pymc_vibes.store import reach
from tests.servers import Bucket, ObjectStore, Postgres, free_port


def placed(home: Path, bucket: Bucket) -> Settings:
    """Settings whose data and artifacts are in a bucket."""
    place = f"s3://{bucket.bucket}"
    return Settings(
        home=home, data=f"{place}/lake/", artifacts=f"{place}/runs", **bucket.settings()
    )


def test_a_database_tells_its_release_and_its_time(postgres_url: str) -> None:
    found = reach.reach_postgres(postgres_url)

    assert found.what.startswith("PostgreSQL ")
    assert abs(found.clock_ahead) < stores.CLOCK_SECONDS


def test_the_clocks_of_the_stores_are_asked(
    tmp_path: Path, s3: Bucket, postgres_url: str, shared_postgres: Postgres
) -> None:
    settings = placed(tmp_path, s3).model_copy(update={"queue": postgres_url})

    found = stores.check_clock(settings)

    assert found.ok, found
    assert "PostgreSQL at 127.0.0.1:" in found.found
    assert "object store" in found.found
    assert shared_postgres.password not in found.found


def test_a_clock_that_is_off_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, postgres_url: str
) -> None:
    monkeypatch.setattr(stores, "CLOCK_SECONDS", 0.0)  # none is as exact as that

    found = stores.check_clock(Settings(home=tmp_path, queue=postgres_url))

    assert not found.ok
    assert "Synchronize" in found.mend


def test_a_probe_leaves_nothing_behind(tmp_path: Path, s3: Bucket) -> None:
    settings = placed(tmp_path, s3)

    data, artifacts = stores.check_data(settings), stores.check_artifacts(settings)

    assert data.ok
    assert artifacts.ok
    assert f"s3://{s3.bucket}/runs" in artifacts.found
    assert s3.objects() == {}


def test_a_bucket_that_is_missing_leads_to_db_init(
    tmp_path: Path, shared_store: ObjectStore
) -> None:
    with pytest.raises(NotInitialized, match="no bucket nowhere") as told:
        stores.check_data(placed(tmp_path, shared_store.bucket("nowhere")))

    assert "vibes db init" in (told.value.hint or "")


def test_a_wrong_key_is_told(tmp_path: Path, s3: Bucket) -> None:
    stranger = dataclasses.replace(s3, secret="wrong-secret")  # noqa: S106  # that is the point

    with pytest.raises(StoreUnavailable, match="refuses the key") as told:
        stores.check_data(placed(tmp_path, stranger))

    assert "VIBES_S3_SECRET" in (told.value.hint or "")
    assert "wrong-secret" not in told.value.detail


def test_a_database_that_is_missing_leads_to_db_init(shared_postgres: Postgres) -> None:
    with pytest.raises(NotInitialized, match="does not exist") as told:
        reach.reach_postgres(shared_postgres.url("nowhere"))

    assert "vibes db init" in (told.value.hint or "")
    assert shared_postgres.password not in str(told.value)


def test_a_wrong_password_is_told(shared_postgres: Postgres) -> None:
    address = shared_postgres.url().replace(shared_postgres.password, "wrong")

    with pytest.raises(StoreUnavailable, match=r"refuses the user or the password.*vibes:\*\*\*@"):
        reach.reach_postgres(address)


def test_a_database_that_hangs_is_told(monkeypatch: pytest.MonkeyPatch, postgres: Postgres) -> None:
    monkeypatch.setattr(reach, "ANSWER_SECONDS", 2)
    postgres.hold.suspend()
    try:
        with pytest.raises(StoreUnavailable, match="does not answer"):
            reach.reach_postgres(postgres.url())
    finally:
        postgres.hold.resume()

    assert reach.reach_postgres(postgres.url()).what


def test_a_store_that_hangs_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, object_store: ObjectStore
) -> None:
    settings = placed(tmp_path, object_store.fresh_bucket())
    monkeypatch.setattr(reach, "ANSWER_SECONDS", 1)
    object_store.hold.suspend()
    try:
        with pytest.raises(StoreUnavailable, match="does not answer"):
            stores.check_data(settings)
    finally:
        object_store.hold.resume()

    monkeypatch.setattr(reach, "ANSWER_SECONDS", 5)
    assert stores.check_data(settings).ok


def test_servers_that_are_away_are_told_and_found_again(
    tmp_path: Path, object_store: ObjectStore, postgres: Postgres
) -> None:
    settings = placed(tmp_path, object_store.fresh_bucket())
    object_store.stop()
    postgres.stop()
    with pytest.raises(StoreUnavailable, match="does not answer"):
        stores.check_data(settings)
    with pytest.raises(StoreUnavailable, match="Connection refused"):
        reach.reach_postgres(postgres.url())

    object_store.start()
    postgres.start()

    assert stores.check_data(settings).ok
    assert reach.reach_postgres(postgres.url()).what


def test_a_ledger_without_tables_leads_to_db_init(postgres_url: str) -> None:
    with pytest.raises(NotInitialized) as told:
        stores.check_ledger(Settings(ledger=postgres_url))

    assert "vibes db init" in (told.value.hint or "")


def test_a_ledger_of_another_release_is_told(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE alembic_version AS SELECT 'another' AS version_num")
        connection.execute("CREATE TABLE runs AS SELECT 1 AS run")

    found = stores.check_ledger(Settings(ledger=postgres_url))

    assert not found.ok
    assert "1 run, schema another" in found.found


def test_an_address_that_is_none_is_told() -> None:
    with pytest.raises(BadConfig, match="not an address of PostgreSQL"):
        reach.reach_postgres("postgresql://host:port/name?nothing=1")


def test_a_ledger_server_that_is_away_is_told() -> None:
    with pytest.raises(StoreUnavailable, match="does not answer"):
        stores.check_ledger(Settings(ledger=f"http://127.0.0.1:{free_port()}"))


def test_a_server_that_says_it_is_ill_is_told(object_store: ObjectStore) -> None:
    with pytest.raises(StoreUnavailable, match="answers 4"):
        stores.check_server(Settings(url=object_store.endpoint))


def test_an_endpoint_that_is_none_is_told() -> None:
    with pytest.raises(StoreUnavailable, match="does not answer") as told:
        reach.reach_endpoint(Settings(s3_endpoint="http://127.0.0.1:not-a-port"))

    assert "VIBES_S3_ENDPOINT" in (told.value.hint or "")


def test_a_cluster_that_is_away_is_told() -> None:
    found = stores.check_executor(Settings(executor=f"dask://127.0.0.1:{free_port()}"))

    assert not found.ok
    assert "VIBES_EXECUTOR=local" in found.mend
