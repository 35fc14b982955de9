"""The tests' servers are real: they keep what they acknowledged, and refuse a wrong key."""

import dataclasses

import psycopg
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tests.servers import Bucket, ObjectStore, Postgres


def test_a_database_is_empty_and_takes_a_table(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        tables = connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone()
        connection.execute("CREATE TABLE numbers AS SELECT 7 AS number")
        row = connection.execute("SELECT number FROM numbers").fetchone()

    assert tables == (0,)
    assert row == (7,)


def test_a_wrong_password_is_refused(shared_postgres: Postgres) -> None:
    address = shared_postgres.url().replace(shared_postgres.password, "wrong")

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(address)


def test_an_object_comes_back_as_it_was_put(s3: Bucket) -> None:
    client = s3.client()

    client.put_object(Bucket=s3.bucket, Key="a/b c.bin", Body=b"\x00\xff")
    found = client.get_object(Bucket=s3.bucket, Key="a/b c.bin")["Body"].read()

    assert found == b"\x00\xff"
    assert s3.objects() == {"a/b c.bin": 2}


def test_a_wrong_key_is_refused(s3: Bucket) -> None:
    stranger = dataclasses.replace(s3, secret="wrong")  # noqa: S106  # that is the point

    with pytest.raises(ClientError) as refused:
        stranger.client().put_object(Bucket=s3.bucket, Key="a", Body=b"")

    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_a_killed_database_keeps_what_was_committed(postgres: Postgres) -> None:
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute("CREATE TABLE numbers AS SELECT 7 AS number")

    postgres.kill()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(postgres.url())
    postgres.start()

    with psycopg.connect(postgres.url()) as connection:
        assert connection.execute("SELECT number FROM numbers").fetchone() == (7,)


def test_a_stopped_store_comes_back_at_its_address(object_store: ObjectStore) -> None:
    found = object_store.fresh_bucket()
    found.client().put_object(Bucket=found.bucket, Key="a", Body=b"b")

    object_store.stop()
    with pytest.raises(EndpointConnectionError):
        found.objects()
    object_store.start()

    assert found.objects() == {"a": 1}


def test_an_unused_server_ends_and_leaves_nothing() -> None:
    server = ObjectStore.create()

    server.hold.remove()

    assert not server.hold.folder.exists()
