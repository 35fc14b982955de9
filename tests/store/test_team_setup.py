"""A shared lake is made by one command, and says what to run before that; secrets stay secret."""

import re
import sys
from pathlib import Path

import duckdb
import pytest

from pymc_vibes.core.errors import BadConfig, NotInitialized, StoreUnavailable, VibesError
from pymc_vibes.settings import Settings
from pymc_vibes.store.artifacts import prepare_artifacts
from pymc_vibes.store.lake import Lake, prepare_lake
from tests.servers import Bucket, ObjectStore, Postgres
from tests.store.lake_worlds import NAME, World, events, make, put

ROWS = "ts,cohort,event\n2026-01-01,a,x\n"
MANY = "ts,cohort,event\n" + "2026-01-01,a,x\n" * 30_000


def refusal(settings: Settings) -> VibesError:
    with pytest.raises(VibesError) as caught:
        Lake.open(settings)
    return caught.value


def test_a_shared_lake_that_was_not_set_up_says_what_to_run(
    tmp_path: Path, postgres_url: str, s3: Bucket
) -> None:
    no_catalog = Settings(home=tmp_path, catalog=postgres_url)
    no_database = Settings(home=tmp_path, catalog=f"{postgres_url}_absent")
    no_bucket = Settings(home=tmp_path, data="s3://absent-bucket/x", **s3.settings())

    found = [refusal(each) for each in (no_catalog, no_database, no_bucket)]

    assert {type(each) for each in found} == {NotInitialized}
    assert all("vibes db init" in (each.hint or "") for each in found)


def test_setting_up_makes_what_is_missing_and_can_be_repeated(
    tmp_path: Path, shared_postgres: Postgres, shared_store: ObjectStore
) -> None:
    name = f"made_{tmp_path.name.lower()}"[:40].replace("-", "_")
    bucket = shared_store.bucket(f"made-{tmp_path.name.lower()}"[:40].replace("_", "-").rstrip("-"))
    settings = Settings(
        home=tmp_path,
        catalog=shared_postgres.url(name),
        data=f"s3://{bucket.bucket}/deep/er",
        artifacts=f"s3://{bucket.bucket}/artifacts",
        **bucket.settings(),
    )

    first = prepare_lake(settings), prepare_artifacts(settings)
    second = prepare_lake(settings), prepare_artifacts(settings)
    with Lake.open(settings) as lake:
        make(lake)
        put(lake, tmp_path, MANY)
        rows = len(events(lake))
    shared_postgres.drop_database(name)

    assert [line.rpartition(": ")[2] for line in first[0]] == ["made"] * 3
    assert [line.rpartition(": ")[2] for part in second for line in part] == ["already there"] * 4
    assert rows == 30_000
    assert any(key.startswith("deep/er/main/") for key in bucket.objects())
    assert shared_postgres.password not in str(first + second)


@pytest.mark.parametrize("mix", ["PostgreSQL and a folder", "SQLite and S3"])
def test_catalog_and_data_may_be_in_any_mix(
    tmp_path: Path, postgres_url: str, s3: Bucket, mix: str
) -> None:
    catalog, bucket = (postgres_url, None) if mix.endswith("folder") else ("", s3)
    world = World.create(tmp_path / "home", catalog=catalog, bucket=bucket)

    with Lake.open(world.settings) as lake:
        make(lake)
        put(lake, tmp_path, MANY)
        put(lake, tmp_path, ROWS)
        lake.compact()
    with Lake.open(world.settings) as lake:
        assert len(events(lake)) == 30_001
    assert world.files()


def test_servers_that_keep_the_data_in_different_places_are_told(
    team: World, tmp_path: Path
) -> None:
    elsewhere = team.settings.model_copy(update={"data": str(tmp_path / "elsewhere")})

    error = refusal(elsewhere)

    assert isinstance(error, BadConfig)
    assert "VIBES_DATA" in (error.hint or "")


def test_what_opening_says_never_holds_a_password(
    tmp_path: Path, shared_postgres: Postgres, s3: Bucket
) -> None:
    wrong = "wr0ng-and-secret"
    address = shared_postgres.url("postgres").replace(shared_postgres.password, wrong)
    key = {**s3.settings(), "s3_secret": wrong}
    opened = [
        Settings(home=tmp_path, catalog=address),
        Settings(home=tmp_path, catalog=address.replace("127.0.0.1", "127.0.0.1:1,127.0.0.1")),
        Settings(home=tmp_path, data=f"s3://{s3.bucket}/x", **key),
    ]

    found = [refusal(each) for each in opened]

    assert all(wrong not in f"{each} {each.hint} {each.extras}" for each in found)
    assert isinstance(found[2], StoreUnavailable)


@pytest.mark.parametrize(
    "package", ["duckdb_extension_postgres_scanner", "duckdb_extension_httpfs", "psycopg", "boto3"]
)
def test_what_is_not_installed_is_named(
    team: World, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # which is how Python knows an absent one

    error = refusal(team.settings)

    assert isinstance(error, NotInitialized)
    assert "pip install 'pymc-vibes[team]'" in (error.hint or "")


def test_a_bucket_without_a_key_is_told(tmp_path: Path) -> None:
    error = refusal(Settings(home=tmp_path, data="s3://bucket/x"))

    assert isinstance(error, BadConfig)
    assert "VIBES_S3_KEY_ID" in (error.hint or "")


def test_the_engine_shows_its_secrets_to_no_sql(
    team: World, tmp_path: Path, shared_postgres: Postgres
) -> None:
    asked = (
        "FROM duckdb_secrets()",
        "FROM duckdb_databases()",
        "FROM duckdb_settings()",
        "FROM duckdb_logs()",
        "FROM __ducklake_metadata_lake.ducklake_metadata",
    )
    with Lake.open(team.settings) as lake:
        make(lake)
        put(lake, tmp_path, ROWS)
        with lake.reading(lake.experiment(NAME)) as view:
            said = [str(view.connection.raw_sql(sql).fetchall()) for sql in asked]
            with pytest.raises(duckdb.Error):
                view.connection.raw_sql("FROM duckdb_secrets(redact = false)")

    assert team.bucket is not None
    assert all(shared_postgres.password not in text for text in said)
    assert all(team.bucket.secret not in text for text in said)
    assert "redacted" in said[0]


def test_the_engine_of_a_shared_lake_is_shut_in(team: World, s3: Bucket, tmp_path: Path) -> None:
    s3.client().put_object(Bucket=s3.bucket, Key="private.csv", Body=b"a\n1\n")
    hostile = [
        f"FROM read_csv('s3://{s3.bucket}/private.csv')",
        f"FROM read_csv('{s3.endpoint}/{s3.bucket}/private.csv')",
        f"COPY (SELECT 1) TO 's3://{s3.bucket}/new.parquet'",
        "FROM read_text('/etc/passwd')",
        f"ATTACH '{team.settings.catalog}' AS other (TYPE postgres)",
        "INSTALL json",
        "LOAD sqlite_scanner",
        "SET enable_external_access = true",
        "CREATE PERSISTENT SECRET more (TYPE s3, KEY_ID 'a', SECRET 'b')",
    ]
    with Lake.open(team.settings) as lake:
        make(lake)
        put(lake, tmp_path, ROWS)
        with lake.reading(lake.experiment(NAME)) as view:
            for sql in hostile:
                with pytest.raises(duckdb.Error) as caught:
                    view.connection.raw_sql(sql)
                assert re.search(r"(?i)permission|disabled|cannot|not found", str(caught.value)), (
                    sql
                )


def test_a_detour_out_of_the_prefix_leads_nowhere(team: World, s3: Bucket, tmp_path: Path) -> None:
    """DuckDB lets such an address pass, because it begins like the prefix; the store does not."""
    s3.client().put_object(Bucket=s3.bucket, Key="private.csv", Body=b"a\ncanary\n")
    with Lake.open(team.settings) as lake:
        make(lake)
        put(lake, tmp_path, ROWS)
        before = s3.objects()
        with lake.reading(lake.experiment(NAME)) as view:
            detour = f"s3://{s3.bucket}/lake/.."
            with pytest.raises(duckdb.Error) as reading:
                view.connection.raw_sql(f"FROM read_csv('{detour}/private.csv')")
            with pytest.raises(duckdb.Error):
                view.connection.raw_sql(f"COPY (SELECT 1) TO '{detour}/new.parquet'")

    assert "canary" not in str(reading.value)
    assert s3.objects() == before


def test_an_address_without_a_scheme_is_told(tmp_path: Path, s3: Bucket) -> None:
    endpoint = {**s3.settings(), "s3_endpoint": s3.endpoint.removeprefix("http://")}

    error = refusal(Settings(home=tmp_path, data=f"s3://{s3.bucket}/x", **endpoint))

    assert isinstance(error, StoreUnavailable)
    assert "VIBES_S3_ENDPOINT" in (error.hint or "")
